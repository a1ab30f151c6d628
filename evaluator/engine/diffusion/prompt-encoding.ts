/**
 * @file From a prompt to what the denoising network attends to. Stable Diffusion: the text encoder's last hidden state. SDXL
 * (Podell et al. 2023, arXiv:2307.01952): both encoders' second to last states side by side, and the second's pooled
 * embedding. SD 3 (Esser et al. 2024, arXiv:2403.03206): the same two, filled with zeros to T5's width, T5's last states behind
 * them, both pooled embeddings side by side. FLUX.1: T5's last states, CLIP's pooled output. PixArt-Σ: T5's, of the lower-case prompt,
 * and which of its tokens are the prompt's.
 */
import { join } from 'node:path';
import { BadInput } from '../files/bad-input.ts';
import type { Session, Value } from '../onnx/session.ts';
import { loadClipTokenizer, type ClipTokenizer } from './clip-tokenizer.ts';
import { families, tokenizerOf } from './families.ts';
import { readPipelineFolder, type PipelineFolder } from './folder.ts';
import { loadT5Tokenizer, type T5Tokenizer } from './t5-tokenizer.ts';
import { idsTensor, numbersTensor, toFloat32 } from '../onnx/tensors.ts';

export interface PromptEmbedding {
  /** [tokens, width] */
  states: Float32Array;
  tokens: number;
  width: number;
  /** [pooled width]; undefined of Stable Diffusion 1 and 2, and of PixArt-Σ. */
  pooled: Float32Array | undefined;
  /** PixArt-Σ: [tokens], 1 where a token is the prompt's, 0 where it fills. */
  mask?: Float32Array;
}

export interface PromptEncoder {
  /** @param chunks of 77 tokens (as many as the tokenizer says), empty ones at the end; without, the prompt is cut at them */
  encode(prompt: string, chunks?: number): Promise<PromptEmbedding>;
  /** How many chunks hold the whole prompt. @throws BadInput for a pipeline that no tool reads in chunks */
  chunksOf(prompt: string): number;
}

/** Prompts whose embeddings are kept; a set is rendered model by model, so each is asked again soon. */
const cacheSize = 256;

/** @param sessions of folder.textEncoders, in their order */
export async function createPromptEncoder(
  folder: PipelineFolder,
  sessions: readonly Session[],
): Promise<PromptEncoder> {
  const encode = await encoderOf(folder, sessions);
  const cache = new Map<string, PromptEmbedding>();
  return {
    chunksOf: encode.chunksOf,
    async encode(prompt, chunks) {
      const key = `${chunks ?? ''} ${prompt}`;
      const known = cache.get(key);
      if (known !== undefined) return known;
      const embedding = await encode.encode(prompt, chunks);
      if (cache.size >= cacheSize) cache.delete(cache.keys().next().value!);
      cache.set(key, embedding);
      return embedding;
    },
  };
}

