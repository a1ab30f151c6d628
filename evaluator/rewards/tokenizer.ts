/** @file The prompt's token ids and attention mask, as a reward network's own tokenizer makes them. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { BadInput } from '../engine/files/bad-input.ts';
import { loadClipTokenizer } from '../engine/diffusion/clip-tokenizer.ts';
import { readJson } from '../engine/files/read-json.ts';

export interface PromptTokens {
  ids: number[];
  /** 1 for the text with its start and end, 0 for padding. */
  mask: number[];
}
export type PromptTokenizer = (prompt: string) => PromptTokens;

/** CLIP's: the mask ends with the first end token, which is also the padding in most exports. */
export async function clipPromptTokenizer(folder: string): Promise<PromptTokenizer> {
  const tokenizer = await loadClipTokenizer(folder);
  return (prompt) => {
    const { ids, used } = tokenizer.encodeCounted(prompt);
    return { ids, mask: ids.map((_, i) => (i < used ? 1 : 0)) };
  };
}

/**
 * BERT's word pieces, as BLIP's text encoder takes them: [CLS] text [SEP], cut and padded to a fixed length.
 * @param length tokens with [CLS] and [SEP]
 */
export async function bertPromptTokenizer(folder: string, length: number): Promise<PromptTokenizer> {
  const file = join(folder, 'tokenizer.json');
  if (!existsSync(file))
    throw new BadInput(`${folder} has no tokenizer.json; export BLIP's tokenizer beside the network.`);
  const tokenizer = new Tokenizer(await readJson(file), {});
  const [end, pad] = ['[SEP]', '[PAD]'].map((token) => tokenizer.token_to_id(token));
  if (end === undefined || pad === undefined)
    throw new BadInput(`${file} has no [SEP] or no [PAD]; it is no BERT tokenizer.`);
  return (prompt) => {
    const { ids } = tokenizer.encode(prompt);
    const kept = ids.length > length ? [...ids.slice(0, length - 1), end] : ids;
    const padding = length - kept.length;
    return {
      ids: [...kept, ...Array<number>(padding).fill(pad)],
      mask: [...kept.map(() => 1), ...Array<number>(padding).fill(0)],
    };
  };
}
