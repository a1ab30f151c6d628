/**
 * @file CLIP's tokenizer, from tokenizer.json or from the older vocab.json + merges.txt. Radford et al. (2021);
 * transformers' CLIPTokenizerFast gives the pipeline that the older files imply.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { BadInput } from '../files/bad-input.ts';
import { requireConfig } from './config-fields.ts';
import { readJson } from '../files/read-json.ts';

export interface ClipTokenizer {
  /** Tokens that the text encoder takes: start + text + end, padded. */
  readonly length: number;
  /** Ids of exactly `length` tokens; a longer text is cut and keeps its end token. */
  encode(text: string): number[];
  /** The same ids, how many of them are not padding, and the words that were cut off; '' where all fit. */
  encodeCounted(text: string): { ids: number[]; used: number; lost: string };
  /** The whole text as one or more lists of ids, each with its own start and end. */
  encodeInChunks(text: string): number[][];
}

interface AddedToken {
  content: string;
  single_word: boolean;
  lstrip: boolean;
  rstrip: boolean;
  normalized: boolean;
  special: boolean;
}
interface TokenizerConfig {
  model_max_length?: number;
  pad_token?: string | { content: string };
  eos_token?: string | { content: string };
  added_tokens_decoder?: Record<string, AddedToken>;
}
interface Definition {
  added_tokens: (AddedToken & { id: number })[];
  model: { vocab: Record<string, number> };
}

/** @throws BadInput when the folder holds no tokenizer */
export async function loadClipTokenizer(folder: string): Promise<ClipTokenizer> {
  const file = join(folder, 'tokenizer_config.json');
  const config = (await readJson(file)) as TokenizerConfig;
  requireConfig('tokenizer', { ...config }, file);
  const padding = (await padToken(folder)) ?? config.pad_token ?? '<|endoftext|>';
  const definition = withAddedTokens(
    (existsSync(join(folder, 'tokenizer.json'))
      ? await readJson(join(folder, 'tokenizer.json'))
      : await definitionFromVocabulary(folder)) as Definition,
    config,
    typeof padding === 'object' ? padding.content : padding,
  );
  // The definition is complete; transformers' own options in the config would only be read a second time.
  const tokenizer = new Tokenizer(definition, {});
  const id = (token: string | { content: string } | undefined, name: string): number => {
    const content = typeof token === 'object' ? token.content : token;
    const found = content === undefined ? undefined : tokenizer.token_to_id(content);
    if (found === undefined)
      throw new BadInput(`${folder}: the ${name} ${JSON.stringify(content)} is not in the vocabulary.`);
    return found;
  };
  const end = id(config.eos_token ?? '<|endoftext|>', 'end token');
  const pad = id(padding, 'padding token');
  const length = config.model_max_length === undefined || config.model_max_length > 1000 ? 77 : config.model_max_length;
  const encodeCounted = (text: string) => {
    // The library strips outer white space from an empty result only; CLIP's normaliser collapses it either way.
    const { ids } = tokenizer.encode(text);
    const isCut = ids.length > length;
    const kept = isCut ? [...ids.slice(0, length - 1), end] : ids;
    return {
      ids: padded(kept),
      used: kept.length,
      lost: isCut ? tokenizer.decode(ids.slice(length - 1, -1)).trim() : '',
    };
  };
  const padded = (ids: readonly number[]) => [...ids, ...Array<number>(length - ids.length).fill(pad)];
  const encodeInChunks = (text: string) => {
    const { ids } = tokenizer.encode(text);
    const room = length - 2;
    const words = ids.slice(1, -1);
    return Array.from({ length: Math.max(1, Math.ceil(words.length / room)) }, (_, i) =>
      padded([ids[0]!, ...words.slice(i * room, (i + 1) * room), end]),
    );
  };
  return { length, encodeCounted, encodeInChunks, encode: (text) => encodeCounted(text).ids };
}

/**
 * Tokens that are found in a text before anything else happens to it: those that the config lists, and the padding token, as
 * transformers does. SDXL's second tokenizer pads with "!", which is its token 0 in a prompt too, not the word "!".
 */
function withAddedTokens(definition: Definition, config: TokenizerConfig, padding: string): Definition {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  const tokens = new Map((definition.added_tokens ?? []).map((token) => [token.content, token]));
  for (const [id, token] of Object.entries(config.added_tokens_decoder ?? {}))
    tokens.set(token.content, { ...flags, ...token, id: Number(id) });
  const id = definition.model.vocab[padding];
  if (!tokens.has(padding) && id !== undefined) tokens.set(padding, { ...flags, content: padding, id });
  return { ...definition, added_tokens: [...tokens.values()] };
}

/** SDXL's second tokenizer says its "!" in special_tokens_map.json alone in some exports. */
async function padToken(folder: string): Promise<string | undefined> {
  const file = join(folder, 'special_tokens_map.json');
  if (!existsSync(file)) return undefined;
  const token = ((await readJson(file)) as TokenizerConfig).pad_token;
  return typeof token === 'object' ? token.content : token;
}

async function definitionFromVocabulary(folder: string): Promise<object> {
  const vocabulary = (await readJson(join(folder, 'vocab.json'))) as Record<string, number>;
  let merges: string;
  try {
    merges = await readFile(join(folder, 'merges.txt'), 'utf8');
  } catch {
    throw new BadInput(`${folder} has vocab.json but no merges.txt; a CLIP tokenizer needs both, or a tokenizer.json.`);
  }
  const special = ['<|startoftext|>', '<|endoftext|>'] as const;
  const [start, end] = special.map((token) => vocabulary[token]);
  if (start === undefined || end === undefined) {
    throw new BadInput(`${join(folder, 'vocab.json')} has no ${special.join(' or no ')}; it is no CLIP vocabulary.`);
  }
  return {
    version: '1.0',
    added_tokens: special.map((content) => ({
      id: vocabulary[content],
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'NFC' },
        { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
        { type: 'Lowercase' },
      ],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        {
          type: 'Split',
          pattern: {
            Regex:
              "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+",
          },
          behavior: 'Removed',
          invert: true,
        },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: {
      type: 'RobertaProcessing',
      sep: [special[1], end],
      cls: [special[0], start],
      trim_offsets: false,
      add_prefix_space: false,
    },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      unk_token: special[1],
      continuing_subword_prefix: '',
      end_of_word_suffix: '</w>',
      fuse_unk: false,
      byte_fallback: false,
      vocab: vocabulary,
      merges: merges
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#version'))
        .map((line) => line.split(' ')),
    },
  };
}