async function encoderOf(folder: PipelineFolder, sessions: readonly Session[]): Promise<PromptEncoder> {
  const { kind, textWidth } = folder;
  const t5Place = t5PlaceOf(folder);
  const clipCount = t5Place ?? (kind === 'sd' ? 1 : 2);
  const clips = await clipTokenizers(folder, clipCount);
  const one = (index: number, prompt: string, outputs: Outputs) =>
    encodeWith(sessions[index]!, clips[index]!.encode(prompt), outputs);

  if (kind === 'sd' || kind === 'sdxl') {
    const outputs: Outputs =
      kind === 'sd' ? { state: 'last', pooled: null } : { state: 'second to last', pooled: 'text_embeds' };
    return {
      chunksOf: (prompt) => Math.max(...clips.map((tokenizer) => tokenizer.encodeInChunks(prompt).length)),
      async encode(prompt, chunks) {
        const encodings: PromptEmbedding[] = [];
        for (const [i, session] of sessions.entries()) {
          const rows = chunks === undefined ? [clips[i]!.encode(prompt)] : inChunks(clips[i]!, prompt, chunks);
          const parts: PromptEmbedding[] = [];
          for (const ids of rows) parts.push(await encodeWith(session, ids, outputs));
          encodings.push(oneAfterAnother(parts));
        }
        return encodings.length === 1 ? encodings[0]! : sideBySide(encodings[0]!, encodings[1]!);
      },
    };
  }

  const length = families[kind].t5!.tokens;
  const t5 = t5Place === null ? undefined : await t5Tokenizer(folder);
  const readT5 = async (prompt: string): Promise<PromptEmbedding> =>
    t5 === undefined
      ? { states: new Float32Array(length * textWidth!), tokens: length, width: textWidth!, pooled: undefined }
      : await encodeWith(sessions[t5Place!]!, t5.encode(prompt, length).ids, { state: 'last', pooled: null });
  const chunksOf = () => {
    requireChunks(folder);
    return 1;
  };
  if (kind === 'pixart')
    return {
      chunksOf,
      async encode(prompt) {
        const { ids, used } = t5!.encode(plain(prompt), length);
        const mask = new Float32Array(length).fill(1, 0, used);
        return { ...(await encodeWith(sessions[0]!, ids, { state: 'last', pooled: null }, mask)), mask };
      },
    };
  if (kind === 'flux')
    return {
      chunksOf,
      async encode(prompt) {
        const { pooled } = await one(0, prompt, { state: 'last', pooled: 'pooler_output' });
        return { ...(await readT5(prompt)), pooled };
      },
    };
  return {
    chunksOf,
    async encode(prompt) {
      const outputs: Outputs = { state: 'second to last', pooled: 'text_embeds' };
      const [a, b] = [await one(0, prompt, outputs), await one(1, prompt, outputs)];
      const clip = widened(sideBySide(a, b), textWidth!);
      if (a.pooled === undefined || b.pooled === undefined)
        throw new BadInput('A text encoder has no output text_embeds; export it with optimum-cli.');
      const pooled = Float32Array.from([...a.pooled, ...b.pooled]);
      return { ...oneAfterAnother([clip, await readT5(prompt)]), pooled };
    },
  };
}

/** @throws BadInput for a pipeline whose prompts are not read in chunks */
export function requireChunks({ folder, kind }: Pick<PipelineFolder, 'folder' | 'kind'>): void {
  if (families[kind].t5 === null) return;
  throw new BadInput(
    `${folder} is ${families[kind].title}; --long-prompts is for Stable Diffusion 1 to XL, which read a prompt with CLIP alone.`,
  );
}

/** As diffusers' PixArt pipelines read a prompt where they do not clean it of mark-up. */
function plain(prompt: string): string {
  return prompt.toLowerCase().trim();
}

/** Which of the text encoders is T5; null where none is, as in an SD 3 without it. */
function t5PlaceOf({ kind, textEncoders }: PipelineFolder): number | null {
  const encoder = families[kind].t5?.encoder;
  const place = encoder === undefined ? -1 : textEncoders.indexOf(encoder);
  return place === -1 ? null : place;
}

function clipTokenizers({ folder, textEncoders }: PipelineFolder, count: number): Promise<ClipTokenizer[]> {
  return Promise.all(textEncoders.slice(0, count).map((name) => loadClipTokenizer(join(folder, tokenizerOf(name)))));
}

function t5Tokenizer({ folder, kind }: PipelineFolder): Promise<T5Tokenizer> {
  return loadT5Tokenizer(join(folder, tokenizerOf(families[kind].t5!.encoder)));
}

/** What no text encoder reads of a prompt; '' where all of it fits. */
export async function cutFrom(path: string, prompts: readonly string[]): Promise<{ lost: string[]; tokens: number }> {
  const folder = await readPipelineFolder(path);
  if (t5PlaceOf(folder) !== null) {
    const tokenizer = await t5Tokenizer(folder);
    const { tokens } = families[folder.kind].t5!;
    const read = folder.kind === 'pixart' ? prompts.map(plain) : prompts;
    return { lost: read.map((prompt) => tokenizer.encode(prompt, tokens).lost), tokens };
  }
  const [tokenizer] = await clipTokenizers(folder, 1);
  return { lost: prompts.map((prompt) => tokenizer!.encodeCounted(prompt).lost), tokens: tokenizer!.length };
}

function inChunks(tokenizer: ClipTokenizer, prompt: string, count: number): number[][] {
  const chunks = tokenizer.encodeInChunks(prompt);
  const empty = tokenizer.encode('');
  return [...chunks, ...Array<number[]>(count - chunks.length).fill(empty)];
}

