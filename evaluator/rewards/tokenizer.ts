/** @file The prompt's token ids and attention mask, as a reward network's own tokenizer makes them. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { z } from 'zod';
import { BadInput } from '../engine/files/bad-input.ts';
import { loadClipTokenizer } from '../engine/diffusion/clip-tokenizer.ts';
import { readJson } from '../engine/files/read-json.ts';

const tokenSchema = z.union([z.string(), z.looseObject({ content: z.string() })]);
const positionsSchema = z.looseObject({
  text_config: z.looseObject({ max_position_embeddings: z.int().min(2).nullish() }).nullish(),
});

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

const siglipTokenizerSchema = z.object({
  tokenizer_class: z.string().nullish(),
  padding_side: z.enum(['left', 'right']).nullish(),
  pad_token: tokenSchema.nullish(),
  eos_token: tokenSchema.nullish(),
  add_bos_token: z.literal(false).nullish(),
  add_eos_token: z.literal(true).nullish(),
  do_lower_case: z.literal(true).nullish(),
});

/** What `string.punctuation` is in Python. */
const punctuation = /[!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]/g;

/**
 * SigLIP's and SigLIP 2's: lower case, SigLIP without punctuation and with single spaces; the end token; padded to the length
 * of the text encoder's positions. The networks were trained without a mask, so the padding is read too.
 * @param usual positions where config.json does not say
 */
export async function siglipPromptTokenizer(folder: string, usual: number): Promise<PromptTokenizer> {
  const [file, configFile, modelFile] = ['tokenizer.json', 'tokenizer_config.json', 'config.json'].map((name) =>
    join(folder, name),
  ) as [string, string, string];
  for (const needed of [file, configFile])
    if (!existsSync(needed))
      throw new BadInput(`There is no ${needed}; export SigLIP's tokenizer beside the network (its tokenizer.json).`);
  const json = (await readJson(configFile)) as Record<string, unknown>;
  const parsed = siglipTokenizerSchema.safeParse(json);
  if (!parsed.success) {
    const field = String(parsed.error.issues[0]!.path[0]);
    throw new BadInput(
      `${configFile} has ${field} = ${JSON.stringify(json[field])}; SigLIP's text is in lower case, ends with the end token and begins with none.`,
    );
  }
  const config = parsed.data;
  const isFirst = config.tokenizer_class === 'SiglipTokenizer';
  const tokenizer = new Tokenizer(await readJson(file), {});
  const idOf = (token: string | { content: string } | null | undefined, fallback: string) => {
    const text = (typeof token === 'object' ? token?.content : token) ?? fallback;
    const id = tokenizer.token_to_id(text);
    if (id === undefined) throw new BadInput(`${file} has no token ${text}, which ends or fills SigLIP's texts.`);
    return id;
  };
  const end = idOf(config.eos_token, isFirst ? '</s>' : '<eos>');
  const pad = idOf(config.pad_token, isFirst ? '</s>' : '<pad>');
  const side = config.padding_side ?? (isFirst ? 'right' : undefined);
  if (side === undefined)
    throw new BadInput(`${configFile} does not say padding_side; SigLIP 2's networks were trained with "right".`);
  const length = await positionsOf(modelFile, usual);
  const special = [...tokenizer.get_added_tokens_decoder().values()].map(({ content }) => content);
  return (prompt) => {
    const met = special.find((content) => prompt.includes(content));
    if (met !== undefined) throw new BadInput(`The prompt holds ${met}, which is no text to ${file}: ${prompt}`);
    const lower = prompt.toLowerCase();
    const text = isFirst ? lower.replace(punctuation, '').replace(/\s+/g, ' ').trim() : lower;
    const own = text === '' ? [] : tokenizer.encode(text, { add_special_tokens: false }).ids;
    const ids = [...own.slice(0, length - 1), end];
    const filling = Array<number>(length - ids.length).fill(pad);
    const padded = side === 'right' ? [...ids, ...filling] : [...filling, ...ids];
    return { ids: padded, mask: padded.map(() => 1) };
  };
}

async function positionsOf(file: string, usual: number): Promise<number> {
  if (!existsSync(file)) return usual;
  const parsed = positionsSchema.safeParse(await readJson(file));
  return parsed.data?.text_config?.max_position_embeddings ?? usual;
}
