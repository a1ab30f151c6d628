/** @file Prompt files in every format, and what is wrong with others, with its line. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listPromptSets } from '../../../db/queries/prompts.ts';
import { parsePrompts } from '../../../evaluator/prompts/parse.ts';
import { importPrompts } from '../../../evaluator/prompts/import.ts';
import { starter } from '../../../evaluator/starter/starter.ts';
import { freshSqlite } from '../../support/databases.ts';
import { temporaryFolder } from '../../support/folders.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const texts = (text: string, name: string) => parsePrompts(bytes(text), name).map((prompt) => prompt.text);

describe('prompt files', () => {
  it('the starter prompts are 120', async () => {
    expect(parsePrompts(await readFile(starter.prompts), starter.prompts)).toHaveLength(120);
  });

  it('a quote in a TSV is a letter', () => {
    expect(texts('Prompt\tCategory\na "quoted" sign\tArts\n', 'x.tsv')).toEqual(['a "quoted" sign']);
  });

  it('CSV, JSONL and TXT hold prompts under the usual names', () => {
    expect(texts('caption,category\n"a cat, asleep",Animals\r\n', 'x.csv')).toEqual(['a cat, asleep']);
    expect(texts('{"text": "a dog"}\n\n{"text": "a fox"}\n', 'x.jsonl')).toEqual(['a dog', 'a fox']);
    expect(texts('a bird\r\na fish\r\n', 'x.txt')).toEqual(['a bird', 'a fish']);
    expect(texts('\ufeffPrompts\na hen\n', 'x.csv')).toEqual(['a hen']);
  });

  it.each([
    ['x.tsv', 'Prompt\tCategory\na cat\n', 'line 2: 1 fields, the header has 2'],
    ['x.tsv', 'Name\tCategory\na cat\tx\n', 'no column named prompt'],
    ['x.csv', 'prompt,category\na cat\n', 'line 2'],
    ['x.jsonl', '{"prompt": "a cat"}\n{"prompt": \n', 'line 2: not valid JSON'],
    ['x.jsonl', '{"prompt": ""}\n', 'line 1: the prompt is empty'],
    ['x.txt', 'a cat\na dog\na cat\n', 'line 3: this prompt stands on line 1'],
    ['x.txt', '\n\n', 'holds no prompts'],
    ['x.png', 'a', 'must be .tsv, .csv, .jsonl or .txt'],
  ])('%s refuses %j with its place', (name, text, message) => {
    expect(() => parsePrompts(bytes(text), name)).toThrow(message);
  });

  it('invalid UTF-8 is refused with its line', () => {
    expect(() => parsePrompts(Uint8Array.of(97, 10, 0xff, 0xfe, 10), 'x.txt')).toThrow(
      'x.txt, line 2: this is not valid UTF-8',
    );
  });

  it('a refused file and a taken name leave nothing behind', async () => {
    const { db } = await freshSqlite();
    const file = join(temporaryFolder(), 'x.txt');
    await writeFile(file, 'a cat\n');
    await importPrompts(db, { file, name: 'cats' });
    await expect(importPrompts(db, { file, name: 'cats' })).rejects.toThrow('"cats" exists already');
    await writeFile(file, 'a cat\na cat\n');
    await expect(importPrompts(db, { file, name: 'more' })).rejects.toThrow('line 2');
    expect((await listPromptSets(db)).map((set) => set.name)).toEqual(['cats']);
  });
});
