/**
 * @file FLUX.1's transformer, as diffusers' FluxTransformer2DModel takes its inputs: latents packed two by two into tokens, the
 * place of each token as an input, and (dev) the guidance scale it was distilled with.
 */
import { BadInput } from '../../files/bad-input.ts';
import type { PortInfo, Session, Value } from '../../onnx/session.ts';
import { floatTensor, numbersTensor, timestepTensor } from '../../onnx/tensors.ts';
import type { PipelineFolder } from '../folder.ts';
import { firstOutput, pooledTensor, portsOf, statesTensor, type Denoiser, type LatentShape } from './denoiser.ts';

const inputs = [
  'hidden_states',
  'encoder_hidden_states',
  'pooled_projections',
  'timestep',
  'guidance',
  'txt_ids',
  'img_ids',
];

export function flux(session: Session, folder: PipelineFolder): Denoiser {
  const port = portsOf(session, folder, inputs);
  const takesGuidance = session.inputs.some(({ name }) => name === 'guidance');
  if (takesGuidance !== (folder.guidance === 'input'))
    throw new BadInput(
      `${folder.folder}: the transformer ${takesGuidance ? 'takes' : 'does not take'} a guidance scale, its config says guidance_embeds = ${!takesGuidance}.`,
    );
  return {
    condition(prompts, { guidance }, shape) {
      const batch = prompts.length;
      return {
        encoder_hidden_states: statesTensor(port('encoder_hidden_states'), folder, prompts),
        pooled_projections: pooledTensor(port('pooled_projections'), folder.folder, prompts),
        txt_ids: placesTensor(port('txt_ids'), new Float32Array(prompts[0]!.tokens * 3), batch),
        img_ids: placesTensor(port('img_ids'), imagePlaces(shape), batch),
        ...(folder.guidance === 'input' && {
          guidance: floatTensor(port('guidance'), new Float32Array(batch).fill(guidance), [batch]),
        }),
      };
    },
    async predict(latents, shape, timestep, condition) {
      const [batch, channels, rows, columns] = shape;
      const said = await firstOutput(session, {
        ...condition,
        hidden_states: floatTensor(port('hidden_states'), packed(latents, shape), [
          batch,
          (rows * columns) / 4,
          channels * 4,
        ]),
        timestep: timestepTensor(port('timestep'), timestep / 1000, batch),
      });
      return unpacked(said, shape);
    },
  };
}

/** [tokens, 3], or [batch, tokens, 3] as exports of diffusers before 0.31 take them. */
function placesTensor(port: PortInfo, places: Float32Array, batch: number): Value {
  const tokens = places.length / 3;
  if (port.shape.length < 3) return numbersTensor(port, places, [tokens, 3]);
  const all = new Float32Array(places.length * batch);
  for (let i = 0; i < batch; i++) all.set(places, i * places.length);
  return numbersTensor(port, all, [batch, tokens, 3]);
}

/** (0, row, column) of each token of the image. */
function imagePlaces([, , rows, columns]: LatentShape): Float32Array {
  const [high, wide] = [rows / 2, columns / 2];
  const places = new Float32Array(high * wide * 3);
  for (let token = 0; token < high * wide; token++) {
    places[token * 3 + 1] = Math.floor(token / wide);
    places[token * 3 + 2] = token % wide;
  }
  return places;
}

/**
 * [batch, channels, rows, columns] → [batch, rows/2 · columns/2, 4·channels]: a token's numbers are its channels' two by two
 * latents.
 */
export function packed(latents: Float32Array, shape: LatentShape): Float32Array {
  const out = new Float32Array(latents.length);
  eachLatent(shape, (place, token) => (out[token] = latents[place]!));
  return out;
}

/** The way back. */
export function unpacked(tokens: Float32Array, shape: LatentShape): Float32Array {
  const out = new Float32Array(tokens.length);
  eachLatent(shape, (place, token) => (out[place] = tokens[token]!));
  return out;
}

/** Calls with a latent's index in memory, and where it is among the tokens. */
function eachLatent(
  [batch, channels, rows, columns]: LatentShape,
  visit: (place: number, token: number) => void,
): void {
  let place = 0;
  for (let b = 0; b < batch; b++)
    for (let c = 0; c < channels; c++)
      for (let y = 0; y < rows; y++)
        for (let x = 0; x < columns; x++) {
          const token = (b * rows * columns) / 4 + (y >> 1) * (columns / 2) + (x >> 1);
          visit(place++, (token * channels + c) * 4 + (y & 1) * 2 + (x & 1));
        }
}
