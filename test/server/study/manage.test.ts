/** @file A study's later life: another name, comments, and the end of the time for which it keeps who took part; on both engines. */
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { planSchema } from '../../../contract/plan.ts';
import type { Report } from '../../../contract/report.ts';
import { visitSchema } from '../../../contract/visit.ts';
import type { Database } from '../../../db/open.ts';
import { listAuditEntries } from '../../../db/queries/audit.ts';
import { findStudy } from '../../../db/queries/studies.ts';
import { joinStudy, nextAssignment } from '../../../server/study/assignments.ts';
import { addComment, commentsOf, removeComment } from '../../../server/study/comments.ts';
import { createStudy } from '../../../server/study/design.ts';
import { changeState } from '../../../server/study/lifecycle.ts';
import { changeName } from '../../../server/study/naming.ts';
import { planHash } from '../../../server/study/plan.ts';
import { reveal } from '../../../server/study/reveal.ts';
import { removeStudy } from '../../../server/study/removal.ts';
import { forgetExpired, forgetStudy } from '../../../server/study/retention.ts';
import { studyFile } from '../../../server/study/study-file.ts';
import { studyReport } from '../../../server/study/study-report.ts';
import { lookAtVisit, takeStep } from '../../../server/study/visit.ts';
import { castVote } from '../../../server/study/votes.ts';
import { onBothEngines } from '../../support/databases.ts';
import { openStudyOf } from '../../support/studies.ts';

const times = { leaseMs: 60_000, graceMs: 5_000 };
const dayMs = 86_400_000;
const plan = planSchema.parse({ primary: 'general' });

