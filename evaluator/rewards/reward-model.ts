/** @file A reward network's sessions. It lives in a worker thread (reward-worker.ts): every call blocks. */
import { join } from 'node:path';
import { BadInput } from '../engine/files/bad-input.ts';
import type { Device } from '../engine/onnx/device.ts';
import { encodeModel, readModel, type OnnxModel, type OnnxNode } from '../engine/onnx/model-file.ts';
import { createSession, createSessionFromBytes, type Session } from '../engine/onnx/session.ts';
import { cutModel, cutNetwork } from '../engine/onnx/subgraph.ts';
import { floatTensor, idsTensor, toFloat32 } from '../engine/onnx/tensors.ts';
import { readWeight } from '../engine/onnx/weights.ts';
import type { RewardNetwork } from './network-folder.ts';
import { scorerOf } from './scorers/choose.ts';
import { bertPromptTokenizer, clipPromptTokenizer, type PromptTokenizer } from './tokenizer.ts';

/** Sessions are made when they are first needed: a run whose embeddings are all cached makes none. */
export class RewardModel {
  readonly #network: RewardNetwork;
  readonly #device: Device;
  #vision: Promise<Session> | undefined;
  #text: Promise<{ session: Session; tokenize: PromptTokenizer }> | undefined;
  #head: Promise<Session> | undefined;

  constructor(network: RewardNetwork, device: Device) {
    this.#network = network;
    this.#device = device;
  }

  /**
   * @param pixels [count, 3, size, size]
   * @returns [count, width], each of length 1
   */
  async embedImages(pixels: Float32Array, count: number): Promise<Float32Array> {
    const { folder, vision, preprocessing } = this.#network;
    this.#vision ??= cutNetwork(join(folder, vision), ['image_embeds']).then((source) => this.#session(source));
    const session = await this.#vision;
    const [port] = session.inputs;
    if (session.inputs.length !== 1 || port === undefined)
      throw new BadInput(`${join(folder, vision)}: its image embedding depends on more than the image.`);
    const feed = floatTensor(port, pixels, [count, 3, preprocessing.size, preprocessing.size]);
    const { image_embeds: embeds } = await session.run({ [port.name]: feed }, ['image_embeds']);
    return normalised(toFloat32(embeds!), count);
  }

  /** @returns [prompts, width], each of length 1 */
  async embedTexts(prompts: readonly string[]): Promise<Float32Array> {
    this.#text ??= this.#loadText();
    const { session, tokenize } = await this.#text;
    const tokens = prompts.map(tokenize);
    const feeds = tokenFeeds(session, tokens);
    const { text_embeds: embeds } = await session.run(feeds, ['text_embeds']);
    return normalised(toFloat32(embeds!), prompts.length);
  }

  /** The head's number for each embedding. @param embeddings [count, width] */
  async rate(embeddings: Float32Array, count: number): Promise<Float32Array> {
    const { folder, head } = this.#network;
    const file = join(folder, head!);
    this.#head ??= createSession({ file }, this.#device);
    const session = await this.#head;
    const port = session.inputs[0]!;
    const output = session.outputs[0]!.name;
    const result = await session.run({
      [port.name]: floatTensor(port, embeddings, [count, embeddings.length / count]),
    });
    return single(toFloat32(result[output]!), count, file);
  }