/** [tokens, width] → [tokens, wider], zeros behind. */
function widened(embedding: PromptEmbedding, width: number): PromptEmbedding {
  if (embedding.width > width)
    throw new BadInput(
      `The CLIP text encoders make ${embedding.width} numbers a token, the transformer takes ${width}; the parts are of different models.`,
    );
  const states = new Float32Array(embedding.tokens * width);
  for (let t = 0; t < embedding.tokens; t++)
    states.set(embedding.states.subarray(t * embedding.width, (t + 1) * embedding.width), t * width);
  return { ...embedding, states, width };
}

/** [tokens, width] each → [all tokens, width]; the pooled embedding is the first's, as A1111 and ComfyUI have it. */
function oneAfterAnother(parts: readonly PromptEmbedding[]): PromptEmbedding {
  const [first] = parts;
  if (parts.length === 1) return first!;
  const states = new Float32Array(parts.reduce((sum, part) => sum + part.states.length, 0));
  let tokens = 0;
  for (const part of parts) {
    if (part.width !== first!.width)
      throw new BadInput(
        `A text encoder makes ${part.width} numbers a token where ${first!.width} are expected; the parts are of different models.`,
      );
    states.set(part.states, tokens * part.width);
    tokens += part.tokens;
  }
  return { ...first!, states, tokens };
}

interface Outputs {
  state: 'last' | 'second to last';
  /** CLIP's with its projection, or without. */
  pooled: 'text_embeds' | 'pooler_output' | null;
}

async function encodeWith(
  session: Session,
  ids: number[],
  { state, pooled }: Outputs,
  mask?: Float32Array,
): Promise<PromptEmbedding> {
  const port = session.inputs.find((input) => input.name === 'input_ids') ?? session.inputs[0]!;
  const names = session.outputs.map((output) => output.name);
  const stateName = state === 'last' ? 'last_hidden_state' : secondToLast(names);
  // SDXL takes its second encoder's alone.
  const pooledName = pooled !== null && names.includes(pooled) ? pooled : undefined;
  for (const name of [stateName, ...(pooled === 'pooler_output' ? [pooled] : [])])
    if (!names.includes(name))
      throw new BadInput(`The text encoder has no output ${name}; export it with optimum-cli.`);
  const wanted = [stateName, ...(pooledName === undefined ? [] : [pooledName])];
  const maskPort = session.inputs.find((input) => input.name === 'attention_mask');
  if (mask !== undefined && maskPort === undefined)
    throw new BadInput(
      'The text encoder takes no attention_mask, which its pipeline gives it; export it with that input.',
    );
  // Without one, transformers attends to every token.
  const attended = maskPort && numbersTensor(maskPort, mask ?? new Float32Array(ids.length).fill(1), [1, ids.length]);
  const feeds = { [port.name]: idsTensor(port, [ids]), ...(attended && { attention_mask: attended }) };
  const outputs = await session.run(feeds, wanted);
  const value: Value = outputs[stateName]!;
  return {
    states: toFloat32(value),
    tokens: value.dims[1]!,
    width: value.dims[2]!,
    pooled: pooledName === undefined ? undefined : toFloat32(outputs[pooledName]!),
  };
}

/** transformers' hidden_states[-2]: of the outputs hidden_states.0 … hidden_states.n, the one before the last. */
function secondToLast(names: readonly string[]): string {
  const count = names.filter((name) => /^hidden_states\.\d+$/.test(name)).length;
  if (count < 2) throw new BadInput('The text encoder must be exported with its hidden states (optimum-cli does).');
  return `hidden_states.${count - 2}`;
}

/** [tokens, a] and [tokens, b] → [tokens, a + b]; the pooled embedding is the second's. */
function sideBySide(a: PromptEmbedding, b: PromptEmbedding): PromptEmbedding {
  const width = a.width + b.width;
  const states = new Float32Array(a.tokens * width);
  for (let t = 0; t < a.tokens; t++) {
    states.set(a.states.subarray(t * a.width, (t + 1) * a.width), t * width);
    states.set(b.states.subarray(t * b.width, (t + 1) * b.width), t * width + a.width);
  }
  return { states, tokens: a.tokens, width, pooled: b.pooled };
}

/** What SDXL uses when no negative prompt is given. */
export function zeroEmbedding(like: PromptEmbedding): PromptEmbedding {
  return {
    ...like,
    states: new Float32Array(like.states.length),
    pooled: like.pooled && new Float32Array(like.pooled.length),
  };
}
