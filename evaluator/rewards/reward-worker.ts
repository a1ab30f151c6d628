/** @file The worker thread that runs one reward network on one device. */
import { serveCalls, type CallContext } from '../engine/onnx/worker.ts';
import type { RewardNetwork } from './network-folder.ts';
import { RewardModel } from './reward-model.ts';

let model: RewardModel | undefined;

serveCalls({
  async load(network: RewardNetwork, { device }: CallContext) {
    model = new RewardModel(network, device);
    return { result: await model.logit() };
  },
  async embedImages({ pixels, count }: { pixels: Float32Array; count: number }) {
    return transferred(await model!.embedImages(pixels, count));
  },
  async embedTexts(prompts: string[]) {
    return transferred(await model!.embedTexts(prompts));
  },
  async rate({ embeddings, count }: { embeddings: Float32Array; count: number }) {
    return transferred(await model!.rate(embeddings, count));
  },
  async scoreTogether({ pixels, prompts }: { pixels: Float32Array; prompts: string[] }) {
    return transferred(await model!.scoreTogether(pixels, prompts));
  },
});

function transferred(result: Float32Array) {
  return Promise.resolve({ result, transfer: [result.buffer as ArrayBuffer] });
}
