/**
 * @file From a prompt to what the U-Net attends to. Stable Diffusion: the text encoder's last hidden state. SDXL
 * (Podell et al. 2023, arXiv:2307.01952): both encoders' second to last states side by side, and the second's pooled
 * embedding.
 */
import { join } from 'node:path';
import { BadInput } from '../files/bad-input.ts';
import type { Session, Value } from '../onnx/session.ts';
import { loadClipTokenizer, type ClipTokenizer } from './clip-tokenizer.ts';
import { idsTensor, toFloat32 } from '../onnx/tensors.ts';

export interface PromptEmbedding {
  /** [tokens, width] */
  states: Float32Array;
  tokens: number;
  width: number;
  /** SDXL: [pooled width] */
  pooled: Float32Array | undefined;
}

export interface PromptEncoder {
  /** @param chunks of 77 tokens (as many as the tokenizer says), empty ones at the end; without, the prompt is cut at them */
  encode(prompt: string, chunks?: number): Promise<PromptEmbedding>;
  /** How many chunks hold the whole prompt. */
  chunksOf(prompt: string): number;
}

/** Prompts whose embeddings are kept; a set is rendered model by model, so each is asked again soon. */
const cacheSize = 256;

/** @param sessions text_encoder, and for SDXL text_encoder_2 */
export async function createPromptEncoder(folder: string, sessions: readonly Session[]): Promise<PromptEncoder> {
  const names = ['tokenizer', 'tokenizer_2'].slice(0, sessions.length);
  const tokenizers = await Promise.all(names.map((name) => loadClipTokenizer(join(folder, name))));
  const cache = new Map<string, PromptEmbedding>();
  return {
    chunksOf: (prompt) => Math.max(...tokenizers.map((tokenizer) => tokenizer.encodeInChunks(prompt).length)),
    async encode(prompt, chunks) {
      const key = `${chunks ?? ''} ${prompt}`;
      const known = cache.get(key);
      if (known !== undefined) return known;
      const encodings: PromptEmbedding[] = [];
      for (const [i, session] of sessions.entries()) {
        const rows = chunks === undefined ? [tokenizers[i]!.encode(prompt)] : inChunks(tokenizers[i]!, prompt, chunks);
        const parts: PromptEmbedding[] = [];
        for (const ids of rows) parts.push(await encodeWith(session, ids, sessions.length > 1));
        encodings.push(oneAfterAnother(parts));
      }
      const embedding = encodings.length === 1 ? encodings[0]! : sideBySide(encodings[0]!, encodings[1]!);
      if (cache.size >= cacheSize) cache.delete(cache.keys().next().value!);
      cache.set(key, embedding);
      return embedding;
    },
  };
}

/** What a text encoder does not read of a prompt; '' where all of it fits. */
export async function cutFrom(folder: string, prompts: readonly string[]): Promise<{ lost: string[]; tokens: number }> {
  const tokenizer = await loadClipTokenizer(join(folder, 'tokenizer'));
  return { lost: prompts.map((prompt) => tokenizer.encodeCounted(prompt).lost), tokens: tokenizer.length };
}

function inChunks(tokenizer: ClipTokenizer, prompt: string, count: number): number[][] {
  const chunks = tokenizer.encodeInChunks(prompt);
  const empty = tokenizer.encode('');
  return [...chunks, ...Array<number[]>(count - chunks.length).fill(empty)];
}

/** [tokens, width] each → [all tokens, width]; the pooled embedding is the first's, as A1111 and ComfyUI have it. */
function oneAfterAnother(parts: readonly PromptEmbedding[]): PromptEmbedding {
  const [first] = parts;
  if (parts.length === 1) return first!;
  const states = new Float32Array(parts.reduce((sum, part) => sum + part.states.length, 0));
  parts.forEach((part, i) => states.set(part.states, i * first!.states.length));
  return { ...first!, states, tokens: first!.tokens * parts.length };
}

async function encodeWith(session: Session, ids: number[], sdxl: boolean): Promise<PromptEmbedding> {
  const port = session.inputs.find((input) => input.name === 'input_ids') ?? session.inputs[0]!;
  const names = session.outputs.map((output) => output.name);
  const state = sdxl ? secondToLast(names) : 'last_hidden_state';
  const pooledName = names.includes('text_embeds') ? 'text_embeds' : undefined;
  if (!names.includes(state))
    throw new BadInput(`The text encoder has no output ${state}; export it with optimum-cli.`);
  const wanted = sdxl && pooledName !== undefined ? [state, pooledName] : [state];
  const outputs = await session.run({ [port.name]: idsTensor(port, [ids]) }, wanted);
  const value: Value = outputs[state]!;
  return {
    states: toFloat32(value),
    tokens: value.dims[1]!,
    width: value.dims[2]!,
    pooled: sdxl && pooledName !== undefined ? toFloat32(outputs[pooledName]!) : undefined,
  };
}

/** transformers' hidden_states[-2]: of the outputs hidden_states.0 … hidden_states.n, the one before the last. */
function secondToLast(names: readonly string[]): string {
  const count = names.filter((name) => /^hidden_states\.\d+$/.test(name)).length;
  if (count < 2) throw new BadInput('An SDXL text encoder must be exported with its hidden states (optimum-cli does).');
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
