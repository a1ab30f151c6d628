/**
 * @file T5's tokenizer from tokenizer.json: a Unigram model over sentencepiece's pieces. Raffel et al. (2020), arXiv:1910.10683;
 * transformers' T5TokenizerFast.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { BadInput } from '../files/bad-input.ts';
import { readJson } from '../files/read-json.ts';
import { requireConfig } from './config-fields.ts';

export interface T5Tokenizer {
  /**
   * Ids of exactly `length` tokens, the end token among them, padded; how many of them are not padding; and the words that were
   * cut off, '' where all fit.
   */
  encode(text: string, length: number): { ids: number[]; used: number; lost: string };
}

/** @throws BadInput when the folder holds no tokenizer.json, or one of another model */
export async function loadT5Tokenizer(folder: string): Promise<T5Tokenizer> {
  const configFile = join(folder, 'tokenizer_config.json');
  const config = (await readJson(configFile)) as Record<string, unknown>;
  requireConfig('t5 tokenizer', config, configFile);
  const file = join(folder, 'tokenizer.json');
  if (!existsSync(file))
    throw new BadInput(
      `${folder} has no tokenizer.json; save T5's tokenizer with transformers' T5TokenizerFast, as sentencepiece's spiece.model alone is not read.`,
    );
  const definition = (await readJson(file)) as { model?: { type?: string } };
  if (definition.model?.type !== 'Unigram')
    throw new BadInput(`${file} is a ${definition.model?.type ?? 'nameless'} tokenizer; T5's is Unigram.`);
  // A padding and a cut that were saved with it are the caller's matter here.
  let tokenizer: Tokenizer;
  try {
    tokenizer = new Tokenizer({ ...definition, padding: null, truncation: null }, {});
  } catch (error) {
    throw new BadInput(`${file} is no complete tokenizer: ${(error as Error).message}.`);
  }
  const id = (field: string, usual: string) => {
    const said = config[field] ?? usual;
    const token = typeof said === 'object' ? (said as { content: string }).content : (said as string);
    const found = tokenizer.token_to_id(token);
    if (found === undefined) throw new BadInput(`${folder}: the ${field} "${token}" is not in the vocabulary.`);
    return found;
  };
  const [end, pad] = [id('eos_token', '</s>'), id('pad_token', '<pad>')];
  return {
    encode(text, length) {
      const { ids } = tokenizer.encode(text);
      const isCut = ids.length > length;
      const kept = isCut ? [...ids.slice(0, length - 1), end] : ids;
      return {
        ids: [...kept, ...Array<number>(length - kept.length).fill(pad)],
        used: kept.length,
        lost: isCut ? tokenizer.decode(ids.slice(length - 1, -1)).trim() : '',
      };
    },
  };
}
