/** @file Others are asked about the pairs of people who are left out: k votes of others, both results, once, and back. */
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import type { Criterion } from '../../../contract/criteria.ts';
import type { Database } from '../../../db/open.ts';
import { readAudit } from '../../../server/access/audit.ts';
import { joinStudy, nextAssignment } from '../../../server/study/assignments.ts';
import { excludeAnnotator, includeAnnotator } from '../../../server/study/exclusions.ts';
import { reopenSeats } from '../../../server/study/extra-seats.ts';
import { recount } from '../../../server/study/recount.ts';
import { isRunning } from '../../../server/study/reveal.ts';
import { studySummary } from '../../../server/study/summary.ts';
import { castVote } from '../../../server/study/votes.ts';
import { onBothEngines } from '../../support/databases.ts';
import { openStudyOf, reportOfTwo } from '../../support/studies.ts';

const times = { leaseMs: 60_000, graceMs: 5_000 };

onBothEngines('the pairs of people who are left out', (fresh) => {
  async function setUp(criteria: Criterion[] = ['general']) {
    const { db } = await fresh();
    const { token } = await openStudyOf(db, { pairs: 3, criteria, votesPerPair: 2 });
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
