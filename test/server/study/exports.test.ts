/** @file Every export of a running study, read back by `analyze`, is the study's own report. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pairOfAssignment } from '../../../db/queries/assignments.ts';
import { planSchema } from '../../../contract/plan.ts';
import type { Report } from '../../../contract/report.ts';
import { openPreferences } from '../../../evaluator/preference/preference-rows.ts';
import { filterPairs } from '../../../evaluator/preference/filter.ts';
import { analyze } from '../../../evaluator/votes/analyze.ts';
import { ensureSimulatedSeats } from '../../../server/study/design.ts';
import type { ExportFormat } from '../../../contract/words.ts';
import { exportVotes } from '../../../server/study/exports.ts';
import { joinStudy, nextAssignment } from '../../../server/study/assignments.ts';
import { castVote, undoLast } from '../../../server/study/votes.ts';
import { majorityRight, preferenceFor, simulatedVote } from '../../../server/simulation/latent-preference.ts';
import { freshSqlite } from '../../support/databases.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { openStudyOf, reportOfTwo } from '../../support/studies.ts';

const times = { leaseMs: 60_000, graceMs: 5_000 };

/** Tests one criterion alone, which another p value of Holm's shows. */
const plan = planSchema.parse({ primary: 'appeal' });

/** Fourteen pairs of k = 3, of which three people have judged some: decided pairs, open ones, ties, a retraction. */
async function runningStudy(population: 'people' | 'simulated' = 'people') {
  const { db } = await freshSqlite();
  const fixture = await openStudyOf(db, { pairs: 14, votesPerPair: 3, ties: true, plan });
  // Nobody gets the last two while people vote.
  const study = await db
    .selectFrom('study')
    .select(['id', 'invite_token', 'simulation_token'])
    .executeTakeFirstOrThrow();
  if (population === 'simulated') await ensureSimulatedSeats(db, study.id);
  const last = db.updateTable('seat').where('position', '>=', 12);
  await last.set({ state: 'done' }).execute();
  const token = population === 'people' ? study.invite_token : study.simulation_token;
  let cast = 0;
  for (const [name, pairs] of [
    ['=ann', 10],
    ['bob ', 9],
    ['cy', 8],
  ] as const) {
    const person = await joinStudy(db, { token, participant: name.trim() }, 1);
    for (let i = 0; i < pairs; i++) {
      const assignment = (await nextAssignment(db, person, times, 10))!;
      const { pair, sideA } = await pairOfAssignment(db, assignment.id);
      for (const criterion of assignment.criteria) {
        cast += 1;
        // Every third pair is A's, whoever judges it: it has a winner that never loses.
        const choice = pair % 3 === 0 ? sideA : cast % 5 === 0 ? 'tie' : cast % 3 === 0 ? 'right' : 'left';
        await castVote(
          db,
          person,
          { voteId: crypto.randomUUID(), assignmentId: assignment.id, criterion, choice, responseTimeMs: 500 + cast },
          times,
          20,
        );
      }
    }
    if (name === 'cy') await undoLast(db, person, times, 30);
  }
  await last.set({ state: 'free' }).execute();
  return { db, ...fixture };
}

/** What must be the same; the name and the rewards are the study's own. */
const numbersOf = ({ modelA, modelB, simulated, votesPerPair, criteria, comparisons, annotators }: Report) => ({
  modelA,
  modelB,
  simulated,
  votesPerPair,
  criteria,
  comparisons,
  annotators,
});

