/** @file Votes that are kept in memory are what a reading from the start finds, after every step of a random schedule. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Database } from '../../db/open.ts';
import { countedVotes } from '../../db/queries/counted-votes.ts';
import { findStudy } from '../../db/queries/studies.ts';
import { excludeAnnotator } from '../../server/study/exclusions.ts';
import { reopenSeats } from '../../server/study/extra-seats.ts';
import { eraseParticipant } from '../../server/study/people.ts';
import { onBothEngines } from '../support/databases.ts';
import { doings, Protocol } from '../support/protocol.ts';
import { openStudyOf } from '../support/studies.ts';

/** A transaction keeps nothing. */
const fromTheStart = (db: Database, studyId: string) =>
  db.transaction().execute((tx) => countedVotes(tx, studyId, 'people'));

onBothEngines('votes that are kept', (fresh) => {
  it('are those that count, whatever people do', async () => {
    let [most, partly] = [0, 0];
    const person = fc.nat(5);
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({ person, doing: fc.constantFrom(...doings, 'next' as const, 'vote' as const, 'vote' as const) }),
          { minLength: 40, maxLength: 80 },
        ),
        person,
        async (steps, leftOut) => {
          const { db } = await fresh();
          const criteria = ['appeal' as const, 'general' as const];
          const { token, name } = await openStudyOf(db, { pairs: 4, votesPerPair: 2, criteria });
          const { id } = (await findStudy(db, name))!;
          const protocol = await Protocol.start(db, { token, study: name, k: 2, people: 6 });
          let before = await countedVotes(db, id, 'people');
          const look = async () => {
            const kept = await countedVotes(db, id, 'people');
            expect(kept).toEqual(await fromTheStart(db, id));
            // Asked again, the same array: what was computed from it holds.
            expect(await countedVotes(db, id, 'people')).toBe(kept);
            if (kept.length > 0 && before.length > 0 && kept !== before) partly += 1;
            before = kept;
            most = Math.max(most, kept.length);
          };
          for (const step of steps) {
            await protocol.take(step);
            await look();
          }
          const who = before[leftOut % Math.max(1, before.length)]?.annotator;
          if (who !== undefined) {
            await excludeAnnotator(db, name, who, 'for the test');
            await reopenSeats(db, name);
            await look();
            await eraseParticipant(db, who);
            await look();
            expect(before.some(({ annotator }) => annotator === who)).toBe(false);
            expect(before.some(({ annotator }) => annotator.startsWith('erased-'))).toBe(true);
          }
          await db.destroy();
        },
      ),
      { numRuns: 8, endOnFailure: true },
    );
    // The schedules got somewhere: votes were there, and came and went.
    expect(most).toBeGreaterThan(6);
    expect(partly).toBeGreaterThan(30);
  }, 300_000);
});
