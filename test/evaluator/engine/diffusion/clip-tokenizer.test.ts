import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadClipTokenizer } from '../../../../evaluator/engine/diffusion/clip-tokenizer.ts';
import { starter } from '../../../../evaluator/starter/starter.ts';
import { hasShared, shared, temporaryFolder } from '../../../support/folders.ts';

describe('CLIP’s tokenizer', () => {
  it.skipIf(!hasShared)('gives every PartiPrompts prompt its ids, with the full vocabulary', async () => {
    const folder = temporaryFolder();
    const golden = join(shared, 'golden', 'clip-tokenizer');
    for (const file of ['vocab.json', 'merges.txt']) copyFileSync(join(golden, file), join(folder, file));
    writeFileSync(
      join(folder, 'tokenizer_config.json'),
      JSON.stringify({ model_max_length: 77, pad_token: '<|endoftext|>' }),
    );
    const tokenizer = await loadClipTokenizer(folder);
    const expected = JSON.parse(readFileSync(join(golden, 'parti-tokens.json'), 'utf8')) as Record<string, number[]>;
    const wrong = Object.entries(expected).filter(([text, ids]) => {
      const padded = [...ids, ...Array<number>(77 - ids.length).fill(49407)];
      return tokenizer.encode(text).join() !== padded.join();
    });
    expect(Object.keys(expected).length).toBeGreaterThan(1600);
    expect(wrong).toEqual([]);
  });

  it.skipIf(!hasShared)(
    'a tokenizer.json and SDXL’s second tokenizer, which pads with "!", are read as they say',
    async () => {
      const second = await loadClipTokenizer(join(shared, 'golden', 'sdxl-tiny', 'tokenizer_2'));
      expect(second.encode('bond').slice(-3)).toEqual([0, 0, 0]);
      const json = await loadClipTokenizer(join(shared, 'golden', 'clip-tiny'));
      const parts = await loadClipTokenizer(join(shared, 'golden', 'sd-tiny', 'tokenizer'));
      for (const text of ['a photo of an astronaut', "don't, naïve café", ''])
        expect(json.encode(text)).toEqual(parts.encode(text));
    },
  );

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
