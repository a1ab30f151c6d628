/** @file SD 3's and SD 3.5's transformer, as diffusers' SD3Transformer2DModel takes its inputs. Esser et al. (2024), arXiv:2403.03206. */
import type { Session } from '../../onnx/session.ts';
import { floatTensor, timestepTensor } from '../../onnx/tensors.ts';
import type { PipelineFolder } from '../folder.ts';
import { firstOutput, pooledTensor, portsOf, statesTensor, type Denoiser } from './denoiser.ts';

const inputs = ['hidden_states', 'encoder_hidden_states', 'pooled_projections', 'timestep'];

export function sd3(session: Session, folder: PipelineFolder): Denoiser {
  const port = portsOf(session, folder, inputs);
  return {
    condition: (prompts) => ({
      encoder_hidden_states: statesTensor(port('encoder_hidden_states'), folder, prompts),
      pooled_projections: pooledTensor(port('pooled_projections'), folder.folder, prompts),
    }),
    async predict(latents, shape, timestep, condition) {
      return firstOutput(session, {
        ...condition,
        hidden_states: floatTensor(port('hidden_states'), latents, shape),
        timestep: timestepTensor(port('timestep'), timestep, shape[0]),
      });
    },
  };
}
