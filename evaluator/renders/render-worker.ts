/** @file The worker thread that renders: one pipeline at a time on one device. */
import { serveCalls, type CallContext } from '../engine/onnx/worker.ts';
import {
  Pipeline,
  type GenerationOptions,
  type GenerationSettings,
  type PipelineSource,
} from '../engine/diffusion/pipeline.ts';

export interface GenerateCall {
  prompts: string[];
  seeds: number[];
  settings: GenerationSettings;
  options?: GenerationOptions;
}

let pipeline: Pipeline | undefined;

serveCalls({
  async load(source: PipelineSource, { device }: CallContext) {
    await pipeline?.release();
    pipeline = undefined;
    pipeline = await Pipeline.load(source, device);
    return { result: undefined };
  },
  async generate({ prompts, seeds, settings, options }: GenerateCall, context: CallContext) {
    const hooks = {
      shouldStop: () => context.shouldStop(),
      onStep: (step: number, steps: number) => context.emit({ step, steps }),
    };
    const images = await pipeline!.generate(prompts, seeds, settings, hooks, options);
    return {
      result: images,
      transfer: images.flatMap((image) => [image.pixels.buffer as ArrayBuffer, image.latents.buffer as ArrayBuffer]),
    };
  },
});
