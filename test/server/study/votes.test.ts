/** @file The rules of counting, through the domain functions, with time as a parameter. */
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import type { Database } from '../../../db/open.ts';
import type { Annotator } from '../../../db/queries/assignments.ts';
import { countedVotes } from '../../../db/queries/counted-votes.ts';
import { voteLog } from '../../../db/queries/votes.ts';
import { findStudy } from '../../../db/queries/studies.ts';
import { changeState } from '../../../server/study/lifecycle.ts';
import { holdAgain, joinStudy, nextAssignment, releaseSoon } from '../../../server/study/assignments.ts';
import { castVote, undoLast } from '../../../server/study/votes.ts';
import type { AssignmentView, VoteInput } from '../../../contract/annotate.ts';
import { onBothEngines } from '../../support/databases.ts';
import { openStudyOf, type StudyFixture } from '../../support/studies.ts';

const times = { leaseMs: 60_000, graceMs: 5_000 };

onBothEngines('votes', (fresh) => {
  async function setUp(options: Parameters<typeof openStudyOf>[1]) {
    const { db } = await fresh();
    const fixture = await openStudyOf(db, options);
    const join = (participant: string) => joinStudy(db, { token: fixture.token, participant });
    return { db, fixture, join };
  }
  const ballot = (assignment: AssignmentView, criterion: string, choice = 'left', voteId: string = randomUUID()) =>
    ({ voteId, assignmentId: assignment.id, criterion, choice, responseTimeMs: 900 }) as VoteInput;
  const counted = async (db: Database, { name }: StudyFixture) =>
    countedVotes(db, (await findStudy(db, name))!.id, 'people');
  async function answer(db: Database, person: Annotator, now: number): Promise<AssignmentView | null> {
    const assignment = await nextAssignment(db, person, times, now);
    for (const criterion of assignment?.criteria ?? [])
      await castVote(db, person, ballot(assignment!, criterion), times, now);
    return assignment;
  }

  it('the same assignment comes until it is answered, then another', async () => {
    const { db, join } = await setUp({ pairs: 3 });
    const ann = await join('ann');
    const first = (await nextAssignment(db, ann, times, 0))!;
    expect((await nextAssignment(db, ann, times, 1000))!.id).toBe(first.id);
    expect(first).toMatchObject({ criteria: ['appeal', 'general', 'alignment'], prompt: null, done: 0, total: 3 });
    await answer(db, ann, 2000);
    const second = (await nextAssignment(db, ann, times, 3000))!;
    expect(second.id).not.toBe(first.id);
    expect(second.done).toBe(1);
  });

  it('the prompt comes with the answer that makes it visible', async () => {
    const { db, join } = await setUp({ pairs: 1 });
    const ann = await join('ann');
    const assignment = (await nextAssignment(db, ann, times, 0))!;
    const afterAppeal = await castVote(db, ann, ballot(assignment, 'appeal'), times, 1);
    expect(afterAppeal).toEqual({ counted: true, remaining: ['general', 'alignment'], prompt: 'prompt 0' });
    expect((await nextAssignment(db, ann, times, 2))!.prompt).toBe('prompt 0');
  });

  it('a retried vote is counted once and gets the same answer', async () => {
    const { db, fixture, join } = await setUp({ pairs: 1 });
    const ann = await join('ann');
    const assignment = (await nextAssignment(db, ann, times, 0))!;
    const vote = ballot(assignment, 'appeal');
    const first = await castVote(db, ann, vote, times, 1);
    await castVote(db, ann, ballot(assignment, 'general'), times, 2);
    expect(await castVote(db, ann, vote, times, 3)).toEqual(first);
    expect(await counted(db, fixture)).toHaveLength(2);
  });

  it('a voteId that belongs to another vote is refused', async () => {
    const { db, join } = await setUp({ pairs: 1 });
    const ann = await join('ann');
    const assignment = (await nextAssignment(db, ann, times, 0))!;
    const vote = ballot(assignment, 'appeal');
    await castVote(db, ann, vote, times, 1);
    await expect(castVote(db, ann, { ...vote, choice: 'right' }, times, 2)).rejects.toMatchObject({
      code: 'vote-id-reused',
    });
  });

  it('somebody else’s voteId, and an assignment that is not there, are refused', async () => {
    const { db, join } = await setUp({ pairs: 2 });
    const [ann, bob] = [await join('ann'), await join('bob')];
    const hers = (await nextAssignment(db, ann, times, 0))!;
    const his = (await nextAssignment(db, bob, times, 0))!;
    const vote = ballot(hers, 'appeal');
    await castVote(db, ann, vote, times, 1);
    await expect(castVote(db, bob, { ...vote, assignmentId: his.id }, times, 2)).rejects.toMatchObject({
      code: 'vote-id-reused',
    });
    await expect(castVote(db, ann, { ...vote, criterion: 'general' }, times, 2)).rejects.toMatchObject({
      code: 'vote-id-reused',
    });
    await expect(castVote(db, ann, { ...ballot(hers, 'general'), assignmentId: 'x' }, times, 2)).rejects.toMatchObject({
      code: 'not-found',
    });
  });

  it('a second vote on one criterion is refused', async () => {
    const { db, fixture, join } = await setUp({ pairs: 1 });
    const ann = await join('ann');
    const assignment = (await nextAssignment(db, ann, times, 0))!;
    await castVote(db, ann, ballot(assignment, 'appeal'), times, 1);
    await expect(castVote(db, ann, ballot(assignment, 'appeal', 'right'), times, 2)).rejects.toMatchObject({
      code: 'already-voted',
    });
    expect(await counted(db, fixture)).toHaveLength(1);
  });

  it('a pair is given to k different annotators and never to one twice', async () => {
    const { db, fixture, join } = await setUp({ pairs: 2, votesPerPair: 2 });
    for (const name of ['ann', 'bob', 'cy']) {
      const person = await join(name);
      while ((await answer(db, person, 0)) !== null);
    }
    const votes = await counted(db, fixture);
    expect(votes).toHaveLength(2 * 2 * 3);
    expect(new Set(votes.map((vote) => `${vote.pair} ${vote.criterion} ${vote.annotator}`)).size).toBe(12);
  });

  it('A is on the left as often as on the right, and within a pair the sides differ', async () => {
    const { db, fixture, join } = await setUp({ pairs: 4, votesPerPair: 2 });
    for (const name of ['ann', 'bob']) {
      const person = await join(name);
      while ((await answer(db, person, 0)) !== null);
    }
    const votes = (await counted(db, fixture)).filter((vote) => vote.criterion === 'general');
    expect(votes.filter((vote) => vote.sideA === 'left')).toHaveLength(4);
    for (let pair = 0; pair < 4; pair++) {
      expect(new Set(votes.filter((vote) => vote.pair === pair).map((vote) => vote.sideA)).size).toBe(2);
    }
  });

  it('a lease that ran out goes to the next annotator; what was voted stays', async () => {
    const { db, fixture, join } = await setUp({ pairs: 1, votesPerPair: 1 });
    const [ann, bob] = [await join('ann'), await join('bob')];
    const hers = (await nextAssignment(db, ann, times, 0))!;
    await castVote(db, ann, ballot(hers, 'appeal'), times, 1000);
    expect(await nextAssignment(db, bob, times, 30_000)).toBeNull();
    const his = (await nextAssignment(db, bob, times, 70_000))!;
    expect(his.criteria).toEqual(['general', 'alignment']);
    // Her late vote is kept, and does not count.
    expect(await castVote(db, ann, ballot(hers, 'general'), times, 71_000)).toMatchObject({
      counted: false,
      remaining: [],
    });
    for (const criterion of his.criteria) await castVote(db, bob, ballot(his, criterion), times, 72_000);
    expect((await counted(db, fixture)).map((vote) => `${vote.annotator} ${vote.criterion}`).sort()).toEqual([
      'ann appeal',
      'bob alignment',
      'bob general',
    ]);
    expect(await voteLog(db, (await findStudy(db, fixture.name))!.id, 'people')).toHaveLength(4);
  });

  it('a late vote counts as long as nobody has taken the seat', async () => {
    const { db, join } = await setUp({ pairs: 1, votesPerPair: 1 });
    const [ann, bob] = [await join('ann'), await join('bob')];
    const assignment = (await nextAssignment(db, ann, times, 0))!;
    await castVote(db, ann, ballot(assignment, 'appeal'), times, 1);
    // Bob's request frees the seat; the study is paused before he gets it.
    await releaseSoon(db, [ann.id], { ...times, graceMs: 0 }, 2);
    await changeState(db, 'study', 'paused');
    await expect(nextAssignment(db, bob, times, 90_000)).rejects.toMatchObject({ code: 'study-paused' });
    expect(await castVote(db, ann, ballot(assignment, 'general'), times, 99_000)).toMatchObject({ counted: true });
  });

  it('a short absence costs nothing: whoever is back holds a whole lease again', async () => {
    const { db, join } = await setUp({ pairs: 1, votesPerPair: 1 });
    const [ann, bob] = [await join('ann'), await join('bob')];
    const assignment = (await nextAssignment(db, ann, times, 0))!;
    await releaseSoon(db, [ann.id], times, 1000);
    await holdAgain(db, ann, times, 2000);
    expect(await nextAssignment(db, bob, times, 20_000)).toBeNull();
    expect(await castVote(db, ann, ballot(assignment, 'appeal'), times, 30_000)).toMatchObject({ counted: true });
  });

  it('a late vote from one seat does not count beside a vote from another seat of the pair', async () => {
    const { db, fixture, join } = await setUp({ pairs: 1 });
    const [ann, bob] = [await join('ann'), await join('bob')];
    let both = 0;
    for (let round = 0; round < 12; round++) {
      const [start, later] = [round * 1_000_000, round * 1_000_000 + 100_000];
      const old = (await nextAssignment(db, ann, times, start))!;
      await nextAssignment(db, bob, times, later);
      const fresh = (await nextAssignment(db, ann, times, later + 1))!;
      if (fresh.id === old.id) continue;
      await castVote(db, ann, ballot(fresh, 'appeal'), times, later + 2);
      expect(await castVote(db, ann, ballot(old, 'appeal'), times, later + 3)).toMatchObject({ counted: false });
      both += 1;
      break;
    }
    expect(both).toBe(1);
    expect((await counted(db, fixture)).filter((vote) => vote.annotator === 'ann')).toHaveLength(1);
  });

  it('someone who left without voting may get the same pair again', async () => {
    const { db, join } = await setUp({ pairs: 1, votesPerPair: 1 });
    const [ann, bob] = [await join('ann'), await join('bob')];
    await nextAssignment(db, ann, times, 0);
    await nextAssignment(db, bob, times, 70_000);
    expect(await nextAssignment(db, ann, times, 140_000)).not.toBeNull();
  });

  it('undo opens the last assignment again, and the old votes stay in the log', async () => {
    const { db, fixture, join } = await setUp({ pairs: 2 });
    const ann = await join('ann');
    const first = (await answer(db, ann, 10))!;
    const second = (await nextAssignment(db, ann, times, 20))!;
    const reopened = await undoLast(db, ann, times, 30);
    expect(reopened).toMatchObject({
      id: first.id,
      criteria: ['appeal', 'general', 'alignment'],
      prompt: null,
      done: 0,
    });
    // Asked again, as a page does whose answer got lost, it stays where it is.
    expect(await undoLast(db, ann, times, 40)).toMatchObject({ id: first.id });
    expect((await nextAssignment(db, ann, times, 50))!.id).toBe(first.id);
    for (const criterion of reopened.criteria) await castVote(db, ann, ballot(reopened, criterion, 'right'), times, 60);
    expect((await nextAssignment(db, ann, times, 70))!.id).toBe(second.id);
    const log = await voteLog(db, (await findStudy(db, fixture.name))!.id, 'people');
    expect(log.filter((vote) => vote.retractedAt !== null)).toHaveLength(3);
    expect((await counted(db, fixture)).every((vote) => vote.choice === 'right')).toBe(true);
  });

  it('undo in the middle of a pair takes that pair back, not the one before', async () => {
    const { db, join } = await setUp({ pairs: 2 });
    const ann = await join('ann');
    await answer(db, ann, 10);
    const second = (await nextAssignment(db, ann, times, 20))!;
    await castVote(db, ann, ballot(second, 'appeal'), times, 30);
    expect((await undoLast(db, ann, times, 40)).id).toBe(second.id);
  });

  it('a tie is refused where the study has none, and counted where it has', async () => {
    const strict = await setUp({ pairs: 1 });
    const ann = await strict.join('ann');
    const assignment = (await nextAssignment(strict.db, ann, times, 0))!;
    await expect(castVote(strict.db, ann, ballot(assignment, 'appeal', 'tie'), times, 1)).rejects.toMatchObject({
      code: 'tie-not-allowed',
    });
    const lenient = await setUp({ pairs: 1, ties: true });
    const bob = await lenient.join('bob');
    const his = (await nextAssignment(lenient.db, bob, times, 0))!;
    expect(await castVote(lenient.db, bob, ballot(his, 'appeal', 'tie'), times, 1)).toMatchObject({ counted: true });
  });

  it('somebody else’s assignment, an unasked criterion and a closed study are refused', async () => {
    const { db, join } = await setUp({ pairs: 2, criteria: ['general'] });
    const [ann, bob] = [await join('ann'), await join('bob')];
    const assignment = (await nextAssignment(db, ann, times, 0))!;
    await expect(castVote(db, bob, ballot(assignment, 'general'), times, 1)).rejects.toMatchObject({
      code: 'not-found',
    });
    await expect(castVote(db, ann, ballot(assignment, 'appeal'), times, 1)).rejects.toMatchObject({
      code: 'bad-request',
    });
    await changeState(db, 'study', 'closed');
    await expect(castVote(db, ann, ballot(assignment, 'general'), times, 1)).rejects.toMatchObject({
      code: 'study-closed',
    });
    await expect(nextAssignment(db, ann, times, 1)).rejects.toMatchObject({ code: 'study-closed' });
  });
});