onBothEngines('a study', (fresh) => {
  async function vote(db: Database, token: string, participant: string) {
    const person = await joinStudy(db, { token, participant });
    const pair = (await nextAssignment(db, person, times))!;
    for (const criterion of pair.criteria)
      await castVote(
        db,
        person,
        { voteId: randomUUID(), assignmentId: pair.id, criterion, choice: 'left', responseTimeMs: 900 },
        times,
      );
    return person;
  }
  const participants = async (db: Database) =>
    (await db.selectFrom('annotator').select('participant').orderBy('created_at').execute()).map(
      ({ participant }) => participant,
    );

  it('gets another name: links, votes and results stay; a taken or broken one is refused', async () => {
    const { db } = await fresh();
    const { token } = await openStudyOf(db, { pairs: 2 });
    await vote(db, token, 'ann');
    const before = await studyReport(db, 'study');
    await changeName(db, 'study', 'better', 'account 7');
    expect({ ...(await studyReport(db, 'better')), study: 'study' }).toEqual(before);
    expect((await findStudy(db, 'better'))!.inviteToken).toBe(token);
    expect(await findStudy(db, 'study')).toBeUndefined();
    expect((await listAuditEntries(db, 'better')).map(({ actor, action }) => [actor, action])).toEqual([
      ['account 7', 'study rename, was "study"'],
    ]);
    await expect(changeName(db, 'better', ' x')).rejects.toThrow('has a space at an end');
    await expect(changeName(db, 'none', 'x')).rejects.toMatchObject({ code: 'not-found' });
    await createStudy(db, {
      ...{ name: 'other', prompts: 'prompts', models: ['aardvark', 'buffalo'], votesPerPair: 1 },
      ...{ criteria: ['general'], ties: false, seed: 0 },
    });
    await expect(changeName(db, 'better', 'other')).rejects.toMatchObject({ code: 'conflict' });
  });

  it('with a plan has its name in the hash: of a draft it is hashed again, later it stays', async () => {
    const { db } = await fresh();
    await openStudyOf(db, { pairs: 2, plan, opens: false });
    const first = (await findStudy(db, 'study'))!.planSha256;
    await changeName(db, 'study', 'better');
    const { planSha256 } = (await findStudy(db, 'better'))!;
    expect(planSha256).not.toBe(first);
    expect(planSha256).toBe(planHash(await studyFile(db, 'better')));
    expect((await listAuditEntries(db, 'better')).map(({ action }) => action)).toEqual([
      'study rename, was "study"',
      `study plan ${planSha256!}`,
    ]);
    await changeState(db, 'better', 'open');
    await expect(changeName(db, 'better', 'best')).rejects.toMatchObject({ code: 'conflict' });
    expect((await findStudy(db, 'better'))!.planSha256).toBe(planSha256);
  });

  it('does not inherit what was done under its name before', async () => {
    const { db } = await fresh();
    const { token } = await openStudyOf(db, { pairs: 2 });
    await changeState(db, 'study', 'closed');
    await changeState(db, 'study', 'open');
    await vote(db, token, 'ann');
    await reveal(db, 'study', 'account 1');
    await changeState(db, 'study', 'closed');
    await changeName(db, 'study', 'pilot');
    await new Promise((resolve) => setTimeout(resolve, 5));
    const { study } = await createStudy(db, {
      ...{ name: 'study', prompts: 'prompts', models: ['aardvark', 'buffalo'], votesPerPair: 1 },
      ...{ criteria: ['general'], ties: false, seed: 0, plan },
    });
    await changeState(db, 'study', 'open');
    await vote(db, study.inviteToken, 'bob');
    expect(((await studyReport(db, 'study')) as Report).plan!.departures).toEqual([]);
    // And a look at this one is told though the same person had looked at the other.
    await reveal(db, 'study', 'account 1');
    expect(((await studyReport(db, 'study')) as Report).plan!.departures).toEqual(['running results were seen once']);
  });

  it('has comments, on itself and on pairs; who wrote one takes it away, or an owner', async () => {
    const { db } = await fresh();
    await openStudyOf(db, { pairs: 2 });
    const other = { actor: 'account 2', isOwner: false };
    const one = await addComment(
      db,
      'study',
      { text: ' Look at the hands. ', pair: 1 },
      { actor: 'account 1', isOwner: false },
      1,
    );
    expect(one).toMatchObject({ text: 'Look at the hands.', pair: 1, author: 'account 1', removable: true });
    await addComment(db, 'study', { text: 'Paid on Friday.' }, other, 2);
    expect(await commentsOf(db, 'study', other)).toMatchObject([
      { text: 'Look at the hands.', pair: 1, removable: false },
      { text: 'Paid on Friday.', pair: null, removable: true },
    ]);
    await expect(addComment(db, 'study', { text: 'x', pair: 2 }, other)).rejects.toMatchObject({ code: 'not-found' });
    await expect(removeComment(db, 'study', one.id, other)).rejects.toMatchObject({ code: 'forbidden' });
    await removeComment(db, 'study', one.id, { ...other, isOwner: true });
    await expect(removeComment(db, 'study', one.id, other)).rejects.toMatchObject({ code: 'not-found' });
    // A study that is deleted takes them along.
    await changeState(db, 'study', 'closed');
    await removeStudy(db, 'study', 'study');
    expect(await db.selectFrom('comment').selectAll().execute()).toEqual([]);
  });

  it('keeps who took part for the days that it says after its end, and no number changes', async () => {
    const { db } = await fresh();
    const { token } = await openStudyOf(db, {
      pairs: 2,
      visit: visitSchema.parse({ consent: 'May we?', retentionDays: 30 }),
    });
    const ann = await joinStudy(db, { token, participant: 'ann' });
    expect(await lookAtVisit(db, ann, 'en')).toMatchObject({ at: 'consent', retentionDays: 30 });
    await takeStep(db, ann, { step: 'consent', agreed: true }, times);
    await vote(db, token, 'ann');
    const now = Date.now();
    // A study that runs keeps them, however long.
    expect((await forgetExpired(db, now + 1000 * dayMs)).forgotten).toEqual([]);
    await changeState(db, 'study', 'closed', 'x', now);
    const { criteria } = (await studyReport(db, 'study')) as Report;
    expect(await forgetExpired(db, now + 30 * dayMs - 1)).toEqual({ forgotten: [], failed: [] });
    expect(await participants(db)).toEqual(['ann']);
    // Opened again it runs anew.
    await changeState(db, 'study', 'open', 'x', now);
    expect((await forgetExpired(db, now + 30 * dayMs)).forgotten).toEqual([]);
    await changeState(db, 'study', 'closed', 'x', now + dayMs);
    expect((await forgetExpired(db, now + 30 * dayMs)).forgotten).toEqual([]);
    expect(await forgetExpired(db, now + 31 * dayMs)).toEqual({
      forgotten: [{ study: 'study', people: 1 }],
      failed: [],
    });
    expect(await participants(db)).toEqual([expect.stringMatching(/^erased-[0-9a-f-]{36}$/)]);
    expect(((await studyReport(db, 'study')) as Report).criteria).toEqual(criteria);
    const log = (await listAuditEntries(db)).filter(({ action }) => action === 'participant erase');
    expect(log.map(({ actor, subject }) => [actor, subject])).toEqual([['retention', `study: annotator ${ann.id}`]]);
    // Whoever came again would be somebody new.
    await expect(changeState(db, 'study', 'open', 'x', now + 31 * dayMs)).rejects.toMatchObject({ code: 'conflict' });
    // Once is enough.
    expect((await forgetExpired(db, now + 32 * dayMs)).forgotten).toEqual([]);
  });

  it('is forgotten by command when its name is typed again, closed, and whoever is called like a pseudonym too', async () => {
    const { db } = await fresh();
    const { token } = await openStudyOf(db, { pairs: 4 });
    await vote(db, token, 'ann');
    await vote(db, token, 'erased-not');
    await expect(forgetStudy(db, 'study', 'study')).rejects.toMatchObject({ code: 'conflict' });
    await changeState(db, 'study', 'closed');
    await expect(forgetStudy(db, 'study', 'studie')).rejects.toMatchObject({ code: 'bad-request' });
    expect(await participants(db)).toEqual(['ann', 'erased-not']);
    expect(await forgetStudy(db, 'study', 'study')).toBe(2);
    expect((await participants(db)).every((name) => /^erased-[0-9a-f]{8}-/.test(name))).toBe(true);
    expect(await forgetStudy(db, 'study', 'study')).toBe(0);
  });
});
