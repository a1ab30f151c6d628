import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { importVotes } from '../../../evaluator/votes/import.ts';
import { buildReport } from '../../../evaluator/votes/report.ts';
import { temporaryFolder } from '../../support/folders.ts';

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(temporaryFolder(), name);
  await writeFile(path, content);
  return path;
}
const header = 'item,annotator,choice';
const good = `${header}\n1,ann,a\n1,bob,b\n1,cy,a\n2,ann,b\n2,bob,b\n2,cy,tie\n`;
const skips = (rows: { skipped: { reason: string; count: number }[] }) =>
  rows.skipped.map(({ reason, count }) => `${count}: ${reason}`);

describe('imported votes', () => {
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
        return JSON.stringify(buildReport({ ...votes, study: 's', simulated: false }));
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
    expect(rows.skipped.at(-1)!.examples).toEqual(['row 7, annotator']);
    expect(rows.notes).toEqual(['3 items have no vote; they count as incomplete pairs.']);
    expect(votes.items).toHaveLength(5);
  });

  it('models the other way round are turned; a third model refuses the file with its row', async () => {
    const two = await file('a.csv', `${header},model_a,model_b,left\n1,ann,a,x,y,a\n1,bob,b,y,x,b\n`);
    const { votes, rows, modelA } = await importVotes(two);
    expect(modelA).toBe('x');
    expect([...votes.outcome.slice(0, 2)]).toEqual([0, 0]);
    expect([...votes.sideOfA.slice(0, 2)]).toEqual([0, 0]);
    expect(rows.notes[0]).toContain('1 rows name the models the other way round');
    const three = await file('b.csv', `${header},model_a,model_b\n1,ann,a,x,y\n1,bob,b,x,z\n`);
    await expect(importVotes(three)).rejects.toThrow('row 2: it compares x with z, the rows before x with y');
  });

  it.each([
    ['a.csv', 'item,choice\n1,a\n', 'has no column annotator'],
    ['a.csv', '', 'The file is empty.'],
    [
      'a.csv',
      `${header}\n1,ann,maybe\n`,
      'not one vote that can be used (row 1, choice: the choice is not a, b or tie)',
    ],
    ['a.xlsx', 'x', 'must be .csv, .tsv or .jsonl'],
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
});