describe('exports', () => {
  it.each<[ExportFormat, string]>([
    ['votes-csv', 'v.csv'],
    ['votes-jsonl', 'v.jsonl'],
    ['votes-parquet', 'v.parquet'],
    ['arena', 'v.csv'],
    ['arena', 'v.jsonl'],
    ['arena', 'v.json'],
  ])('%s as %s: analyze is report, open pairs and votes a pair included', async (format, name) => {
    const { db, name: study, dataFolder } = await runningStudy();
    const out = join(temporaryFolder(), name);
    const { content, rows } = await exportVotes(db, study, { format, out, dataFolder });
    expect(rows).toBe(81);
    await writeFile(out, content);
    const own = await reportOfTwo(db, study);
    // Not all is decided, or the test would show nothing.
    expect(own.criteria[0]!.incomplete).toBeGreaterThan(3);
    expect(own.criteria[0]!.decided).toBeGreaterThan(0);
    const { pHolm, pScore } = own.criteria.find(({ criterion }) => criterion === 'appeal')!.signTest;
    expect(pHolm).toBe(pScore);
    const read = await analyze(out);
    expect(numbersOf(read)).toEqual(numbersOf(own));
    // Three answers of cy were taken back.
    expect(read.rows.skipped.map(({ reason, count }) => [reason, count])).toEqual([
      ['its status is retracted, not counted', 3],
    ]);
  });

  it.each(['v.csv', 'v.jsonl', 'v.parquet'])(
    'pick-a-pic as %s: one criterion, and straight into preferences',
    async (name) => {
      const { db, name: study, dataFolder } = await runningStudy();
      const out = join(temporaryFolder(), name);
      const request = { format: 'pick-a-pic', out, dataFolder } as const;
      await writeFile(out, (await exportVotes(db, study, request)).content);
      const own = await reportOfTwo(db, study);
      const read = await analyze(out);
      // But for the family over which Holm corrects.
      const alone = (report: Report) =>
        report.criteria
          .filter(({ criterion }) => criterion === 'general')
          .map((row) => ({ ...row, signTest: { ...row.signTest, pHolm: null } }));
      expect(alone(read)).toEqual(alone(own));
      const source = await openPreferences(out);
      const { votes, incomplete, decided } = read.criteria[0]!;
      expect(source.rows).toHaveLength(votes.a + votes.b + votes.tie);
      expect(incomplete + decided).toBe(14);
      const kept = filterPairs(source.rows, { keep: 'absolute-winners', minWins: 1, rows: 'first' });
      expect(kept.length).toBeGreaterThan(0);
      for await (const { images } of source.readImages([kept[0]!.winner.row.index]))
        for (const bytes of images) expect([...bytes.subarray(1, 4)]).toEqual([...Buffer.from('PNG')]);
      await expect(exportVotes(db, study, { ...request, criterion: 'beauty' })).rejects.toThrow(
        'does not ask about "beauty"',
      );
    },
  );

  it('simulated votes stay marked through every format', async () => {
    const { db, name: study, dataFolder } = await runningStudy('simulated');
    for (const [format, name] of [
      ['votes-csv', 'v.csv'],
      ['arena', 'v.jsonl'],
      ['pick-a-pic', 'v.csv'],
    ] as const) {
      const out = join(temporaryFolder(), name);
      await writeFile(out, (await exportVotes(db, study, { format, out, dataFolder })).content);
      expect((await analyze(out)).simulated).toBe(true);
    }
  });

  it('an ending that a format cannot have is refused', async () => {
    const { db, name: study, dataFolder } = await runningStudy();
    await expect(exportVotes(db, study, { format: 'arena', out: 'v.xml', dataFolder })).rejects.toThrow(
      'v.xml must end in .csv or .jsonl or .json.',
    );
  });
});

describe('simulated annotators', () => {
  it('a pair’s worth with ties, by hand', () => {
    // Three votes, each right .5, wrong .25, tie .25: two or three right 3·.25·.5 + .125 = .5; wrong 3·.0625·.75 + .015625 = .15625.
    expect(majorityRight(2 / 3, 3, 0.25)).toBeCloseTo(0.5 + (1 - 0.5 - 0.15625) / 2, 12);
    expect(majorityRight(0.8, 3)).toBeCloseTo(0.8 ** 3 + 3 * 0.8 ** 2 * 0.2, 12);
  });

  it('give ties at their rate and the win rate that was asked', () => {
    const preference = preferenceFor(0.6, 3, 0.2);
    let [points, ties] = [0, 0];
    const pairs = 4000;
    for (let pair = 0; pair < pairs; pair++) {
      const votes = [0, 1, 2].map((seat) => simulatedVote(preference, { seed: 1, pair, criterion: 'general', seat }));
      const count = (choice: string) => votes.filter((vote) => vote === choice).length;
      ties += count('tie');
      points += count('a') > 1.5 ? 1 : count('b') > 1.5 ? 0 : 0.5;
    }
    expect(Math.abs(ties / (3 * pairs) - 0.2)).toBeLessThan(0.02);
    expect(Math.abs(points / pairs - 0.6)).toBeLessThan(0.03);
    expect(() => preferenceFor(0.95, 3, 0.6)).toThrow('no win rate above');
  });
});