  /** A joint network's number for each image with its prompt. @param pixels [prompts, 3, size, size] */
  async scoreTogether(pixels: Float32Array, prompts: readonly string[]): Promise<Float32Array> {
    const { folder, vision, preprocessing, kind } = this.#network;
    const file = join(folder, vision);
    this.#text ??= (async () => ({
      session: await createSession({ file }, this.#device),
      tokenize: await bertPromptTokenizer(folder, scorerOf(kind).tokens),
    }))();
    const { session, tokenize } = await this.#text;
    const port = session.inputs.find(({ name }) => name === 'pixel_values')!;
    const { size } = preprocessing;
    const output = session.outputs[0]!.name;
    const result = await session.run({
      ...tokenFeeds(session, prompts.map(tokenize)),
      pixel_values: floatTensor(port, pixels, [prompts.length, 3, size, size]),
    });
    return single(toFloat32(result[output]!), prompts.length, file);
  }

  /**
   * exp(logit_scale): from the manifest, or the factor of logits_per_text that no input decides.
   * @throws BadInput when neither is there
   */
  async logitScale(): Promise<number> {
    const { folder, vision, logitScale, kind } = this.#network;
    if (!scorerOf(kind).needsLogitScale) return 1;
    if (logitScale !== null) return logitScale;
    const file = join(folder, vision);
    const scale = await readLogitScale(await readModel(file), file);
    if (scale === undefined || !(scale > 0)) {
      throw new BadInput(
        `${file} holds no logit scale, which ${kind} multiplies by; export the whole CLIP model with its logits, or put { "kind": "${kind}", "logitScale": … } into reward.json.`,
      );
    }
    return scale;
  }

  async #loadText(): Promise<{ session: Session; tokenize: PromptTokenizer }> {
    const { folder, text } = this.#network;
    const file = join(folder, text!);
    const model = await readModel(file);
    if (!model.graph.output.some(({ name }) => name === 'text_embeds'))
      throw new BadInput(`${file} has no output text_embeds; export CLIP with its projection.`);
    const session = await this.#session(await cutNetwork(file, ['text_embeds']));
    if (!session.inputs.some(({ name }) => name === 'input_ids'))
      throw new BadInput(`${file}: its text embedding does not depend on input_ids.`);
    return { session, tokenize: await clipPromptTokenizer(folder) };
  }

  #session(source: Parameters<typeof createSession>[0]): Promise<Session> {
    return createSession(source, this.#device);
  }
}

function tokenFeeds(session: Session, tokens: readonly { ids: number[]; mask: number[] }[]) {
  const feeds: Record<string, ReturnType<typeof idsTensor>> = {};
  for (const port of session.inputs) {
    if (port.name === 'input_ids')
      feeds[port.name] = idsTensor(
        port,
        tokens.map(({ ids }) => ids),
      );
    else if (port.name === 'attention_mask')
      feeds[port.name] = idsTensor(
        port,
        tokens.map(({ mask }) => mask),
      );
    else if (port.name === 'position_ids')
      feeds[port.name] = idsTensor(
        port,
        tokens.map(({ ids }) => ids.map((_, i) => i)),
      );
  }
  return feeds;
}

function normalised(rows: Float32Array, count: number): Float32Array {
  const width = rows.length / count;
  const out = new Float32Array(rows.length);
  for (let row = 0; row < count; row++) {
    let squares = 0;
    for (let i = row * width; i < (row + 1) * width; i++) squares += rows[i]! ** 2;
    const length = Math.sqrt(squares);
    if (!(length > 0) || !Number.isFinite(length))
      throw new BadInput('The network gave an embedding of length 0 or NaN.');
    for (let i = row * width; i < (row + 1) * width; i++) out[i] = rows[i]! / length;
  }
  return out;
}

function single(values: Float32Array, count: number, file: string): Float32Array {
  if (values.length !== count)
    throw new BadInput(`${file} gives ${values.length} numbers for ${count} images; one each is right.`);
  if (!values.every(Number.isFinite)) throw new BadInput(`${file} gave a number that is not finite.`);
  return values;
}

/** Walks back from the logits to the product of similarity and scale, and computes the factor without inputs. */
async function readLogitScale({ graph, ...rest }: OnnxModel, file: string): Promise<number | undefined> {
  const logits = graph.output.find(({ name }) => name.startsWith('logits_per_'));
  if (logits === undefined) return undefined;
  const producers = new Map(graph.node.flatMap((node) => node.output.map((name) => [name, node] as const)));
  let node: OnnxNode | undefined = producers.get(logits.name);
  while (node !== undefined && ['Transpose', 'Cast', 'Identity'].includes(node.opType))
    node = producers.get(node.input[0]!);
  if (node?.opType !== 'Mul') return undefined;
  for (const name of node.input) {
    const weight = graph.initializer.find((tensor) => tensor.name === name);
    if (weight !== undefined) return (await readWeight(weight, file))[0];
    const model = { ...rest, graph: { ...graph, output: [{ name, type: logits.type! }] } };
    const cut = cutModel(model, [name]);
    if (cut.graph.input.length > 0) continue;
    cut.graph.output = [{ name, type: { tensorType: { elemType: 1 } } }];
    const session = await createSessionFromBytes(encodeModel(cut), { kind: 'cpu' });
    const result = await session.run({});
    await session.release();
    return toFloat32(result[name]!)[0];
  }
  return undefined;
}
