/** @file How long a seat is held, what renews it, and who gets it when it expires. Time is a parameter. */
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import type { Database } from '../../../db/open.ts';
import { problemsOfStudy, standingOf } from '../../../db/queries/assignments.ts';
import type { AssignmentView, VoteInput } from '../../../contract/annotate.ts';
import { TooManyBegin } from '../../../server/errors.ts';
import {
  holdAgain,
  joinStudy,
  nextAssignment,
  preloadAssignment,
  releaseSoon,
  reportProblem,
} from '../../../server/study/assignments.ts';
import { recount } from '../../../server/study/recount.ts';
import { castVote, undoLast } from '../../../server/study/votes.ts';
import { onBothEngines } from '../../support/databases.ts';
import { openStudyOf } from '../../support/studies.ts';

const lease = 60_000;
const times = { leaseMs: lease, graceMs: 5_000 };

onBothEngines('leases', (fresh) => {
  async function setUp(pairs: number, options: object = {}) {
    const { db } = await fresh();
    const { token } = await openStudyOf(db, { pairs, votesPerPair: 1, criteria: ['appeal', 'general'], ...options });
    return { db, join: (participant: string) => joinStudy(db, { token, participant }, 1) };
  }
  const ballot = (assignment: AssignmentView, criterion: string): VoteInput =>
    ({ voteId: randomUUID(), assignmentId: assignment.id, criterion, choice: 'left', responseTimeMs: 9 }) as VoteInput;
  const expiry = async (db: Database, id: string) =>
    (await db.selectFrom('assignment').select('expires_at').where('id', '=', id).executeTakeFirstOrThrow()).expires_at;

  it('last from when they are given; the page is told', async () => {
    const { db, join } = await setUp(1);
    const assignment = (await nextAssignment(db, await join('ann'), times, 1000))!;
    expect(assignment.expiresAt).toBe(1000 + lease);
    expect(await expiry(db, assignment.id)).toBe(1000 + lease);
  });

  it('are renewed by asking for the assignment again, and by a vote', async () => {
    const { db, join } = await setUp(1);
    const [ann, bob] = [await join('ann'), await join('bob')];
    const assignment = (await nextAssignment(db, ann, times, 0))!;
    expect((await nextAssignment(db, ann, times, 50_000))!.expiresAt).toBe(50_000 + lease);
    expect(await expiry(db, assignment.id)).toBe(50_000 + lease);
    await castVote(db, ann, ballot(assignment, 'appeal'), times, 100_000);
    expect(await expiry(db, assignment.id)).toBe(100_000 + lease);
    // Neither the first nor the second lease would last until here.
    expect(await nextAssignment(db, bob, times, 159_999)).toBeNull();
    expect(await nextAssignment(db, bob, times, 160_001)).not.toBeNull();
  });

  it('end at their time and not before', async () => {
    const { db, join } = await setUp(1);
    const [ann, bob] = [await join('ann'), await join('bob')];
    await nextAssignment(db, ann, times, 0);
    expect(await nextAssignment(db, bob, times, lease)).toBeNull();
    expect(await nextAssignment(db, bob, times, lease + 1)).not.toBeNull();
  });

  it('end soon after a disconnection, never later than they would have', async () => {
    const { db, join } = await setUp(2);
    const ann = await join('ann');
    const assignment = (await nextAssignment(db, ann, times, 0))!;
    await releaseSoon(db, [ann.id], times, 10_000);
    expect(await expiry(db, assignment.id)).toBe(15_000);
    await releaseSoon(db, [ann.id], times, 12_000);
    expect(await expiry(db, assignment.id)).toBe(15_000);
    await holdAgain(db, ann, times, 14_000);
    expect(await expiry(db, assignment.id)).toBe(14_000 + lease);
  });

  it('stay when the connection that ended is not the newest: the newest is on another server', async () => {
    const { db, join } = await setUp(2);
    const ann = await join('ann');
    const assignment = (await nextAssignment(db, ann, times, 0))!;
    await holdAgain(db, ann, times, 1000, 'on the first server');
    await holdAgain(db, ann, times, 2000, 'on the second server');
    await releaseSoon(db, [ann.id], times, 3000, ['on the first server']);
    expect(await expiry(db, assignment.id)).toBe(2000 + lease);
    await releaseSoon(db, [ann.id], times, 4000, ['an older one', 'on the second server']);
    expect(await expiry(db, assignment.id)).toBe(9000);
  });

  it('do not outlast a clock that is set back', async () => {
    const { db, join } = await setUp(1);
    const [ann, bob] = [await join('ann'), await join('bob')];
    const hours = 3 * 3600_000;
    const assignment = (await nextAssignment(db, ann, times, hours))!;
    expect(await expiry(db, assignment.id)).toBe(hours + lease);
    // Three hours earlier: at the first look it is cut to a whole lease from then.
    expect(await nextAssignment(db, bob, times, 1000)).toBeNull();
    expect(await expiry(db, assignment.id)).toBe(1000 + lease);
    expect(await nextAssignment(db, bob, times, 1001 + lease)).not.toBeNull();
  });

  it('are cut to a whole one by a vote, too, when the clock was set back', async () => {
    const { db, join } = await setUp(1);
    const ann = await join('ann');
    const assignment = (await nextAssignment(db, ann, times, 3 * 3600_000))!;
    await castVote(db, ann, ballot(assignment, 'appeal'), times, 1000);
    // Nobody else has asked, so nothing else has looked at it.
    expect(await expiry(db, assignment.id)).toBe(61_000);
  });

  it('of one person are not those of another', async () => {
    const { db, join } = await setUp(2);
    const [ann, bob] = [await join('ann'), await join('bob')];
    const [hers, his] = [(await nextAssignment(db, ann, times, 0))!, (await nextAssignment(db, bob, times, 0))!];
    expect(hers.id).not.toBe(his.id);
    await releaseSoon(db, [ann.id], times, 10);
    await holdAgain(db, bob, times, 20);
    expect([await expiry(db, hers.id), await expiry(db, his.id)]).toEqual([5010, 20 + lease]);
  });

  it('a pair with a vote whose lease expired comes back to its annotator first', async () => {
    const { db, join } = await setUp(3);
    const [ann, bob] = [await join('ann'), await join('bob')];
    const assignment = (await nextAssignment(db, ann, times, 0))!;
    await castVote(db, ann, ballot(assignment, 'appeal'), times, 1);
    // Bob's request frees what has expired; he takes another pair, or this one.
    const his = (await nextAssignment(db, bob, times, 100_000))!;
    const back = (await nextAssignment(db, ann, times, 100_001))!;
    const taken = await db
      .selectFrom('assignment as x')
      .innerJoin('assignment as y', 'y.pair_id', 'x.pair_id')
      .select('x.id')
      .where('x.id', '=', his.id)
      .where('y.id', '=', assignment.id)
      .executeTakeFirst();
    if (taken === undefined) {
      expect(back).toMatchObject({ id: assignment.id, criteria: ['general'], expiresAt: 100_001 + lease });
    } else {
      // It is gone, and she never gets a pair twice.
      expect(back.id).not.toBe(assignment.id);
    }
  });

  it('a pair that expired without a vote may come again, one with a vote comes when its seat is free again', async () => {
    const { db, join } = await setUp(1, { votesPerPair: 2 });
    const [ann, bob, cy] = [await join('ann'), await join('bob'), await join('cy')];
    const first = (await nextAssignment(db, ann, times, 0))!;
    await castVote(db, ann, ballot(first, 'appeal'), times, 1);
    // Two seats; both are taken by others once hers has expired.
    expect(await nextAssignment(db, bob, times, 100_000)).not.toBeNull();
    expect(await nextAssignment(db, cy, times, 100_000)).not.toBeNull();
    expect(await nextAssignment(db, ann, times, 100_001)).toBeNull();
    // Their leases run out too, and hers can go on.
    expect(await nextAssignment(db, ann, times, 300_000)).toMatchObject({ id: first.id, criteria: ['general'] });
  });

  it('preloading leases two pairs beyond the current one, and nothing to who holds none or has not voted', async () => {
    const { db, join } = await setUp(4);
    const [ann, bob] = [await join('ann'), await join('bob')];
    expect(await preloadAssignment(db, ann, times, 0)).toEqual({ assignments: [] });
    const first = (await nextAssignment(db, ann, times, 0))!;
    // No vote yet: one seat, where newcomers are held back.
    expect(await preloadAssignment(db, ann, { ...times, newcomerMs: 60_000 }, 1)).toEqual({ assignments: [] });
    await castVote(db, ann, ballot(first, 'appeal'), times, 2);
    const { assignments } = await preloadAssignment(db, ann, times, 10);
    expect(assignments).toHaveLength(2);
    expect(assignments.map(({ prompt }) => prompt)).toEqual([null, null]);
    for (const { promptLater } of assignments) expect(promptLater).toMatch(/./);
    expect(assignments.map(({ done }) => done)).toEqual([1, 2]);
    expect(await preloadAssignment(db, ann, times, 11)).toEqual({ assignments });
    // One of four is left.
    expect(await nextAssignment(db, bob, times, 20)).not.toBeNull();
    expect(await nextAssignment(db, await join('cy'), times, 21)).toBeNull();
    // What was preloaded comes in its order.
    await castVote(db, ann, ballot(first, 'general'), times, 30);
    expect((await nextAssignment(db, ann, times, 31))!.id).toBe(assignments[0]!.id);
    // Nothing is left to preload for somebody who holds the last.
    const { db: small, join: joinSmall } = await setUp(1);
    const dan = await joinSmall('dan');
    await castVote(small, dan, ballot((await nextAssignment(small, dan, times, 0))!, 'appeal'), times, 1);
    expect(await preloadAssignment(small, dan, times, 2)).toEqual({ assignments: [] });
  });

  it('whoever has not voted holds one seat for a minute, and all of them at most half of the free ones but sixteen', async () => {
    const lease = { ...times, leaseMs: 900_000, newcomerMs: 60_000 };
    const { db, join } = await setUp(90);
    const came = [];
    for (let i = 0; i < 47; i++) came.push(await join(`made-up-${i}`));
    const got = [];
    for (const annotator of came)
      got.push(await nextAssignment(db, annotator, lease, 0).catch((error: { code: string }) => error.code));
    // 45 hold one each of the 90; with a 46th they would hold more than the rest.
    expect(got.filter((each) => typeof each === 'object')).toHaveLength(45);
    expect(got.slice(45)).toEqual(['unavailable', 'unavailable']);
    for (const each of got.slice(0, 45)) expect(each).toMatchObject({ expiresAt: 60_000 });
    // Votes make room: after two, 43 hold one each beside 45 free ones.
    await castVote(db, came[0]!, ballot(got[0] as AssignmentView, 'appeal'), lease, 1000);
    await expect(nextAssignment(db, came[45]!, lease, 1001)).rejects.toThrow(TooManyBegin);
    await castVote(db, came[1]!, ballot(got[1] as AssignmentView, 'appeal'), lease, 1002);
    expect(await nextAssignment(db, came[45]!, lease, 1003)).not.toBeNull();
    // So does a minute.
    await expect(nextAssignment(db, came[46]!, lease, 1004)).rejects.toThrow(TooManyBegin);
    expect(await nextAssignment(db, came[46]!, lease, 60_001)).not.toBeNull();
    // In a small study sixteen may begin at once.
    const small = await setUp(18);
    for (let i = 0; i < 16; i++)
      expect(await nextAssignment(small.db, await small.join(`p${i}`), lease, 0)).not.toBeNull();
    await expect(nextAssignment(small.db, await small.join('p16'), lease, 0)).rejects.toThrow(TooManyBegin);
  });

  it('a skipped pair goes to others, does not come again, keeps its votes, and the reason is on record', async () => {
    const { db, join } = await setUp(2);
    const [ann, bob] = [await join('ann'), await join('bob')];
    const first = (await nextAssignment(db, ann, times, 0))!;
    await castVote(db, ann, ballot(first, 'appeal'), times, 1);
    await reportProblem(db, ann, { assignmentId: first.id, reason: 'blurry' }, 2);
    await reportProblem(db, ann, { assignmentId: first.id, reason: 'blurry' }, 3);
    const second = (await nextAssignment(db, ann, times, 4))!;
    expect(second.left.url).not.toBe(first.left.url);
    await reportProblem(db, ann, { assignmentId: second.id, reason: 'skipped' }, 5);
    expect(await nextAssignment(db, ann, times, 6)).toBeNull();
    // A vote that was on its way comes too late to count, although nobody has taken the seat yet.
    expect(await castVote(db, ann, ballot(second, 'appeal'), times, 7)).toMatchObject({ counted: false });
    // Bob gets both, the first without the question that is answered.
    const his = [];
    for (let i = 0; i < 2; i++) {
      const view = (await nextAssignment(db, bob, times, 10 + i))!;
      his.push(view.criteria.length);
      for (const criterion of view.criteria) await castVote(db, bob, ballot(view, criterion), times, 10 + i);
    }
    expect(his.sort()).toEqual([1, 2]);
    await expect(reportProblem(db, bob, { assignmentId: first.id, reason: 'text' })).rejects.toMatchObject({
      code: 'not-found',
    });
    const studyId = ann.studyId;
    expect((await problemsOfStudy(db, studyId)).map(({ reason, count }) => [reason, Number(count)]).sort()).toEqual([
      ['blurry', 1],
      ['skipped', 1],
    ]);
  });

  it('a pair whose lease ran out can be skipped too, and does not come again', async () => {
    const { db, join } = await setUp(1);
    const [ann, bob] = [await join('ann'), await join('bob')];
    const first = (await nextAssignment(db, ann, times, 0))!;
    // Bob's asking takes the seat back, and he gives his own up.
    const his = (await nextAssignment(db, bob, times, 100_000))!;
    await reportProblem(db, bob, { assignmentId: his.id, reason: 'text' }, 100_001);
    await reportProblem(db, ann, { assignmentId: first.id, reason: 'skipped' }, 100_002);
    await reportProblem(db, ann, { assignmentId: first.id, reason: 'blurry' }, 100_003);
    expect(await nextAssignment(db, ann, times, 100_004)).toBeNull();
    const told = await problemsOfStudy(db, ann.studyId);
    expect(told.map(({ reason }) => reason).sort()).toEqual(['skipped', 'text']);
    expect(await nextAssignment(db, await join('cy'), times, 100_005)).not.toBeNull();
  });

  it('work whose seat had gone meanwhile is kept as surplus and counts as done for the person', async () => {
    const { db, join } = await setUp(1);
    const [ann, bob] = [await join('ann'), await join('bob')];
    const first = (await nextAssignment(db, ann, times, 0))!;
    const his = (await nextAssignment(db, bob, times, 100_000))!;
    for (const criterion of his.criteria) await castVote(db, bob, ballot(his, criterion), times, 100_001);
    for (const criterion of first.criteria)
      expect((await castVote(db, ann, ballot(first, criterion), times, 100_002)).counted).toBe(false);
    expect((await standingOf(db, ann.id)).done).toBe(1);
    const { name } = await db.selectFrom('study').select('name').executeTakeFirstOrThrow();
    expect((await recount(db, name)).corrected).toEqual([]);
  });

  it('undo leases the reopened pair for a whole lease, each time it is asked', async () => {
    const { db, join } = await setUp(2);
    const ann = await join('ann');
    const first = (await nextAssignment(db, ann, times, 0))!;
    for (const criterion of first.criteria) await castVote(db, ann, ballot(first, criterion), times, 10);
    expect((await undoLast(db, ann, times, 1000)).expiresAt).toBe(1000 + lease);
    expect(await expiry(db, first.id)).toBe(1000 + lease);
    expect((await undoLast(db, ann, times, 2000)).expiresAt).toBe(2000 + lease);
    expect(await expiry(db, first.id)).toBe(2000 + lease);
    await expect(undoLast(db, await join('bob'), times, 1)).rejects.toMatchObject({ code: 'nothing-to-undo' });
  });

  it('progress is the person’s own', async () => {
    const { db, join } = await setUp(3);
    const [ann, bob] = [await join('ann'), await join('bob')];
    const first = (await nextAssignment(db, ann, times, 0))!;
    expect(first).toMatchObject({ done: 0, total: 3 });
    for (const criterion of first.criteria) await castVote(db, ann, ballot(first, criterion), times, 1);
    expect(await nextAssignment(db, ann, times, 2)).toMatchObject({ done: 1, total: 3 });
    expect(await nextAssignment(db, bob, times, 3)).toMatchObject({ done: 0, total: 3 });
  });

  it('a pair with a vote that expired and is free again is revived for its annotator, with what is left of it', async () => {
    const { db, join } = await setUp(1, { votesPerPair: 2, criteria: ['appeal', 'general', 'alignment'] });
    const [ann, cy, bob] = [await join('ann'), await join('cy'), await join('bob')];
    const hers = (await nextAssignment(db, ann, times, 0))!;
    const others = (await nextAssignment(db, cy, times, 0))!;
    await castVote(db, ann, ballot(hers, 'appeal'), times, 1);
    for (const criterion of others.criteria) await castVote(db, cy, ballot(others, criterion), times, 2);
    // Cy's next request frees her seat, and Cy, who sat at this pair, cannot take it.
    expect(await nextAssignment(db, cy, times, 100_000)).toBeNull();
    const state = async () =>
      (await db.selectFrom('assignment').select('state').where('id', '=', hers.id).executeTakeFirstOrThrow()).state;
    expect(await state()).toBe('expired');
    expect(await nextAssignment(db, ann, times, 100_001)).toMatchObject({
      id: hers.id,
      criteria: ['general', 'alignment'],
      expiresAt: 100_001 + lease,
    });
    expect(await state()).toBe('leased');
    expect(await nextAssignment(db, bob, times, 100_002)).toBeNull();
  });

  it('a late vote on a free seat takes the seat back until it is finished', async () => {
    const { db, join } = await setUp(1, { votesPerPair: 2, criteria: ['appeal', 'general', 'alignment'] });
    const [ann, cy, bob] = [await join('ann'), await join('cy'), await join('bob')];
    const hers = (await nextAssignment(db, ann, times, 0))!;
    const others = (await nextAssignment(db, cy, times, 0))!;
    for (const criterion of others.criteria) await castVote(db, cy, ballot(others, criterion), times, 2);
    expect(await nextAssignment(db, cy, times, 100_000)).toBeNull();
    expect(await castVote(db, ann, ballot(hers, 'appeal'), times, 100_001)).toMatchObject({
      counted: true,
      remaining: ['general', 'alignment'],
    });
    expect(await expiry(db, hers.id)).toBe(100_001 + lease);
    expect(await nextAssignment(db, bob, times, 100_002)).toBeNull();
    for (const criterion of ['general', 'alignment'])
      expect(await castVote(db, ann, ballot(hers, criterion), times, 100_003)).toMatchObject({ counted: true });
    const { state } = await db
      .selectFrom('assignment')
      .select('state')
      .where('id', '=', hers.id)
      .executeTakeFirstOrThrow();
    expect(state).toBe('done');
  });

  it('what lies far behind is looked at again at the end', async () => {
    const { db, join } = await setUp(40);
    const [ann, bob] = [await join('ann'), await join('bob')];
    const his = (await nextAssignment(db, bob, times, 0))!;
    let now = 1;
    for (let n = 0; n < 39; n++) {
      const assignment = (await nextAssignment(db, ann, times, now++))!;
      expect(assignment.id).not.toBe(his.id);
      for (const criterion of assignment.criteria) await castVote(db, ann, ballot(assignment, criterion), times, now++);
    }
    expect(await nextAssignment(db, ann, times, now)).toBeNull();
    const pairOf = async (id: string) =>
      (await db.selectFrom('assignment').select('pair_id').where('id', '=', id).executeTakeFirstOrThrow()).pair_id;
    const last = (await nextAssignment(db, ann, times, 200_000))!;
    expect(await pairOf(last.id)).toBe(await pairOf(his.id));
  });
});
