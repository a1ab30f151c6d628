/** @file The tally that is kept while people vote is what the votes say; where it is not, a recount puts it right. */
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { expect, it } from 'vitest';
import type { Choice } from '../../../db/tables.ts';
import { keptTallies } from '../../../db/queries/tallies.ts';
import { findStudy } from '../../../db/queries/studies.ts';
import { joinStudy, nextAssignment } from '../../../server/study/assignments.ts';
import { recount } from '../../../server/study/recount.ts';
import { studySummary } from '../../../server/study/summary.ts';
import { castVote, undoLast } from '../../../server/study/votes.ts';
import { onBothEngines } from '../../support/databases.ts';
import { openStudyOf } from '../../support/studies.ts';

const times = { leaseMs: 60_000, graceMs: 5_000 };

onBothEngines('the tally', (fresh) => {
  async function setUp() {
    const { db } = await fresh();
    const { token, name } = await openStudyOf(db, { pairs: 3, ties: true, criteria: ['appeal', 'general'] });
    const studyId = (await findStudy(db, name))!.id;
    const ann = await joinStudy(db, { token, participant: 'ann' });
    const sides = new Map(
      (await db.selectFrom('seat').select(['id', 'side_a']).execute()).map(({ id, side_a }) => [id, side_a]),
    );
    /** Votes for a, b or tie, whichever side A is on. */
    const vote = async (outcome: 'a' | 'b' | 'tie', now: number) => {
      const assignment = (await nextAssignment(db, ann, times, now))!;
      const row = await db
        .selectFrom('assignment')
        .select('seat_id')
        .where('id', '=', assignment.id)
        .executeTakeFirstOrThrow();
      const a = sides.get(row.seat_id)!;
      const choice: Choice = outcome === 'tie' ? 'tie' : outcome === 'a' ? a : a === 'left' ? 'right' : 'left';
      for (const criterion of assignment.criteria)
        await castVote(
          db,
          ann,
          { voteId: randomUUID(), assignmentId: assignment.id, criterion, choice, responseTimeMs: 5 },
          times,
          now,
        );
    };
    return { db, studyId, name, ann, vote, kept: () => keptTallies(db, studyId) };
  }
  const of = (criterion: string, a: number, b: number, tie: number) => ({ population: 'people', criterion, a, b, tie });

  it('counts each vote for its model, and gives back what is undone', async () => {
    const { db, name, ann, vote, kept } = await setUp();
    expect(await kept()).toEqual([]);
    await vote('a', 1);
    await vote('tie', 2);
    await vote('b', 3);
    expect(await kept()).toEqual([of('appeal', 1, 1, 1), of('general', 1, 1, 1)]);
    expect(await studySummary(db, name)).toMatchObject({ votes: 6, annotators: 1 });
    await undoLast(db, ann, times, 4);
    expect(await kept()).toEqual([of('appeal', 1, 0, 1), of('general', 1, 0, 1)]);
    await vote('a', 5);
    expect(await kept()).toEqual([of('appeal', 2, 0, 1), of('general', 2, 0, 1)]);
    expect(await recount(db, name)).toEqual({ votes: 6, corrected: [] });
  });

  it('that went wrong is put right, and the annotators’ progress with it', async () => {
    const { db, name, ann, vote, kept } = await setUp();
    await vote('a', 1);
    await sql`update tally set a = a + 7`.execute(db);
    await sql`update annotator set votes = 99, done = 98`.execute(db);
    expect(await recount(db, name)).toEqual({ votes: 2, corrected: ['the tally', 'the progress of an annotator'] });
    expect(await kept()).toEqual([of('appeal', 1, 0, 0), of('general', 1, 0, 0)]);
    expect(
      await db.selectFrom('annotator').select(['votes', 'done']).where('id', '=', ann.id).executeTakeFirstOrThrow(),
    ).toEqual({ votes: 2, done: 1 });
    await vote('b', 2);
    expect(await kept()).toEqual([of('appeal', 1, 1, 0), of('general', 1, 1, 0)]);
    await expect(recount(db, 'none')).rejects.toMatchObject({ code: 'not-found' });
  });
});
