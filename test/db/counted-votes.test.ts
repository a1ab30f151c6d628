/** @file Votes that are kept in memory are what a reading from the start finds, after every step of a random schedule. */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { connect, type Database } from '../../db/open.ts';
import type { Annotator } from '../../db/queries/assignments.ts';
import { countedVotes, mostStudies } from '../../db/queries/counted-votes.ts';
import { findStudy } from '../../db/queries/studies.ts';
import { joinStudy, nextAssignment } from '../../server/study/assignments.ts';
import { excludeAnnotator } from '../../server/study/exclusions.ts';
import { reopenSeats } from '../../server/study/extra-seats.ts';
import { eraseParticipant } from '../../server/study/people.ts';
import { castVote, undoLast } from '../../server/study/votes.ts';
import { onBothEngines } from '../support/databases.ts';
import { doings, Protocol } from '../support/protocol.ts';
import { openStudyOf } from '../support/studies.ts';

/** A transaction keeps nothing. */
const fromTheStart = (db: Database, studyId: string) =>
  db.transaction().execute((tx) => countedVotes(tx, studyId, 'people'));

onBothEngines('votes that are kept', (fresh) => {
  it('are those that count, whatever people do', async () => {
    let [most, changed] = [0, 0];
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
            if (kept.length > 0 && before.length > 0 && kept !== before) changed += 1;
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
    expect(most).toBeGreaterThan(3);
    expect(changed).toBeGreaterThan(30);
  }, 300_000);

  const times = { leaseMs: 60_000, graceMs: 5_000 };
  const vote = async (db: Database, person: Annotator, now = Date.now()) => {
    const { id } = (await nextAssignment(db, person, times, now))!;
    const ballot = { voteId: randomUUID(), assignmentId: id, criterion: 'general', choice: 'left' as const };
    await castVote(db, person, { ...ballot, responseTimeMs: 900 }, times, now);
  };

  it('are as of one moment, whatever others do between two queries', async () => {
    const { db, location } = await fresh();
    // SQLite's one connection is in use while its query ends.
    const other = connect(location);
    const { token, name } = await openStudyOf(db, { pairs: 30, votesPerPair: 1, criteria: ['general'] });
    const { id } = (await findStudy(db, name))!;
    const people: Annotator[] = [];
    for (let i = 0; i < 16; i++) people.push(await joinStudy(db, { token, participant: `person-${i}` }, 0));
    const [ann, bob, dan] = people as [Annotator, Annotator, Annotator];
    /** What happens after the next query. */
    let meanwhile: (() => Promise<void>) | undefined;
    const watch = () =>
      db.withPlugin({
        transformQuery: ({ node }) => node,
        async transformResult({ result }) {
          const happens = meanwhile;
          meanwhile = undefined;
          await happens?.();
          return result;
        },
      });
    const watched = watch();
    await vote(db, ann, 1000);
    expect(await countedVotes(watched, id, 'people')).toHaveLength(1);
    // Dan is read again; while he is, Ann takes her vote back and Bob gets votes in.
    await vote(db, dan, 2000);
    meanwhile = async () => {
      await undoLast(other, ann, times, 3000);
      await vote(other, bob, 200_000);
    };
    const found = await countedVotes(watched, id, 'people');
    expect(meanwhile).toBeUndefined();
    expect(found.map(({ annotator }) => annotator).sort()).toEqual(['person-1', 'person-2']);
    expect(found).toEqual(await fromTheStart(db, id));
    // Somebody who comes while everything is read has a name, too, or no vote yet.
    const another = watch();
    meanwhile = async () => vote(other, await joinStudy(other, { token, participant: 'late' }, 0), 300_000);
    const whole = await countedVotes(another, id, 'people');
    expect(whole.every(({ annotator }) => typeof annotator === 'string')).toBe(true);
    expect(await countedVotes(another, id, 'people')).toEqual(await fromTheStart(db, id));
    await other.destroy();
  });

  it('stay what they are when somebody comes who has not voted, and go when many other studies were read', async () => {
    const { db } = await fresh();
    const { token, name } = await openStudyOf(db, { pairs: 2, votesPerPair: 1, criteria: ['general'] });
    const { id } = (await findStudy(db, name))!;
    await vote(db, await joinStudy(db, { token, participant: 'ann' }));
    const kept = await countedVotes(db, id, 'people');
    await joinStudy(db, { token, participant: 'bob' });
    expect(await countedVotes(db, id, 'people')).toBe(kept);
    for (let i = 0; i < mostStudies - 1; i++) await countedVotes(db, `another-${i}`, 'people');
    expect(await countedVotes(db, id, 'people')).toBe(kept);
    for (let i = 0; i < mostStudies; i++) await countedVotes(db, `another-${i}`, 'people');
    const again = await countedVotes(db, id, 'people');
    expect(again).not.toBe(kept);
    expect(again).toEqual(kept);
  });
});
