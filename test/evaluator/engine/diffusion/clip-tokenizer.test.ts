/** @file CLIP's tokenizer against transformers, with the full vocabulary and the starter's. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadClipTokenizer } from '../../../../evaluator/engine/diffusion/clip-tokenizer.ts';
import { starter } from '../../../../evaluator/starter/starter.ts';
import { golden, temporaryFolder } from '../../../support/folders.ts';

describe('CLIP’s tokenizer', () => {
  it('gives transformers’ ids for every starter prompt and for odd texts, with the full vocabulary', async () => {
    const folder = temporaryFolder();
    const source = join(golden, 'clip-tokenizer');
    for (const file of ['vocab.json', 'merges.txt']) copyFileSync(join(source, file), join(folder, file));
    writeFileSync(
      join(folder, 'tokenizer_config.json'),
      JSON.stringify({ model_max_length: 77, pad_token: '<|endoftext|>' }),
    );
    const tokenizer = await loadClipTokenizer(folder);
    const { cases } = JSON.parse(readFileSync(join(source, 'tokens.json'), 'utf8')) as {
      cases: { text: string; ids: number[] }[];
    };
    const wrong = cases.filter(({ text, ids }) => {
      const padded = [...ids, ...Array<number>(77 - ids.length).fill(49407)];
      return tokenizer.encode(text).join() !== padded.join();
    });
    expect(cases.length).toBe(170);
    expect(wrong.map(({ text }) => text)).toEqual([]);
  });

  it('a tokenizer.json and SDXL’s second tokenizer, which pads with "!", are read as they say', async () => {
    const second = await loadClipTokenizer(join(golden, 'sdxl-tiny', 'tokenizer_2'));
    expect(second.encode('bond').slice(-3)).toEqual([0, 0, 0]);
    const json = await loadClipTokenizer(join(golden, 'clip-tiny'));
    const parts = await loadClipTokenizer(join(golden, 'sd-tiny', 'tokenizer'));
    for (const text of ['a photo of an astronaut', "don't, naïve café", ''])
      expect(json.encode(text)).toEqual(parts.encode(text));
  });

  // What transformers 5.18.0's CLIPTokenizer gives for the same files, without the padding.
  const flags = { lstrip: false, rstrip: false, single_word: false, special: true };
  const decoder = {
    0: { ...flags, content: '!', normalized: false },
    49406: { ...flags, content: '<|startoftext|>', normalized: true },
    49407: { ...flags, content: '<|endoftext|>', normalized: true },
  };
  it.each([
    ['the padding token "!"', { pad_token: '!' }, 0, [27, 347, 40786, 4160, 91, 285, 344]],
    ['a list of added tokens', { pad_token: '!', added_tokens_decoder: decoder }, 0, [49407, 344]],
    ['neither', { pad_token: '<|endoftext|>' }, 256, [27, 347, 40786, 4160, 91, 285, 344]],
  ] as const)('special tokens are found before words are: %s', async (_, config, bang, shouted) => {
    const folder = temporaryFolder();
    for (const file of ['vocab.json', 'merges.txt'])
      copyFileSync(join(golden, 'clip-tokenizer', file), join(folder, file));
    writeFileSync(join(folder, 'tokenizer_config.json'), JSON.stringify({ model_max_length: 77, ...config }));
    const tokenizer = await loadClipTokenizer(folder);
    const ids = (text: string) => {
      const found = tokenizer.encodeCounted(text);
      return found.ids.slice(1, found.used - 1);
    };
    expect(ids('hello world!')).toEqual([3306, 1002, bang]);
    expect(ids('wow!cat')).toEqual([2781, bang, 2368]);
    expect(ids('  ! a ')).toEqual([bang, 320]);
    // Two of them are one word, 748, where they are words.
    expect(ids('a dog!!')).toEqual(bang === 0 ? [320, 1929, 0, 0] : [320, 1929, 748]);
    expect(ids('A <|endoftext|> B')).toEqual([320, 49407, 321]);
    expect(ids('<|startoftext|>x')).toEqual([49406, 343]);
    expect(ids('<|EndOfText|> y')).toEqual([...shouted]);
    expect(ids('no bang')).toEqual([871, 6907]);
  });

  it('lower-cases, collapses white space, keeps the end token of a text that is too long', async () => {
    const tokenizer = await loadClipTokenizer(join(starter.pipeline, 'tokenizer'));
    const [start, end] = [716, 717];
    expect(tokenizer.length).toBe(24);
    expect(tokenizer.encode('  A  Red\nCIRCLE ')).toEqual(tokenizer.encode('a red circle'));
    expect(tokenizer.encode('')).toEqual([start, ...Array<number>(23).fill(end)]);
    const long = tokenizer.encode('red blue green '.repeat(20));
    expect([long.length, long[0], long.at(-1)]).toEqual([24, start, end]);
    expect(long.slice(1, -1)).not.toContain(end);
  });
});
