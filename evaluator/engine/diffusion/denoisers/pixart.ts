/**
 * @file PixArt-Σ's transformer, as diffusers' PixArtTransformer2DModel takes its inputs. Chen et al. (2024), arXiv:2403.04692. It
 * predicts the noise, and a variance that its pipeline drops.
 */
import type { Session } from '../../onnx/session.ts';
import { floatTensor, numbersTensor, stack, timestepTensor } from '../../onnx/tensors.ts';
import type { PipelineFolder } from '../folder.ts';
import { firstOutput, portsOf, statesTensor, type Denoiser } from './denoiser.ts';

const inputs = ['hidden_states', 'encoder_hidden_states', 'encoder_attention_mask', 'timestep'];

export function pixart(session: Session, folder: PipelineFolder): Denoiser {
  const port = portsOf(session, folder, inputs);
  return {
    condition: (prompts) => ({
      encoder_hidden_states: statesTensor(port('encoder_hidden_states'), folder, prompts),
      encoder_attention_mask: numbersTensor(port('encoder_attention_mask'), stack(prompts.map(({ mask }) => mask!)), [
        prompts.length,
        prompts[0]!.tokens,
      ]),
    }),
    async predict(latents, shape, timestep, condition) {
      const both = await firstOutput(session, {
        ...condition,
        hidden_states: floatTensor(port('hidden_states'), latents, shape),
        timestep: timestepTensor(port('timestep'), timestep, shape[0]),
      });
      const [size, stride] = [latents.length / shape[0], both.length / shape[0]];
      if (stride === size) return both;
      return stack(Array.from({ length: shape[0] }, (_, i) => both.slice(i * stride, i * stride + size)));
    },
  };
}
