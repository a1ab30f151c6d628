/** @file The worker thread that decodes and resizes images, beside the thread that runs the network. */
import { decodeRgb } from '../engine/images/decode.ts';
import { serveCalls } from '../engine/onnx/worker.ts';
import { preprocess, type Preprocessing } from './preprocessing.ts';

export interface PrepareCall {
  file: string;
  preprocessing: Preprocessing;
}

serveCalls({
  async prepare({ file, preprocessing }: PrepareCall) {
    const pixels = preprocess(await decodeRgb(file, file), preprocessing, file);
    return { result: pixels, transfer: [pixels.buffer as ArrayBuffer] };
  },
});
