/** @file The network that is asked at every step, whatever kind it is. */
import { BadInput } from '../../files/bad-input.ts';
import type { PortInfo, Session, Value } from '../../onnx/session.ts';
import { floatTensor, stack, toFloat32 } from '../../onnx/tensors.ts';
import { networkTitles } from '../adapter-keys.ts';
import { families } from '../families.ts';
import type { PipelineFolder } from '../folder.ts';
import type { GenerationSettings } from '../pipeline.ts';
import type { PromptEmbedding } from '../prompt-encoding.ts';

/** [images (twice as many with two runs), channels, height / factor, width / factor] */
export type LatentShape = readonly [number, number, number, number];

/** Inputs that stay the same over the steps. */
export type Condition = Readonly<Record<string, Value>>;

export interface Denoiser {
  /**
   * @param prompts one a row of the batch; the unconditional ones first, as diffusers orders them
   * @throws BadInput when the parts do not fit one another
   */
  condition(prompts: readonly PromptEmbedding[], settings: GenerationSettings, shape: LatentShape): Condition;
  /** What the network says of the latents: noise, v or the velocity, of their shape. */
  predict(latents: Float32Array, shape: LatentShape, timestep: number, condition: Condition): Promise<Float32Array>;
}

/** The ports of a network by name. @throws BadInput for an input that nobody here could give it */
export function portsOf(
  session: Session,
  { folder, kind }: Pick<PipelineFolder, 'folder' | 'kind'>,
  known: readonly string[],
): (name: string) => PortInfo {
  const what = networkTitles[families[kind].network];
  const unknown = session.inputs.find(({ name }) => !known.includes(name));
  if (unknown !== undefined)
    throw new BadInput(`${folder}: the ${what} takes an input ${unknown.name}, which visavis cannot give it.`);
  return (name) => {
    const port = session.inputs.find((input) => input.name === name);
    if (port === undefined)
      throw new BadInput(`${folder}: the ${what} has no input ${name}; export it with optimum-cli.`);
    return port;
  };
}

/** [prompts, tokens, width]. @throws BadInput when the network takes another number of tokens or another width */
export function statesTensor(
  port: PortInfo,
  { folder, kind }: Pick<PipelineFolder, 'folder' | 'kind'>,
  prompts: readonly PromptEmbedding[],
): Value {
  const what = networkTitles[families[kind].network];
  const { tokens, width } = prompts[0]!;
  const [, room, expected] = port.shape;
  if (typeof expected === 'number' && expected !== width) {
    throw new BadInput(
      `${folder}: the text encoder makes ${width} numbers a token, the ${what} takes ${expected}; the parts are of different models.`,
    );
  }
  if (typeof room === 'number' && room !== tokens)
    throw new BadInput(
      `${folder}: the ${what} takes ${room} tokens, the prompt has ${tokens}; export it with a free sequence length.`,
    );
  return floatTensor(port, stack(prompts.map(({ states }) => states)), [prompts.length, tokens, width]);
}

/** [prompts, pooled width] */
export function pooledTensor(port: PortInfo, folder: string, prompts: readonly PromptEmbedding[]): Value {
  const [, expected] = port.shape;
  const width = prompts[0]!.pooled!.length;
  if (typeof expected === 'number' && expected !== width)
    throw new BadInput(
      `${folder}: the text encoders' pooled embeddings have ${width} numbers, the network takes ${expected}; the parts are of different models.`,
    );
  return floatTensor(port, stack(prompts.map(({ pooled }) => pooled!)), [prompts.length, width]);
}

/** What the network says: its first output, as float32. */
export async function firstOutput(session: Session, feeds: Record<string, Value>): Promise<Float32Array> {
  const outputs = await session.run(feeds);
  return toFloat32(outputs[session.outputs[0]!.name]!);
}
