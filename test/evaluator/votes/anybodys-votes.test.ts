/** @file Files as people really have them: separators, encodings, spellings, other programs' columns and words. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import type { Analysis, ManyModelsAnalysis } from '../../../contract/report.ts';
import { isOfMany } from '../../../evaluator/votes/models.ts';
import { analyze, analyzeAny, type AnalysisOptions } from '../../../evaluator/votes/analyze.ts';
import { parseValues } from '../../../evaluator/votes/choices.ts';
import { temporaryFolder } from '../../support/folders.ts';

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(temporaryFolder(), name);
  await writeFile(path, content);
  return path;
}
async function ofTwo(name: string, content: string | Uint8Array, options: AnalysisOptions = {}): Promise<Analysis> {
  return analyze(await file(name, content), options);
}
async function ofMany(name: string, content: string): Promise<ManyModelsAnalysis> {
  const report = await analyzeAny(await file(name, content));
  if (!isOfMany(report)) throw new Error('it is of two models');
  return report;
}

/** 20 items of three votes each; b wins items 0, 7 and 12, a the other 17. Ids with spaces and an accent on purpose. */
const votes = Array.from({ length: 20 }, (_, i) =>
  [0, 1, 2].map((w) => {
    const won = ![0, 7, 12].includes(i);
    return { item: `café ${i}`, annotator: `w${w}`, choice: (w === i % 3) === won ? 'b' : 'a' };
  }),
).flat();
type Vote = (typeof votes)[number];
const csv = (header: string, row: (vote: Vote, i: number) => string, end = '\n') =>
  [header, ...votes.map(row), ''].join(end);
const plain = csv('item,annotator,choice', ({ item, annotator, choice }) => `${item},${annotator},${choice}`);
const seventeenToThree = { pairs: 20, decided: 20, wins: 17, losses: 3, votesPerPair: 3 };
const skipped = ({ skipped }: Analysis) => skipped.map(({ reason, rows }) => `${rows}: ${reason}`);

