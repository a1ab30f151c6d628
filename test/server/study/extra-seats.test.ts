/** @file Others are asked about the pairs of people who are left out: k votes of others, both results, once, and back. */
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import type { Criterion } from '../../../contract/criteria.ts';
import { planSchema, type Plan } from '../../../contract/plan.ts';
import type { Database } from '../../../db/open.ts';
import { readAudit } from '../../../server/access/audit.ts';
import { joinStudy, nextAssignment } from '../../../server/study/assignments.ts';
import { excludeAnnotator, includeAnnotator } from '../../../server/study/exclusions.ts';
import { reopenSeats } from '../../../server/study/extra-seats.ts';
import { changeState } from '../../../server/study/lifecycle.ts';
import { studyLive } from '../../../server/study/live.ts';
import { recount } from '../../../server/study/recount.ts';
import { isRunning } from '../../../server/study/reveal.ts';
import { studySummary } from '../../../server/study/summary.ts';
import { castVote, undoLast } from '../../../server/study/votes.ts';
import { onBothEngines } from '../../support/databases.ts';
import { openStudyOf, reportOfTwo } from '../../support/studies.ts';

const times = { leaseMs: 60_000, graceMs: 5_000 };

onBothEngines('the pairs of people who are left out', (fresh) => {
  async function setUp(criteria: Criterion[] = ['general'], plan?: Plan) {
    const { db } = await fresh();
    const { token } = await openStudyOf(db, { pairs: 3, criteria, votesPerPair: 2, ...(plan && { plan }) });
    /** Somebody answers everything for one model, as far as they are asked. @returns pairs finished */
    const work = async (name: string, image: 'a' | 'b', most = Infinity, questions = criteria.length) => {
      const person = await joinStudy(db, { token, participant: name });
      let done = 0;
      for (; done < most; done++) {
        const assignment = await nextAssignment(db, person, times);
        if (assignment === null) break;
        const { side_a } = await db
          .selectFrom('assignment')
          .select('side_a')
          .where('id', '=', assignment.id)
          .executeTakeFirstOrThrow();
        const choice = (image === 'a') === (side_a === 'left') ? ('left' as const) : ('right' as const);
        for (const criterion of assignment.criteria.slice(0, questions)) {
          const vote = { voteId: randomUUID(), assignmentId: assignment.id, criterion, choice, responseTimeMs: 500 };
          await castVote(db, person, vote, times);
        }
      }
      return done;
    };
    return { db, work };
  }
  /** Where A was for somebody, or is on the seats beyond the plan's, pair by pair. */
  const sidesFor = async (db: Database, participant: string) =>
    (
      await db
        .selectFrom('assignment as a')
        .innerJoin('annotator as n', 'n.id', 'a.annotator_id')
        .innerJoin('pair as p', 'p.id', 'a.pair_id')
        .select('a.side_a')
        .where('n.participant', '=', participant)
        .orderBy('p.position')
        .execute()
    ).map(({ side_a }) => side_a);
  const extraSides = async (db: Database) =>
    (await db.selectFrom('seat').select('side_a').where('seat_index', '=', 2).orderBy('position').execute()).map(
      ({ side_a }) => side_a,
    );

  it('get k votes of others, and both results stay', async () => {
    const { db, work } = await setUp();
    expect([await work('ann', 'a'), await work('bob', 'b'), await work('cleo', 'a')]).toEqual([3, 3, 0]);
    expect((await reportOfTwo(db, 'study')).criteria[0]).toMatchObject({ wins: 0, losses: 0 });
    await excludeAnnotator(db, 'study', 'bob', 'random');
    expect((await reportOfTwo(db, 'study')).criteria[0]).toMatchObject({ incomplete: 3 });
    // Excluding alone asks nobody.
    expect(await work('cleo', 'a')).toBe(0);

    expect(await reopenSeats(db, 'study')).toEqual({ opened: 3, shared: 0 });
    expect(await reopenSeats(db, 'study')).toEqual({ opened: 0, shared: 0 });
    expect((await readAudit(db)).entries.at(-1)).toMatchObject({ action: 'study reopen', subject: 'study: 3 seats' });
    // A is where bob had it.
    expect(await extraSides(db)).toEqual(await sidesFor(db, 'bob'));
    expect(await studySummary(db, 'study')).toMatchObject({ votes: 6, votesNeeded: 9, running: true });
    expect(await isRunning(db, 'study')).toBe(true);

    // Not of whoever has the pair already, nor of bob.
    expect([await work('ann', 'a'), await work('bob', 'b'), await work('cleo', 'a'), await work('dan', 'a')]).toEqual([
      0, 0, 3, 0,
    ]);
    const report = await reportOfTwo(db, 'study');
    expect(report.criteria[0]).toMatchObject({ wins: 3, losses: 0, incomplete: 0, winRate: { value: 1, n: 3 } });
    // With everybody two of three votes are for A.
    expect(report.withExcluded!.criteria[0]).toMatchObject({ wins: 3, losses: 0, incomplete: 0 });
    expect(await studySummary(db, 'study')).toMatchObject({ votes: 9, votesNeeded: 9, running: false });
    expect((await recount(db, 'study')).corrected).toEqual([]);
  });

  it('are taken back as far as nobody was asked', async () => {
    const { db, work } = await setUp();
    for (const name of ['ann', 'bob']) await work(name, 'a');
    await excludeAnnotator(db, 'study', 'bob', 'random');
    await reopenSeats(db, 'study');
    expect(await work('cleo', 'a', 1)).toBe(1);
    await includeAnnotator(db, 'study', 'bob', undefined);
    expect(await studySummary(db, 'study')).toMatchObject({ votes: 7, votesNeeded: 7 });
    expect(await work('dan', 'a')).toBe(0);
    // Left out again: the one that was opened serves, two are opened.
    await excludeAnnotator(db, 'study', 'bob', 'random after all');
    expect(await reopenSeats(db, 'study')).toEqual({ opened: 2, shared: 0 });
    expect(await work('dan', 'a')).toBe(2);
    expect((await reportOfTwo(db, 'study')).criteria[0]).toMatchObject({ wins: 3, incomplete: 0 });
  });

  it('are put away where somebody has only looked, and opened anew', async () => {
    const { db, work } = await setUp();
    for (const name of ['ann', 'bob']) await work(name, 'a');
    await excludeAnnotator(db, 'study', 'bob', 'random');
    const { invite_token: token } = await db.selectFrom('study').select('invite_token').executeTakeFirstOrThrow();
    const bob = await joinStudy(db, { token, participant: 'bob' });
    await expect(undoLast(db, bob, times)).rejects.toThrow('no vote to take back');
    await reopenSeats(db, 'study');
    // Cleo is shown a pair and leaves.
    const cleo = await joinStudy(db, { token, participant: 'cleo' });
    await nextAssignment(db, cleo, times);
    await db.updateTable('assignment').set({ state: 'expired' }).where('state', '=', 'leased').execute();
    await includeAnnotator(db, 'study', 'bob', undefined);
    expect(await studySummary(db, 'study')).toMatchObject({ votes: 6, votesNeeded: 6, running: false });
    expect(await work('dan', 'a')).toBe(0);
    await excludeAnnotator(db, 'study', 'bob', 'random after all');
    expect(await reopenSeats(db, 'study')).toEqual({ opened: 3, shared: 0 });
    expect(await work('dan', 'a')).toBe(3);
    expect((await reportOfTwo(db, 'study')).criteria[0]).toMatchObject({ wins: 3, incomplete: 0 });
  });

  it('are for others than those who are left out, with both sides as they were', async () => {
    const { db, work } = await setUp();
    const counts = [await work('ann', 'a', 2), await work('bob', 'b'), await work('cleo', 'a')];
    expect(counts).toEqual([2, 3, 1]);
    for (const name of ['bob', 'cleo']) {
      await excludeAnnotator(db, 'study', name, 'random');
      await reopenSeats(db, 'study');
    }
    // Cleo had one pair: none of the others is hers now.
    expect(await work('cleo', 'a')).toBe(0);
    const sidesAt = async (isExtra: boolean) => {
      const rows = await db
        .selectFrom('seat as t')
        .leftJoin('assignment as a', (join) => join.onRef('a.seat_id', '=', 't.id').on('a.state', '=', 'done'))
        .leftJoin('annotator as n', 'n.id', 'a.annotator_id')
        .select(['t.position', 't.side_a', 't.seat_index', 'n.participant'])
        .execute();
      return rows
        .filter((row) => (isExtra ? row.seat_index >= 2 : row.participant === 'bob' || row.participant === 'cleo'))
        .map(({ position, side_a }) => `${position} ${side_a}`)
        .sort();
    };
    expect(await sidesAt(true)).toEqual(await sidesAt(false));
    expect((await studyLive(db, 'study')).criteria[0]!.pairsDone).toBe(0);
    expect([await work('dan', 'a'), await work('eve', 'a')]).toEqual([3, 1]);
    expect((await studyLive(db, 'study')).criteria[0]!.pairsDone).toBe(3);
    expect((await reportOfTwo(db, 'study')).criteria[0]).toMatchObject({ wins: 3, incomplete: 0 });
    await changeState(db, 'study', 'closed');
    await expect(reopenSeats(db, 'study')).rejects.toThrow('is closed; open it');
  });

  it('are a departure from a plan', async () => {
    const { db, work } = await setUp(
      ['general'],
      planSchema.parse({ primary: 'general', exclusions: 'Who is random.' }),
    );
    for (const name of ['ann', 'bob']) await work(name, 'a');
    const departures = async () => (await reportOfTwo(db, 'study')).plan!.departures;
    await excludeAnnotator(db, 'study', 'bob', 'random');
    expect(await departures()).toEqual([]);
    await reopenSeats(db, 'study');
    expect(await departures()).toEqual(['others were asked about 3 places of annotators who were left out']);
  });

  it('are not opened where somebody else has filled half of the seat, and that is said', async () => {
    const { db, work } = await setUp(['general', 'alignment']);
    await work('ann', 'a');
    // Bob answers the first question of a pair and leaves; cleo goes on with it.
    await work('bob', 'b', 1, 1);
    await db.updateTable('assignment').set({ state: 'expired' }).where('state', '=', 'leased').execute();
    await work('cleo', 'a');
    await excludeAnnotator(db, 'study', 'bob', 'random');
    expect(await reopenSeats(db, 'study')).toEqual({ opened: 0, shared: 1 });
  });
});
