/** @file The U-Nets of Stable Diffusion and SDXL, as diffusers' UNet2DConditionModel takes its inputs. */
import type { Session } from '../../onnx/session.ts';
import { floatTensor, stack, timestepTensor } from '../../onnx/tensors.ts';
import type { PipelineFolder } from '../folder.ts';
import { firstOutput, pooledTensor, portsOf, statesTensor, type Denoiser } from './denoiser.ts';

const inputs = ['sample', 'timestep', 'encoder_hidden_states', 'text_embeds', 'time_ids', 'timestep_cond'];

export function unet(session: Session, folder: PipelineFolder): Denoiser {
  const port = portsOf(session, folder, inputs);
  return {
    condition(prompts, { height, width, guidance }) {
      const states = statesTensor(port('encoder_hidden_states'), folder, prompts);
      // Original size, crop corner, target size: each (height, width).
      const ids = [height, width, 0, 0, height, width];
      const { guidanceWidth } = folder;
      const repeated = (numbers: Float32Array) => stack(prompts.map(() => numbers));
      return {
        encoder_hidden_states: states,
        ...(folder.kind === 'sdxl' && {
          text_embeds: pooledTensor(port('text_embeds'), folder.folder, prompts),
          time_ids: floatTensor(port('time_ids'), repeated(Float32Array.from(ids)), [prompts.length, ids.length]),
        }),
        ...(guidanceWidth !== null && {
          timestep_cond: floatTensor(port('timestep_cond'), repeated(guidanceEmbedding(guidance - 1, guidanceWidth)), [
            prompts.length,
            guidanceWidth,
          ]),
        }),
      };
    },
    async predict(latents, shape, timestep, condition) {
      return firstOutput(session, {
        ...condition,
        sample: floatTensor(port('sample'), latents, shape),
        timestep: timestepTensor(port('timestep'), timestep, shape[0]),
      });
    },
  };
}

/**
 * The guidance scale as distilled U-Nets take it: sines, then cosines, of 1000·w over frequencies from 1 down to 1/10000
 * (diffusers' get_guidance_scale_embedding).
 */
export function guidanceEmbedding(w: number, width: number): Float32Array {
  const half = Math.floor(width / 2);
  const out = new Float32Array(width);
  const step = Math.fround(Math.log(10000) / (half - 1));
  for (let i = 0; i < half; i++) {
    const angle = Math.fround(Math.fround(w * 1000) * Math.fround(Math.exp(Math.fround(i * -step))));
    out[i] = Math.sin(angle);
    out[half + i] = Math.cos(angle);
  }
  return out;
}