describe('anybody’s votes', () => {
  it.each<[string, string, string | Uint8Array]>([
    ['commas', 'a.csv', plain],
    [
      'semicolons, as Excel writes them in half of Europe',
      'a.csv',
      plain.replaceAll(',', ';').replaceAll('\n', '\r\n'),
    ],
    ['Excel’s sep line', 'a.csv', `sep=,\r\n${plain.replaceAll('\n', '\r\n')}`],
    ['a byte order mark, a sep line and semicolons', 'a.csv', `\ufeffsep=;\r\n${plain.replaceAll(',', ';')}`],
    ['tabs in a .csv', 'a.csv', plain.replaceAll(',', '\t')],
    ['tabs in a .tsv', 'a.tsv', plain.replaceAll(',', '\t')],
    ['UTF-16 with its mark', 'a.csv', Buffer.from(`\ufeff${plain}`, 'utf16le')],
    ['gzip', 'a.csv.gz', gzipSync(plain)],
    ['a JSON array', 'a.json', JSON.stringify(votes)],
    ['a JSON object that holds an array', 'a.json', JSON.stringify({ version: 1, rows: votes })],
    ['JSONL', 'a.jsonl', votes.map((vote) => JSON.stringify(vote)).join('\n')],
    [
      'Parquet, whatever it is called',
      'a.csv',
      new Uint8Array(
        parquetWriteBuffer({
          columnData: (['item', 'annotator', 'choice'] as const).map((name) => ({
            name,
            data: votes.map((vote) => vote[name]),
            type: 'STRING' as const,
          })),
        }),
      ),
    ],
  ])('reads %s', async (_, name, content) => {
    const report = await ofTwo(name, content);
    expect(report.criteria[0]).toMatchObject(seventeenToThree);
    expect(report.criteria[0]!.winRate.value).toBe(0.85);
    expect(report.skipped).toEqual([]);
  });

  it('bytes that are not UTF-8 are refused, not replaced; with --encoding they are read', async () => {
    const latin = Buffer.from(plain, 'latin1');
    await expect(ofTwo('a.csv', latin)).rejects.toThrow(/is not UTF-8 \(byte 0xe9 at 25\); .*--encoding latin1/);
    expect((await ofTwo('a.csv', latin, { encoding: 'latin1' })).criteria[0]).toMatchObject(seventeenToThree);
    await expect(ofTwo('a.csv', plain, { encoding: 'klingon' })).rejects.toThrow('"klingon" is not known');
    // A character that two chunks of the stream share.
    const long = csv(
      'item,annotator,choice,category',
      ({ item, annotator, choice }, i) => `${item},${annotator},${choice},${'é'.repeat(20_000 + i)}`,
    );
    expect((await ofTwo('a.csv', long)).criteria[0]).toMatchObject(seventeenToThree);
  });

  it('an Excel workbook is named for what it is', async () => {
    await expect(ofTwo('a.csv', Buffer.from('PK\x03\x04\x14\x00\x08\x00', 'latin1'))).rejects.toThrow(
      'is an Excel workbook or another archive, not a table of text; save it as CSV.',
    );
  });

  it('a column that is there twice is refused by its name; one that nobody reads may be', async () => {
    await expect(ofTwo('a.csv', 'item,annotator,choice,Choice\n1,ann,a,b\n')).rejects.toThrow('column choice twice');
    expect((await ofTwo('a.csv', 'item,annotator,choice,x,x\n1,ann,a,1,2\n')).rows.used).toBe(1);
  });

  it('arena records: columns, words, and both bad as a tie that is counted apart', async () => {
    const words = { a: 'model_a', b: 'model_b' };
    const report = await ofTwo(
      'a.csv',
      csv(
        'question_id,judge,winner,model_a,model_b',
        (v) => `${v.item},${v.annotator},${words[v.choice as 'a']},m1,m2`,
      ),
    );
    expect(report).toMatchObject({ modelA: 'm1', modelB: 'm2', criteria: [seventeenToThree] });
    const bad = await ofTwo('b.csv', 'item,annotator,choice\r\nq1,u1,a\r\nq2,u2,tie (bothbad)\r\nq3,u2,tie\r\n');
    expect(bad.criteria[0]).toMatchObject({ wins: 1, losses: 0, ties: 2, votes: { tie: 2, bothBad: 1 } });
    expect(bad.notes).toEqual(['1 tie is because neither would do (both bad).']);
    // Battles without a question or a judge are one of their own each.
    const battles = await ofTwo('c.jsonl', '{"model_a":"x","model_b":"y","winner":"model_a"}\n'.repeat(3));
    expect(battles.criteria[0]).toMatchObject({ pairs: 3, wins: 3, votesPerPair: 1 });
  });

  it('choices are model names, left and right, 1 and 2; what is ambiguous is refused', async () => {
    const named = csv(
      'item,annotator,choice,model_a,model_b',
      (v) => `${v.item},${v.annotator},${v.choice === 'a' ? 'Alpha' : 'beta'},Alpha,beta`,
    );
    expect((await ofTwo('a.csv', named)).criteria[0]).toMatchObject(seventeenToThree);
    // The left image is A's in even rows.
    const sides = csv('item,annotator,choice,left', (v, i) => {
      const aIsLeft = i % 2 === 0;
      return `${v.item},${v.annotator},${(v.choice === 'a') === aIsLeft ? 'left' : 'Right'},${aIsLeft ? 'a' : 'b'}`;
    });
    expect((await ofTwo('a.csv', sides)).criteria[0]).toMatchObject(seventeenToThree);
    const numbers = csv('item,annotator,choice', (v) => `${v.item},${v.annotator},${v.choice === 'a' ? 1 : 2}`);
    expect((await ofTwo('a.csv', numbers)).criteria[0]).toMatchObject(seventeenToThree);
    const zeros = csv('item,annotator,choice', (v) => `${v.item},${v.annotator},${v.choice === 'a' ? 0 : 1}`);
    await expect(ofTwo('a.csv', zeros)).rejects.toThrow('--values 0=a,1=b');
    expect((await ofTwo('a.csv', zeros, { values: parseValues('0=a,1=b')! })).criteria[0]).toMatchObject(
      seventeenToThree,
    );
  });

  it('columns can be named, and words', async () => {
    const odd = csv('pic,who,verdict', (v) => `${v.item},${v.annotator},${v.choice === 'a' ? 'yes' : 'no'}`);
    await expect(ofTwo('a.csv', odd)).rejects.toThrow('Its columns are pic, who, verdict: name them with --map');
    const map = new Map([
      ['item', 'pic'],
      ['annotator', 'WHO'],
      ['choice', 'verdict'],
    ] as const);
    const report = await ofTwo('a.csv', odd, { map, values: parseValues('yes=a, no=b')! });
    expect(report.criteria[0]).toMatchObject(seventeenToThree);
    await expect(ofTwo('a.csv', odd, { map: new Map([['item', 'nope']] as const) })).rejects.toThrow(
      'has no column nope',
    );
  });

  it('ids that differ by outer space or Unicode form are one, and a note says so', async () => {
    const spaced = csv(
      'item,annotator,choice',
      (v, i) => `${v.item}${i % 4 === 1 ? ' ' : ''},${v.annotator},${v.choice}`,
    );
    const report = await ofTwo('a.csv', spaced);
    expect(report.criteria[0]).toMatchObject(seventeenToThree);
    expect(report.notes.join()).toMatch(/\d+ rows with the item spelled otherwise/);
    const decomposed = csv(
      'item,annotator,choice',
      (v, i) => `${i % 3 === 0 ? v.item.normalize('NFD') : v.item},${v.annotator},${v.choice}`,
    );
    expect((await ofTwo('a.csv', decomposed)).criteria[0]).toMatchObject(seventeenToThree);
    expect((await ofTwo('a.csv', plain)).notes).toEqual([]);
  });

  it('a status column of a crowd platform does not refuse what it approved', async () => {
    const approved = csv('item,annotator,choice,Status', (v) => `${v.item},${v.annotator},${v.choice},APPROVED`);
    const report = await ofTwo('a.csv', approved);
    expect(report.rows.used).toBe(60);
    expect(report.notes.join()).toContain('values of another program (APPROVED)');
    expect(skipped(await ofTwo('a.csv', `${approved}x,w,a,REJECTED\n`))).toEqual([
      '1: its status is REJECTED, not counted',
    ]);
  });

  it('a model against itself, and a side that cannot be told', async () => {
    const self = 'item,annotator,choice,model_a,model_b\n1,ann,a,x,y\n2,ann,a,m,m\n';
    await expect(ofTwo('a.csv', self)).rejects.toThrow('row 3: it compares m with itself');
    const unknown = csv(
      'item,annotator,choice,left',
      (v, i) => `${v.item},${v.annotator},${v.choice},${i < 16 ? 'left' : ''}`,
    );
    const report = await ofTwo('a.csv', unknown);
    expect(report.criteria[0]).toMatchObject(seventeenToThree);
    expect(report.notes.join()).toContain('The side is unknown for 16 rows');
  });

  it('each criterion has its own k', async () => {
    const rows = votes.filter(({ annotator }) => annotator === 'w0');
    const second = rows.map((v) => `${v.item},${v.annotator},${v.choice},appeal`).join('\n');
    const both = csv('item,annotator,choice,criterion', (v) => `${v.item},${v.annotator},${v.choice},general`) + second;
    const [general, appeal] = (await ofTwo('a.csv', both)).criteria;
    expect(general).toMatchObject(seventeenToThree);
    expect(appeal).toMatchObject({ votesPerPair: 1, decided: 20, incomplete: 0 });
    expect((await ofTwo('a.csv', both, { votesPerPair: 3 })).criteria[1]).toMatchObject({
      votesPerPair: 3,
      decided: 0,
    });
  });

  it('a judgement in both orders is averaged, any other second vote is left out', async () => {
    const twice = [
      'item,annotator,choice,model_a,model_b',
      '1,ann,a,x,y',
      '1,ann,a,y,x', // says y now: a tie
      '2,ann,a,x,y',
      '2,ann,b,y,x', // x both times
      '3,ann,a,x,y',
      '3,ann,b,x,y', // the same order: the first counts
      '',
    ].join('\n');
    const report = await ofTwo('a.csv', twice);
    expect(report.criteria[0]).toMatchObject({ pairs: 3, wins: 2, ties: 1, losses: 0 });
    expect(report.notes.join(' ')).toContain('2 judgements were given twice, in both orders');
    expect(report.skipped).toHaveLength(1);
    expect(report.rows.skipped[0]!.examples).toEqual(['row 7, annotator']);
  });

  it('attributes that differ within an item are noted with the row', async () => {
    const { notes, criteria } = await ofTwo('a.csv', 'item,annotator,choice,category\n1,ann,a,Arts\n1,bob,a,Animals\n');
    expect(criteria[0]!.byCategory.map(({ name }) => name)).toEqual(['Arts']);
    expect(notes).toEqual([
      "1 row with another category or challenge than the item's first row has (row 3, item 1); the first counts.",
    ]);
  });

  it('simulated votes stay marked', async () => {
    const marked = csv('item,annotator,choice,population', (v) => `${v.item},${v.annotator},${v.choice},simulated`);
    expect((await ofTwo('a.csv', marked)).simulated).toBe(true);
    expect((await ofTwo('a.csv', plain.replaceAll(',w', ',simulated-'))).simulated).toBe(true);
    expect((await ofTwo('a.csv', plain)).simulated).toBe(false);
  });

  it('MTurk’s results: questions, worker, approval', async () => {
    const header = '"HITId","AssignmentStatus","WorkerId","Input.prompt","Answer.choice"';
    const mturk = csv(header, (v, i) => `H${i},Approved,${v.annotator},${v.item},${v.choice}`);
    expect((await ofTwo('a.csv', mturk)).criteria[0]).toMatchObject(seventeenToThree);
    const two = 'WorkerId,Input.item,Answer.appeal,Answer.general\nw1,1,a,b\nw1,2,tie,a\n';
    const report = await ofTwo('b.csv', two);
    expect(report.criteria.map(({ criterion, wins, losses, ties }) => [criterion, wins, losses, ties])).toEqual([
      ['appeal', 1, 0, 1],
      ['general', 1, 1, 0],
    ]);
  });

  it('Label Studio’s JSON, Argilla’s records, Pick-a-Pic, AlpacaEval, a wide table', async () => {
    const byItem = [...new Set(votes.map(({ item }) => item))].map((item) => ({
      item,
      rows: votes.filter((vote) => vote.item === item),
    }));
    const labelStudio = byItem.map(({ item, rows }, id) => ({
      id,
      data: { item },
      annotations: rows.map(({ annotator, choice }) => ({
        completed_by: { email: annotator },
        result: [{ from_name: 'pw', type: 'pairwise', value: { selected: choice === 'a' ? 'left' : 'right' } }],
      })),
    }));
    expect((await ofTwo('a.json', JSON.stringify(labelStudio))).criteria[0]).toMatchObject(seventeenToThree);
    const argilla = byItem.map(({ item, rows }) => ({
      id: item,
      fields: { prompt: item },
      responses: {
        preference: rows.map(({ annotator, choice }) => ({ value: choice, user_id: annotator, status: 'submitted' })),
      },
    }));
    expect((await ofTwo('a.json', JSON.stringify(argilla))).criteria[0]).toMatchObject(seventeenToThree);
    const pick = csv(
      'caption,user_id,label_0,label_1,model_0,model_1',
      (v) => `${v.item},${v.annotator},${v.choice === 'a' ? '1,0' : '0,1'},x,y`,
    );
    expect(await ofTwo('a.csv', pick)).toMatchObject({ modelA: 'x', criteria: [seventeenToThree] });
    const alpaca = votes.map(({ item, annotator, choice }) => ({
      instruction: item,
      annotator,
      preference: choice === 'a' ? 1.0 : 2.0,
      generator_1: 'x',
      generator_2: 'y',
    }));
    expect(await ofTwo('a.json', JSON.stringify(alpaca))).toMatchObject({ modelA: 'x', criteria: [seventeenToThree] });
    const wide = `item,w0,w1,w2\n${byItem.map(({ item, rows }) => [item, ...rows.map(({ choice }) => choice)].join()).join('\n')}\n`;
    expect((await ofTwo('a.csv', wide, { format: 'wide' })).criteria[0]).toMatchObject(seventeenToThree);
  });

  it('three models: a report a pair, ratings on one scale, the circle named', async () => {
    // A beats B 8 to 3, B beats C 7 to 2, C beats A 6 to 4.
    const battles = [
      ...Array.from({ length: 11 }, (_, i) => `${i < 8 ? 'a' : 'b'},A,B`),
      ...Array.from({ length: 9 }, (_, i) => `${i < 7 ? 'a' : 'b'},B,C`),
      ...Array.from({ length: 10 }, (_, i) => `${i < 6 ? 'a' : 'b'},C,A`),
    ];
    const report = await ofMany(
      'a.csv',
      `choice,model_a,model_b,item,annotator\n${battles.map((row, i) => `${row},p${i},u`).join('\n')}\n`,
    );
    expect(report.models).toEqual(['A', 'B', 'C']);
    expect(
      report.pairings.map(({ modelA, modelB, criteria }) => [modelA, modelB, criteria[0]!.wins, criteria[0]!.losses]),
    ).toEqual([
      ['A', 'B', 8, 3],
      ['B', 'C', 7, 2],
      ['C', 'A', 6, 4],
    ]);
    // The maximum of Σ wins·ln σ(θ_i − θ_j), found with an independent optimiser (scipy's BFGS).
    const ratings = report.ratings.map(({ rating }) => rating!);
    expect(ratings.reduce((sum, rating) => sum + rating, 0)).toBeCloseTo(0, 12);
    const expected = (i: number, j: number) => 1 / (1 + Math.exp(ratings[j]! - ratings[i]!));
    // At the maximum each model wins as often as expected.
    expect(11 * expected(0, 1) + 10 * expected(0, 2)).toBeCloseTo(8 + 4, 8);
    expect(11 * expected(1, 0) + 9 * expected(1, 2)).toBeCloseTo(3 + 7, 8);
    expect(report.cycles).toEqual([{ criterion: 'general', models: ['A', 'B', 'C'] }]);
    expect(report.matrix[0]!.winRates[2]).toEqual([0.6, expect.closeTo(2 / 9, 12) as number, null]);
    await expect(ofTwo('a.csv', 'item,annotator,choice,model_a,model_b\n1,u,a,A,B\n2,u,a,B,C\n')).rejects.toThrow(
      'compares 3 models (A, B, C)',
    );
    expect(report).not.toHaveProperty('modelA');
    expect(report).not.toHaveProperty('criteria');
  });
});
