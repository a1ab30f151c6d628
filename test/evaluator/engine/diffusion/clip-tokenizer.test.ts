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

  it('lower-cases, collapses white space, keeps the end token of a text that is too long', async () => {
    const tokenizer = await loadClipTokenizer(join(starter.pipeline, 'tokenizer'));
    const [start, end] = [672, 673];
    expect(tokenizer.length).toBe(24);
    expect(tokenizer.encode('  A  Red\nCIRCLE ')).toEqual(tokenizer.encode('a red circle'));
    expect(tokenizer.encode('')).toEqual([start, ...Array<number>(23).fill(end)]);
    const long = tokenizer.encode('red blue green '.repeat(20));
    expect([long.length, long[0], long.at(-1)]).toEqual([24, start, end]);
    expect(long.slice(1, -1)).not.toContain(end);
  });
});
