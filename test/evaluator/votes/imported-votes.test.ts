/** @file Files of votes collected with other tools: formats, columns, and every reason to leave a row out. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { importVotes as importAll } from '../../../evaluator/votes/import.ts';
import type { ImportOptions } from '../../../evaluator/votes/imported-votes.ts';
import { buildReport } from '../../../evaluator/votes/report.ts';
import { temporaryFolder } from '../../support/folders.ts';

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(temporaryFolder(), name);
  await writeFile(path, content);
  return path;
}
/** Of a file with two models. */
async function importVotes(path: string, options: ImportOptions & { encoding?: string } = {}) {
  const { pairings, ...rest } = await importAll(path, options);
  expect(pairings).toHaveLength(1);
  return { ...pairings[0]!, ...rest };
}
const header = 'item,annotator,choice';
const good = `${header}\n1,ann,a\n1,bob,b\n1,cy,a\n2,ann,b\n2,bob,b\n2,cy,tie\n`;
const skips = (rows: { skipped: { reason: string; count: number }[] }) =>
  rows.skipped.map(({ reason, count }) => `${count}: ${reason}`);

describe('imported votes', () => {
  it('the primary criterion is that of our own export alone, in one spelling, and one', async () => {
    const own = `${header},criterion,votes_per_pair,primary\n`;
    const rows = (...primaries: string[]) => primaries.map((name, i) => `${i},ann,a,caf\u00e9,3,${name}\n`).join('');
    // The same word with the accent as a letter of its own, and a space after it.
    expect((await importVotes(await file('p.csv', own + rows('cafe\u0301 ', 'cafe\u0301 ')))).primary).toBe(
      'caf\u00e9',
    );
    await expect(importVotes(await file('q.csv', own + rows('caf\u00e9', 'taste')))).rejects.toThrow(
      "row 3: the plan's primary criterion is taste here and caf\u00e9 above",
    );
    const foreign = `${header},criterion,primary\n1,ann,a,x,x\n2,bob,b,x,y\n`;
    expect((await importVotes(await file('r.csv', foreign))).primary).toBeUndefined();
  });

  it('CSV, CRLF, BOM, gzip and JSONL give one report', async () => {
    const jsonl = good
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => {
        const [item, annotator, choice] = line.split(',');
        return JSON.stringify({ item: Number(item), annotator, choice });
      });
    const variants = [
      await file('a.csv', good),
      await file('b.csv', good.replaceAll('\n', '\r\n')),
      await file('c.csv', `\ufeff${good}`),
      await file('d.csv.gz', gzipSync(good)),
      await file('e.jsonl', `\ufeff${jsonl.join('\r\n')}\n\n`),
    ];
    const reports = await Promise.all(
      variants.map(async (path) => {
        const { rows, ...votes } = await importVotes(path);
        expect(rows).toMatchObject({ read: 6, used: 6, skipped: [] });
        return JSON.stringify(buildReport({ ...votes, study: 's' }));
      }),
    );
    expect(new Set(reports).size).toBe(1);
    expect(JSON.parse(reports[0]!)).toMatchObject({
      votesPerPair: 3,
      criteria: [{ criterion: 'general', pairs: 2, wins: 1, losses: 1 }],
    });
  });

  it('rows that cannot be used are skipped and counted with their reason', async () => {
    const path = await file('a.csv', `${good}2,ann,a\n3,ann,constructor\n4,,a\n,ann,a\n5,ann,\n6,ann\n`);
    const { rows, votes } = await importVotes(path);
    expect(rows).toMatchObject({ read: 12, used: 6 });
    expect(skips(rows)).toEqual([
      '1: the choice is not a, b or tie',
      '1: the annotator is empty',
      '1: the item is empty',
      '1: the item has no vote here: the choice is empty',
      '1: it has 2 fields, the header 3',
      '1: this annotator has voted on this item and criterion already; the first vote counts',
    ]);
    expect(rows.skipped.at(-1)!.examples).toEqual(['row 8, annotator']);
    expect(rows.notes).toEqual(['3 items have no vote; they count as incomplete pairs.']);
    expect(votes.items).toHaveLength(5);
  });

  it('models the other way round are turned; a third model makes another pairing', async () => {
    const two = await file('a.csv', `${header},model_a,model_b,left\n1,ann,a,x,y,a\n1,bob,b,y,x,b\n`);
    const { votes, rows, modelA } = await importVotes(two);
    expect(modelA).toBe('x');
    expect([...votes.outcome.slice(0, 2)]).toEqual([0, 0]);
    expect([...votes.sideOfA.slice(0, 2)]).toEqual([0, 0]);
    expect(rows.notes[0]).toContain('1 rows name the models the other way round');
    const three = await file('b.csv', `${header},model_a,model_b\n1,ann,a,x,y\n1,bob,b,x,z\n`);
    const { pairings } = await importAll(three);
    expect(pairings.map(({ modelA, modelB, votes: { count } }) => [modelA, modelB, count])).toEqual([
      ['x', 'y', 1],
      ['x', 'z', 1],
    ]);
  });

  it.each([
    ['a.csv', 'item,choice\n1,a\n', 'has no column annotator'],
    ['a.csv', '', 'The file is empty.'],
    [
      'a.csv',
      `${header}\n1,ann,maybe\n`,
      'not one vote that can be used (row 2, choice: the choice is not a, b or tie)',
    ],
    ['a.doc', 'x', 'must be .csv, .tsv, .json, .jsonl or .parquet'],
    ['a.csv', `${header}\n1,"ann,a\n`, 'cannot be read'],
  ])('%s %j is refused in a sentence', async (name, content, message) => {
    await expect(importVotes(await file(name, content))).rejects.toThrow(message);
  });

  it('a line of 10 MB and a broken archive do no harm', async () => {
    const long = `${header},category\n1,ann,a,${'x'.repeat(10_000_000)}\n1,bob,a,c\n`;
    expect((await importVotes(await file('a.csv', long))).rows.used).toBe(2);
    const jsonl = `${JSON.stringify({ item: 1, annotator: 'ann', choice: 'a', category: 'x'.repeat(10_000_000) })}\n`;
    expect((await importVotes(await file('a.jsonl', jsonl))).rows.used).toBe(1);
    await expect(importVotes(await file('b.csv.gz', gzipSync(good).subarray(0, 30)))).rejects.toThrow('cannot be read');
  });

  it('cells are trimmed and lower-cased; a status other than counted is left out; columns may be called in capitals', async () => {
    const path = await file(
      'a.csv',
      'Item, ANNOTATOR ,Choice,Status\n1,ann, A ,counted\n1,bob,TIE,\n1,cy,b,retracted\n2,cy,B,counted\n',
    );
    const { votes, rows } = await importVotes(path);
    expect([...votes.outcome.slice(0, votes.count)]).toEqual([0, 2, 1]);
    expect(skips(rows)).toEqual(['1: its status is retracted, not counted']);
    expect(rows.skipped[0]!.examples).toEqual(['row 4, status']);
  });

  it('what is optional is read: criterion, category, challenge, side, time', async () => {
    const path = await file(
      'a.csv',
      `${header},criterion,category,challenge,left,response_time_ms\n1,ann,a,appeal,Animals,Basic,b,1200\n1,bob,b,,Animals,Basic,A,\n2,ann,tie,general,,,,soon\n`,
    );
    const { votes, modelA, modelB } = await importVotes(path);
    expect(votes.criteria).toEqual(['appeal', 'general']);
    expect([...votes.criterion.slice(0, 3)]).toEqual([0, 1, 1]);
    expect(votes.items).toEqual([
      { id: '1', category: 'Animals', challenge: 'Basic' },
      { id: '2', category: null, challenge: null },
    ]);
    expect(votes.annotators).toEqual(['ann', 'bob']);
    // A on the right, on the left, unknown.
    expect([...votes.sideOfA.slice(0, 3)]).toEqual([1, 0, -1]);
    expect([...votes.responseTimeMs.slice(0, 3)]).toEqual([1200, NaN, NaN]);
    expect([modelA, modelB]).toEqual(['A', 'B']);
  });

  it('the choice and the side are turned with the models, a tie and no side are not', async () => {
    const path = await file(
      'a.csv',
      `${header},model_a,model_b,left\n1,ann,a,x,y,\n2,ann,b,y,x,a\n3,ann,tie,y,x,b\n4,ann,a,y,x,\n5,ann,b,,,a\n`,
    );
    const { votes, modelA, modelB, rows } = await importVotes(path);
    expect([modelA, modelB]).toEqual(['x', 'y']);
    expect([...votes.outcome.slice(0, 5)]).toEqual([0, 0, 2, 1, 1]);
    expect([...votes.sideOfA.slice(0, 5)]).toEqual([-1, 1, 0, -1, 0]);
    expect(rows.notes).toEqual(['3 rows name the models the other way round; their choices were turned.']);
  });

  it('null in JSONL is an empty cell', async () => {
    const row = { item: 1, annotator: 'ann', choice: 'a', criterion: null, category: null, left: null };
    const lines = [row, { ...row, item: null }, { ...row, annotator: null }].map((line) => JSON.stringify(line));
    const { votes, rows } = await importVotes(await file('a.jsonl', lines.join('\n')));
    expect([votes.criteria, votes.items]).toEqual([['general'], [{ id: '1', category: null, challenge: null }]]);
    expect(skips(rows)).toEqual(['1: the item is empty', '1: the annotator is empty']);
  });

  it('a side that is neither model is unknown; the vote counts', async () => {
    const { rows, votes } = await importVotes(
      await file('a.csv', `${header},model_a,model_b,left\n1,ann,a,x,y,y\n2,ann,a,x,y,north\n`),
    );
    expect(rows.used).toBe(2);
    expect([...votes.sideOfA.slice(0, 2)]).toEqual([1, -1]);
    expect(rows.notes).toEqual([
      "The side is unknown for 1 row: left is not a, b or a model's name. Their votes count.",
    ]);
  });

  it('k is the most common number of votes, of two as common the larger', async () => {
    const rowsOf = (votes: number[]) =>
      votes.flatMap((n, item) => Array.from({ length: n }, (_, person) => `${item},p${person},a`)).join('\n');
    const k = async (votes: number[]) =>
      (await importVotes(await file('a.csv', `${header}\n${rowsOf(votes)}\n`))).votesPerPair;
    expect(await k([3, 3, 1, 2])).toEqual([3]);
    expect(await k([1, 1, 3])).toEqual([1]);
    expect(await k([2, 2, 4, 4, 1])).toEqual([4]);
  });

  it('a second vote is one on the same item and criterion by the same annotator, wherever it stands', async () => {
    const path = await file(
      'a.csv',
      `${header},criterion\n1,ann,a,x\n2,ann,a,x\n1,ann,b,y\n1,bob,b,x\n1,ann,b,x\n2,bob,a,x\n2,ann,b,x\n1,cy,tie,x\n`,
    );
    const { votes, rows } = await importVotes(path);
    expect(rows).toMatchObject({ read: 8, used: 6 });
    expect(rows.skipped[0]).toEqual({
      reason: 'this annotator has voted on this item and criterion already; the first vote counts',
      count: 2,
      examples: ['row 6, annotator', 'row 8, annotator'],
    });
    const kept = Array.from({ length: votes.count }, (_, i) =>
      [
        votes.items[votes.item[i]!]!.id,
        votes.annotators[votes.annotator[i]!],
        votes.criteria[votes.criterion[i]!],
        votes.outcome[i],
      ].join(' '),
    );
    expect(kept).toEqual(['1 ann x 0', '2 ann x 0', '1 ann y 1', '1 bob x 1', '2 bob x 0', '1 cy x 2']);
  });

  it('three examples of each reason are shown, all are counted', async () => {
    const bad = Array.from({ length: 5 }, (_, i) => `${i},ann,maybe`).join('\n');
    const { rows } = await importVotes(await file('a.csv', `${header}\n9,ann,a\n${bad}\n`));
    expect(rows.skipped).toEqual([
      {
        reason: 'the choice is not a, b or tie',
        count: 5,
        examples: ['row 3, choice', 'row 4, choice', 'row 5, choice'],
      },
    ]);
  });

  it('JSONL rows may have their keys in any order; nothing, null and a list are told apart', async () => {
    const lines = [
      { item: 1, annotator: 'ann', choice: 'a', category: null },
      { choice: 'b', item: 1, annotator: 'bob' },
      { item: 1, annotator: ['cy'], choice: 'a' },
      { item: 2, annotator: 'ann', choice: 'tie', category: 'Arts', other: { x: 1 } },
    ];
    const { rows, votes } = await importVotes(
      await file('a.jsonl', `${lines.map((line) => JSON.stringify(line)).join('\n')}\n[1]\nnot json\n`),
    );
    expect(skips(rows)).toEqual([
      '1: the value is no text or number',
      '1: it is no JSON object',
      '1: it is not valid JSON',
    ]);
    expect(rows.skipped.map(({ examples }) => examples[0])).toEqual(['row 3, annotator', 'row 5, row', 'row 6, row']);
    expect([...votes.outcome.slice(0, votes.count)]).toEqual([0, 1, 2]);
    expect(votes.items.map(({ category }) => category)).toEqual([null, 'Arts']);
  });

  it('more than 256 criteria are a mistaken column', async () => {
    const many = (n: number) => Array.from({ length: n }, (_, i) => `${i},ann,a,c${i}`).join('\n');
    await expect(importVotes(await file('a.csv', `${header},criterion\n${many(257)}\n`))).rejects.toThrow(
      'more than 256 criteria',
    );
    expect((await importVotes(await file('b.csv', `${header},criterion\n${many(256)}\n`))).votes.criteria).toHaveLength(
      256,
    );
  });

  it('thousands of votes are kept in order', async () => {
    const rows = Array.from({ length: 5000 }, (_, i) => `${i},p${i % 7},${i % 3 === 0 ? 'a' : 'b'}`);
    const { votes } = await importVotes(await file('a.csv', `${header}\n${rows.join('\n')}\n`));
    expect(votes.count).toBe(5000);
    for (const i of [0, 1023, 1024, 4999]) {
      expect(votes.items[votes.item[i]!]!.id).toBe(String(i));
      expect(votes.annotators[votes.annotator[i]!]).toBe(`p${i % 7}`);
      expect(votes.outcome[i]).toBe(i % 3 === 0 ? 0 : 1);
    }
  });
});
