/** @file The worker thread that decodes and resizes pictures, beside the thread that runs the network. */
import { decodeRgb } from '../engine/images/decode.ts';
import { serveCalls } from '../engine/onnx/worker.ts';
import { preprocess, type Preprocessing } from './preprocessing.ts';

export interface PictureCall {
  file: string;
  preprocessing: Preprocessing;
}

serveCalls({
  async prepare({ file, preprocessing }: PictureCall) {
    const pixels = preprocess(await decodeRgb(file, file), preprocessing, file);
    return { result: pixels, transfer: [pixels.buffer as ArrayBuffer] };
  },
});
