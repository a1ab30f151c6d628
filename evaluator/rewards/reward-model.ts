/** @file A reward network's sessions. It lives in a worker thread (reward-worker.ts): every call blocks. */
import { join } from 'node:path';
import { BadInput } from '../engine/files/bad-input.ts';
import type { Device } from '../engine/onnx/device.ts';
import { encodeModel, readModel, type OnnxModel, type OnnxNode } from '../engine/onnx/model-file.ts';
import { createSession, createSessionFromBytes, type Session } from '../engine/onnx/session.ts';
import { cutModel, cutNetwork } from '../engine/onnx/subgraph.ts';
import { floatTensor, idsTensor, toFloat32 } from '../engine/onnx/tensors.ts';
import { readWeight } from '../engine/onnx/weights.ts';
import { familyNames, imageOutput, type RewardNetwork } from './network-folder.ts';
import { scorerOf } from './scorers/choose.ts';
import type { Logit } from './scorers/scorer.ts';
import { bertPromptTokenizer, clipPromptTokenizer, siglipPromptTokenizer, type PromptTokenizer } from './tokenizer.ts';

/** Sessions are made when they are first needed: a run whose embeddings are all cached makes none. */
export class RewardModel {
  readonly #network: RewardNetwork;
  readonly #device: Device;
  #vision: Promise<{ session: Session; output: string }> | undefined;
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
    this.#vision ??= this.#loadVision();
    const { session, output } = await this.#vision;
    const [port] = session.inputs;
    if (session.inputs.length !== 1 || port === undefined)
      throw new BadInput(`${join(folder, vision)}: its image embedding depends on more than the image.`);
    const feed = floatTensor(port, pixels, [count, 3, preprocessing.size, preprocessing.size]);
    const result = await session.run({ [port.name]: feed }, [output]);
    return normalised(toFloat32(result[output]!), count);
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
   * From the manifest, or the factor and the summand of logits_per_image or logits_per_text that no input decides.
   * @throws BadInput when the kind needs one that is in neither
   */
  async logit(): Promise<Logit> {
    const { folder, vision, logitScale, logitBias = null, kind } = this.#network;
    const { logit: needed } = scorerOf(kind);
    if (needed === 'none') return { scale: 1, bias: 0 };
    const file = join(folder, vision);
    const own = await readLogit(await readModel(file), file);
    const [scale, bias] = [logitScale ?? own.scale, logitBias ?? own.bias];
    if (scale === undefined || !(scale > 0)) {
      throw new BadInput(
        `${file} holds no logit scale, which ${kind} multiplies by; export the whole ${familyNames[scorerOf(kind).family]} model with its logits, or put { "kind": "${kind}", "logitScale": … } into reward.json.`,
      );
    }
    if (needed === 'scale') {
      if (own.bias === undefined) return { scale, bias: 0 };
      throw new BadInput(
        `${file} adds a bias to its logits, as SigLIP does; ${kind} is computed by a CLIP network alone.`,
      );
    }
    if (bias === undefined || !Number.isFinite(bias))
      throw new BadInput(
        `${file} holds no logit bias, which ${kind} adds; export the whole SigLIP model with its logits, or put { "kind": "${kind}", "logitScale": …, "logitBias": … } into reward.json.`,
      );
    return { scale, bias };
  }

  async #loadVision(): Promise<{ session: Session; output: string }> {
    const file = join(this.#network.folder, this.#network.vision);
    const { graph } = await readModel(file);
    const output = imageOutput(graph.output.map(({ name }) => name))!;
    return { session: await this.#session(await cutNetwork(file, [output])), output };
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
    const { family, tokens } = scorerOf(this.#network.kind);
    const tokenize =
      family === 'siglip' ? await siglipPromptTokenizer(folder, tokens) : await clipPromptTokenizer(folder);
    return { session, tokenize };
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

/**
 * Walks back from the logits over the sum with the bias, where there is one, to the product of similarity and scale, and computes
 * what no input decides.
 */
async function readLogit(model: OnnxModel, file: string): Promise<Partial<Logit>> {
  const logits = model.graph.output.find(({ name }) => name.startsWith('logits_per_'));
  if (logits === undefined) return {};
  const producers = new Map(model.graph.node.flatMap((node) => node.output.map((name) => [name, node] as const)));
  const before = (name: string): OnnxNode | undefined => {
    let node = producers.get(name);
    while (node !== undefined && ['Transpose', 'Cast', 'Identity'].includes(node.opType))
      node = producers.get(node.input[0]!);
    return node;
  };
  const read: Partial<Logit> = {};
  let node = before(logits.name);
  if (node?.opType === 'Add') {
    const constant = await constantOf(node, model, logits.type!, file);
    if (constant === undefined) return {};
    read.bias = constant.value;
    node = before(node.input.find((name) => name !== constant.name)!);
  }
  if (node?.opType !== 'Mul') return read;
  const constant = await constantOf(node, model, logits.type!, file);
  return constant === undefined ? read : { ...read, scale: constant.value };
}

/** The operand of a node that no input of the network decides, and its value. */
async function constantOf(
  node: OnnxNode,
  { graph, ...rest }: OnnxModel,
  type: OnnxModel['graph']['output'][number]['type'],
  file: string,
): Promise<{ name: string; value: number } | undefined> {
  for (const name of node.input) {
    const weight = graph.initializer.find((tensor) => tensor.name === name);
    if (weight !== undefined) {
      const [value] = await readWeight(weight, file);
      return value === undefined ? undefined : { name, value };
    }
    const cut = cutModel({ ...rest, graph: { ...graph, output: [{ name, type: type! }] } }, [name]);
    if (cut.graph.input.length > 0) continue;
    cut.graph.output = [{ name, type: { tensorType: { elemType: 1 } } }];
    const session = await createSessionFromBytes(encodeModel(cut), { kind: 'cpu' });
    const result = await session.run({});
    await session.release();
    const [value] = toFloat32(result[name]!);
    return value === undefined ? undefined : { name, value };
  }
  return undefined;
}
