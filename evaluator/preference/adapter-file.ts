/**
 * @file An adapter as diffusers' trainers write it: unet.<module>.lora.down.weight [rank, in], .lora.up.weight [out, rank]; a
 * convolution's are [rank, in, height, width] and [out, rank, 1, 1].
 */
import { count } from '../engine/autodiff/graph.ts';
import { TorchGenerator } from '../engine/diffusion/torch-random.ts';
import { encodeSafeTensors, type SafeTensor } from '../engine/onnx/safetensors.ts';
import type { TrainingGraph } from './training-graph.ts';

/**
 * diffusers reads these keys at scale 1: α/rank is multiplied into the upper matrix.
 * @param parameters in the graph's order: each module's A, then B
 */
export function encodeAdapter(
  { parameters: described }: Pick<TrainingGraph, 'parameters'>,
  parameters: readonly Float32Array[],
  scale: number,
): Buffer {
  const tensors = new Map<string, SafeTensor>();
  described.forEach(({ name, dims }, i) => {
    const isUp = name.endsWith('.B');
    const key = `unet.${name.slice(0, -2)}.lora.${isUp ? 'up' : 'down'}.weight`;
    const data = isUp && scale !== 1 ? parameters[i]!.map((value) => value * scale) : parameters[i]!;
    tensors.set(key, { shape: [...dims], data });
  });
  return encodeSafeTensors(tensors);
}

/** A ~ N(0, (1/rank)²), B = 0, in the graph's order: the adapter changes nothing yet. */
export function untrainedAdapter(
  { parameters }: Pick<TrainingGraph, 'parameters'>,
  { seed, rank }: { seed: number; rank: number },
): Float32Array[] {
  const generator = new TorchGenerator(seed);
  return parameters.map(({ name, dims }) =>
    name.endsWith('.A') ? generator.randn(count(dims)).map((x) => x / rank) : new Float32Array(count(dims)),
  );
}
