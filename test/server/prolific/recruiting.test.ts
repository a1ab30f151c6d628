/** @file Recruiting on Prolific, against a fake of its documented API: what is asked of it, what follows from what it says, money. */
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { RecruitmentForm } from '../../../contract/prolific.ts';
import type { Database } from '../../../db/open.ts';
import { findSecret } from '../../../db/queries/sessions.ts';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readAudit } from '../../../server/access/audit.ts';
import { Sealer } from '../../../server/access/sealed.ts';
import { maximumMinutes, placesFor, rewardOf } from '../../../server/prolific/form.ts';
import { Recruiting } from '../../../server/prolific/recruiting.ts';
import { arrive } from '../../../server/prolific/submissions.ts';
import { joinStudy, nextAssignment } from '../../../server/study/assignments.ts';
import { excludeAnnotator } from '../../../server/study/exclusions.ts';
import { changeState } from '../../../server/study/lifecycle.ts';
import { eraseParticipant, participantData } from '../../../server/study/people.ts';
import { takeStep } from '../../../server/study/visit.ts';
import { castVote } from '../../../server/study/votes.ts';
import { onBothEngines } from '../../support/databases.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { FakeProlific, type FakeSubmission } from '../../support/prolific.ts';
import { openStudyOf } from '../../support/studies.ts';

const times = { leaseMs: 60_000, graceMs: 1000 };
const publicUrl = 'https://images.example.org';

function formFor(prolific: FakeProlific, change: Partial<RecruitmentForm> = {}): RecruitmentForm {
  return {
    workspace: prolific.workspace,
    project: prolific.project,
    title: 'Which image?',
    description: 'You see two images.',
    payPerHour: 9,
    minutes: 7,
    places: 4,
    devices: ['desktop', 'mobile'],
    filters: [],
    contentWarnings: [],
    approve: 'review',
    ...change,
  };
}

function recruitingOn(db: Database, prolific: FakeProlific, fetch: FakeProlific['fetch'] = prolific.fetch) {
  return new Recruiting({
    db,
    sealer: new Sealer(join(temporaryFolder(), 'secrets.key')),
    config: { token: prolific.token, url: 'https://prolific.example' },
    publicUrl,
    log: pino({ level: 'silent' }),
    fetch,
    waits: [1, 1],
  });
}

/** A published study of two pairs with two votes each on one criterion. */
async function published(db: Database, change: Partial<RecruitmentForm> = {}) {
  const prolific = new FakeProlific();
  const study = await openStudyOf(db, { pairs: 2, votesPerPair: 2, criteria: ['general'] });
  const recruiting = recruitingOn(db, prolific);
  await recruiting.draft(study.name, formFor(prolific, change), 'account 1');
  await recruiting.publish(study.name, study.name, 'account 1');
  const remote = [...prolific.studies.values()][0]!;
  /** Somebody takes a place there and opens the page here. */
  const come = async (participant: string) => {
    const submission = prolific.takePlace(remote.id, participant)!;
    const address = new URL(prolific.addressFor(submission));
    expect(address.pathname).toBe(`/annotate/${study.token}`);
    const annotator = await joinStudy(db, {
      token: study.token,
      participant: address.searchParams.get('PROLIFIC_PID')!,
    });
    await arrive(db, annotator, address.searchParams.get('SESSION_ID')!);
    return { submission, annotator };
  };
  type Person = Awaited<ReturnType<typeof come>>;
  const vote = async ({ annotator }: Person) => {
    const assignment = await nextAssignment(db, annotator, times);
    if (assignment === null) return false;
    const cast = { voteId: crypto.randomUUID(), assignmentId: assignment.id, criterion: 'general' as const };
    await castVote(db, annotator, { ...cast, choice: 'left', responseTimeMs: 1000 }, times);
    return true;
  };
  /** They do all that there is, and see the last screen. */
  const finish = async (person: Person) => {
    while (await vote(person));
    return (await takeStep(db, person.annotator, { step: 'work' }, times)).end;
  };
  const held = async () => {
    const rows = await db.selectFrom('assignment').select('id').where('state', '=', 'leased').execute();
    return rows.length;
  };
  const view = async () => (await recruiting.view(study.name, null)).recruitment!;
  return { prolific, recruiting, study, remote, come, vote, finish, held, view };
}

const paidBy = ({ paid }: FakeSubmission) => paid;

describe('the form', () => {
  it('pays at least what was said an hour', () => {
    // £9 an hour for 7 minutes are 105 pence; for 8 minutes at £7.99 106.53.
    expect(rewardOf({ payPerHour: 9, minutes: 7 })).toBe(105);
    expect(rewardOf({ payPerHour: 7.99, minutes: 8 })).toBe(107);
    // 0.1 + 0.2 an hour for 60 minutes: a float's error is no cent.
    expect(rewardOf({ payPerHour: 0.1 + 0.2, minutes: 60 })).toBe(30);
  });

  it('counts places so that every seat finds somebody', () => {
    expect(placesFor(100, 3, 40)).toBe(8);
    expect(placesFor(100, 3, undefined)).toBe(3);
    // Nobody may have a pair twice.
    expect(placesFor(10, 5, 400)).toBe(5);
    expect(maximumMinutes(10)).toBe(45);
  });
});

onBothEngines('recruiting on Prolific', (fresh) => {
  it('asks for what the form says, and derives the rest', async () => {
    const { db } = await fresh();
    const filters = [{ filter_id: 'age', selected_range: { lower: 18, upper: 40 } }];
    const { remote, study } = await published(db, { filters, contentWarnings: ['sensitive'] });
    const { completion_codes: codes, ...body } = remote.body;
    const { id } = await db.selectFrom('study').select('id').executeTakeFirstOrThrow();
    expect(body).toEqual({
      name: 'Which image?',
      internal_name: `visavis ${id}`,
      description: 'You see two images.',
      external_study_url: `${publicUrl}/annotate/${study.token}?PROLIFIC_PID={{%PROLIFIC_PID%}}&STUDY_ID={{%STUDY_ID%}}&SESSION_ID={{%SESSION_ID%}}`,
      prolific_id_option: 'url_parameters',
      total_available_places: 4,
      estimated_completion_time: 7,
      maximum_allowed_time: 36,
      reward: 105,
      device_compatibility: ['desktop', 'mobile'],
      filters,
      project: '60000000000000000000000b',
      submissions_config: { max_submissions_per_participant: 1 },
      content_warnings: ['sensitive'],
    });
    expect(codes.map(({ code_type, actions }) => [code_type, actions[0]!.action])).toEqual([
      ['COMPLETED', 'MANUALLY_REVIEW'],
      ['FAILED_ATTENTION_CHECK', 'MANUALLY_REVIEW'],
      ['NO_CONSENT', 'REQUEST_RETURN'],
      ['INCOMPATIBLE_DEVICE', 'REQUEST_RETURN'],
      ['OTHER', 'REQUEST_RETURN'],
    ]);
    expect(new Set(codes.map(({ code }) => code)).size).toBe(5);
  });

  it('tells the cost before anything is made', async () => {
    const { db } = await fresh();
    const prolific = new FakeProlific();
    const { name } = await openStudyOf(db, { pairs: 1 });
    const quote = await recruitingOn(db, prolific).quote(name, formFor(prolific, { places: 30 }));
    // 30 × £1.05 and a third of it.
    expect(quote).toEqual({
      reward: 105,
      total: 4200,
      balance: 1_000_000,
      currency: 'GBP',
      eligible: 200_000,
      hours: 2.5,
      maximumMinutes: 36,
    });
    expect(prolific.studies.size).toBe(0);
  });

  it('pays who finished, once a researcher approves', async () => {
    const { db } = await fresh();
    const { prolific, recruiting, study, come, vote, finish, view } = await published(db);
    const ann = await come('aaaaaaaaaaaaaaaaaaaaaaaa');
    const bob = await come('bbbbbbbbbbbbbbbbbbbbbbbb');
    const end = await finish(ann);
    const { codes } = (await db.selectFrom('recruitment').select('codes').executeTakeFirstOrThrow()) as {
      codes: string;
    };
    const { finished } = JSON.parse(codes) as { finished: string };
    expect(end).toEqual({
      reason: 'finished',
      code: finished,
      redirect: `https://app.prolific.com/submissions/complete?cc=${finished}`,
    });
    await vote(bob);
    prolific.complete(ann.submission, end!.code!);
    // Without having finished: nothing here says that it is paid.
    prolific.complete(bob.submission, null);
    await recruiting.lookByName(study.name);
    expect((await view()).toApprove).toBe(1);
    expect(await recruiting.payments.approve(study.name, undefined, 'account 1')).toBe(1);
    expect([paidBy(ann.submission), paidBy(bob.submission)]).toEqual([105, 0]);
    expect(await recruiting.payments.approve(study.name, undefined, 'account 1')).toBe(0);
    const { entries } = await readAudit(db);
    expect(entries.map(({ actor, action, subject }) => `${actor}: ${action} ${subject}`)).toEqual([
      'command line: study create study',
      'command line: study open study',
      'account 1: prolific draft study',
      'account 1: prolific publish study, 5.60 at most',
      'account 1: prolific approve study: 1 submission',
    ]);
    // A person may approve somebody else by name, once they await review.
    expect(await recruiting.payments.approve(study.name, [bob.submission.id], 'account 1')).toBe(1);
    await expect(recruiting.payments.approve(study.name, [bob.submission.id], 'account 1')).rejects.toThrow(
      'awaits no review; it is APPROVED',
    );
  });

  it('leaves whoever is left out of the results out of a bulk approval', async () => {
    const { db } = await fresh();
    const { prolific, recruiting, study, come, finish } = await published(db);
    const ann = await come('aaaaaaaaaaaaaaaaaaaaaaaa');
    prolific.complete(ann.submission, (await finish(ann))!.code!);
    await excludeAnnotator(db, study.name, ann.submission.participant, 'random');
    expect(await recruiting.payments.approve(study.name, undefined, 'account 1')).toBe(0);
    expect(await recruiting.payments.approve(study.name, [ann.submission.id], 'account 1')).toBe(1);
    expect(paidBy(ann.submission)).toBe(105);
  });

  for (const how of ['RETURNED', 'TIMED-OUT', 'REJECTED'] as const)
    it(`takes the seat back of whoever is ${how}, and keeps the votes`, async () => {
      const { db } = await fresh();
      const { prolific, recruiting, study, come, vote, held } = await published(db);
      const ann = await come('aaaaaaaaaaaaaaaaaaaaaaaa');
      await vote(ann);
      await nextAssignment(db, ann.annotator, times);
      expect(await held()).toBe(1);
      prolific.leave(ann.submission, how);
      await recruiting.lookByName(study.name);
      expect(await held()).toBe(0);
      expect(await nextAssignment(db, ann.annotator, times)).toBeNull();
      const { end } = await takeStep(db, ann.annotator, { step: 'work' }, times);
      expect(end).toEqual({ reason: 'withdrawn' });
      const votes = await db.selectFrom('vote').select('counted').execute();
      expect(votes).toEqual([{ counted: 1 }]);
    });

  it('counts no vote of whoever has left, and keeps it', async () => {
    const { db } = await fresh();
    const { prolific, recruiting, study, come, held } = await published(db);
    const ann = await come('aaaaaaaaaaaaaaaaaaaaaaaa');
    const shown = (await nextAssignment(db, ann.annotator, times))!;
    prolific.leave(ann.submission, 'RETURNED');
    await recruiting.lookByName(study.name);
    const late = { voteId: crypto.randomUUID(), assignmentId: shown.id, criterion: 'general' as const };
    const result = await castVote(db, ann.annotator, { ...late, choice: 'left', responseTimeMs: 900 }, times);
    expect(result.counted).toBe(false);
    expect(await held()).toBe(0);
  });

  it('gives the work back to whoever has their place again', async () => {
    const { db } = await fresh();
    const { prolific, recruiting, study, come, finish, vote } = await published(db);
    const ann = await come('aaaaaaaaaaaaaaaaaaaaaaaa');
    await vote(ann);
    prolific.leave(ann.submission, 'TIMED-OUT');
    await recruiting.lookByName(study.name);
    expect(await nextAssignment(db, ann.annotator, times)).toBeNull();
    // Prolific lets somebody who ran out of time hand in.
    prolific.complete(ann.submission, null);
    await recruiting.lookByName(study.name);
    expect((await finish(ann))?.reason).toBe('finished');
  });

  it('pays whoever finished and lost their place by a bonus, once, however many ask at once', async () => {
    const { db } = await fresh();
    const { prolific, recruiting, study, come, finish, view } = await published(db);
    const ann = await come('aaaaaaaaaaaaaaaaaaaaaaaa');
    await finish(ann);
    prolific.leave(ann.submission, 'TIMED-OUT');
    await recruiting.lookByName(study.name);
    expect(await view()).toMatchObject({ owedPeople: 1, owedCents: 105 });
    // Two researchers, on two servers.
    const others = [recruiting, recruitingOn(db, prolific), recruitingOn(db, prolific)];
    const paid = await Promise.all(others.map((each) => each.payments.payOwed(study.name, 'account 1')));
    expect(paid.map(({ people }) => people).sort()).toEqual([0, 0, 1]);
    expect(paid.reduce((sum, { cents }) => sum + cents, 0)).toBe(140);
    expect((await view()).submissions[0]).toMatchObject({ owed: 0, bonus: 105, unsure: 0 });
    expect(await recruiting.payments.payOwed(study.name, 'account 1')).toEqual({ people: 0, cents: 0 });
    expect(paidBy(ann.submission)).toBe(105);
    const { entries } = await readAudit(db);
    expect(entries.filter(({ action }) => action.startsWith('prolific bonus')).map(({ subject }) => subject)).toEqual([
      'study: 1.05 for 1 person',
    ]);
    // Prolific lets them hand in late: they are not paid for that too.
    prolific.complete(ann.submission, null);
    expect(await recruiting.payments.approve(study.name, undefined, 'account 1')).toBe(0);
    expect((await takeStep(db, ann.annotator, { step: 'work' }, times)).end).toEqual({ reason: 'finished' });
    expect(paidBy(ann.submission)).toBe(105);
  });

  it('keeps a bonus without an answer as paid and unsure until somebody has looked', async () => {
    const { db } = await fresh();
    const { prolific, recruiting, study, come, finish, view } = await published(db);
    const ann = await come('aaaaaaaaaaaaaaaaaaaaaaaa');
    await finish(ann);
    prolific.leave(ann.submission, 'RETURNED');
    // The line breaks before Prolific hears of it, as far as anybody here can tell.
    const cut = recruitingOn(db, prolific, (url, init) =>
      url.endsWith('/pay/') ? Promise.reject(new TypeError('fetch failed')) : prolific.fetch(url, init),
    );
    await expect(cut.payments.payOwed(study.name, 'account 1')).rejects.toThrow('is not known');
    expect((await view()).submissions[0]).toMatchObject({ owed: 0, bonus: 105, unsure: 105 });
    expect(await recruiting.payments.payOwed(study.name, 'account 1')).toEqual({ people: 0, cents: 0 });
    const notPaid = { submission: ann.submission.id, paid: false };
    // The answer may still come, to another server.
    await expect(recruiting.payments.settleBonus(study.name, notPaid, 'account 1')).rejects.toThrow('under way');
    const later = Date.now() + 6 * 60_000;
    await recruiting.payments.settleBonus(study.name, notPaid, 'account 1', later);
    expect((await view()).submissions[0]).toMatchObject({ owed: 105, bonus: 0, unsure: 0 });
    await expect(recruiting.payments.settleBonus(study.name, notPaid, 'account 1', later)).rejects.toThrow(
      'it is known',
    );
    // Done, and the answer is lost: Prolific tells of it at the next look.
    const deaf = recruitingOn(db, prolific, (url, init) => {
      if (url.endsWith('/pay/')) prolific.silences = 1;
      return prolific.fetch(url, init);
    });
    await expect(deaf.payments.payOwed(study.name, 'account 1')).rejects.toThrow('is not known');
    await recruiting.lookByName(study.name);
    expect((await view()).submissions[0]).toMatchObject({ owed: 0, bonus: 105, unsure: 0 });
    expect(paidBy(ann.submission)).toBe(105);
    // A refusal is another thing: nothing was paid, and the log says so.
    const refusing = recruitingOn(db, prolific, async (url, init) =>
      url.endsWith('/pay/')
        ? new Response('{"error":{"detail":"No funds."}}', { status: 400 })
        : prolific.fetch(url, init),
    );
    const more = [{ submission: ann.submission.id, cents: 20 }];
    await expect(refusing.payments.payBonuses(study.name, more, 'account 1')).rejects.toThrow('No funds.');
    expect((await view()).submissions[0]).toMatchObject({ bonus: 105, unsure: 0 });
    expect((await readAudit(db)).entries.at(-1)).toMatchObject({
      action: 'prolific bonus: refused',
      subject: 'study: 0.20 for 1 person',
    });
  });

  it('keeps as paid what was paid, though the database fails when it hears of it', async () => {
    const { db } = await fresh();
    const { prolific, study, come, finish, view } = await published(db);
    const ann = await come('aaaaaaaaaaaaaaaaaaaaaaaa');
    await finish(ann);
    prolific.leave(ann.submission, 'RETURNED');
    const failing = recruitingOn(db, prolific, async (url, init) => {
      const response = await prolific.fetch(url, init);
      // As a full disk would, from here on.
      if (url.endsWith('/pay/')) await db.schema.alterTable('submission').renameTo('submission_away').execute();
      return response;
    });
    await expect(failing.payments.payOwed(study.name, 'account 1')).rejects.toThrow();
    await db.schema.alterTable('submission_away').renameTo('submission').execute();
    expect((await view()).submissions[0]).toMatchObject({ owed: 0, bonus: 105, unsure: 105 });
    expect(paidBy(ann.submission)).toBe(105);
  });

  it('pays nobody again, and gives no code, when a study is recruited for once more', async () => {
    const { db } = await fresh();
    const { prolific, recruiting, study, remote, come, finish, view } = await published(db);
    const [ann, bob] = [await come('aaaaaaaaaaaaaaaaaaaaaaaa'), await come('bbbbbbbbbbbbbbbbbbbbbbbb')];
    prolific.complete(ann.submission, (await finish(ann))!.code!);
    await finish(bob);
    prolific.leave(bob.submission, 'TIMED-OUT');
    remote.status = 'COMPLETED';
    await expect(recruiting.discard(study.name, 'me')).rejects.toThrow('have not been paid yet');
    await recruiting.payments.approve(study.name, undefined, 'me');
    await recruiting.payments.payOwed(study.name, 'me');
    await recruiting.discard(study.name, 'me');
    await recruiting.draft(study.name, formFor(prolific, { payPerHour: 18 }), 'me');
    expect(await view()).toMatchObject({ reward: 210, owedPeople: 0, toApprove: 0, submissions: [] });
    // Ann takes a place in the second one, and has no work left.
    const second = [...prolific.studies.values()].at(-1)!;
    second.status = 'ACTIVE';
    const again = prolific.takePlace(second.id, ann.submission.participant)!;
    await arrive(db, ann.annotator, again.id);
    expect((await takeStep(db, ann.annotator, { step: 'work' }, times)).end).toEqual({ reason: 'finished' });
    prolific.complete(again, null);
    expect(await recruiting.payments.approve(study.name, undefined, 'me')).toBe(0);
    expect([ann, bob].map(({ submission }) => submission.paid)).toEqual([105, 105]);
  });

  it('owes nobody who was turned away, or was paid by another submission', async () => {
    const { db } = await fresh();
    const { prolific, recruiting, study, remote, come, finish, view } = await published(db);
    const ann = await come('aaaaaaaaaaaaaaaaaaaaaaaa');
    const bob = await come('bbbbbbbbbbbbbbbbbbbbbbbb');
    for (const person of [ann, bob]) await finish(person);
    prolific.leave(ann.submission, 'RETURNED');
    await excludeAnnotator(db, study.name, ann.submission.participant, 'random');
    await recruiting.lookByName(study.name);
    expect(await view()).toMatchObject({ owedPeople: 0 });
    prolific.leave(bob.submission, 'TIMED-OUT');
    await recruiting.lookByName(study.name);
    expect(await view()).toMatchObject({ owedPeople: 1 });
    // A second submission of his is approved.
    const second = { ...bob.submission, id: `${bob.submission.id}b`, status: 'APPROVED' };
    prolific.submissions.set(second.id, second);
    await recruiting.lookByName(study.name);
    expect(await view()).toMatchObject({ owedPeople: 0 });
    void remote;
  });

  it('owes whoever had done everything when they lost their place', async () => {
    const { db } = await fresh();
    const { prolific, recruiting, study, come, vote, view } = await published(db);
    const [ann, bob] = [await come('aaaaaaaaaaaaaaaaaaaaaaaa'), await come('bbbbbbbbbbbbbbbbbbbbbbbb')];
    await vote(ann);
    await vote(ann);
    await vote(bob);
    for (const { submission } of [ann, bob]) prolific.leave(submission, 'TIMED-OUT');
    await recruiting.lookByName(study.name);
    expect((await takeStep(db, ann.annotator, { step: 'work' }, times)).end!.reason).toBe('finished');
    expect((await takeStep(db, bob.annotator, { step: 'work' }, times)).end!.reason).toBe('withdrawn');
    expect(await view()).toMatchObject({ owedPeople: 1, owedCents: 105 });
    // Erased, they are paid all the same.
    await eraseParticipant(db, ann.submission.participant);
    await recruiting.lookByName(study.name);
    expect(await recruiting.payments.payOwed(study.name, 'me')).toEqual({ people: 1, cents: 140 });
    expect(paidBy(ann.submission)).toBe(105);
  });

  it('notices a publication whose answer was lost', async () => {
    const { db } = await fresh();
    const prolific = new FakeProlific();
    const { name } = await openStudyOf(db, { pairs: 1 });
    const recruiting = recruitingOn(db, prolific);
    await recruiting.draft(name, formFor(prolific), 'me');
    const deaf = recruitingOn(db, prolific, (url, init) => {
      if (url.endsWith('/transition/')) prolific.silences = 2;
      return prolific.fetch(url, init);
    });
    await expect(deaf.publish(name, name, 'me')).rejects.toThrow('does not answer');
    const status = async () => (await recruiting.view(name, null)).recruitment!.status;
    expect(await status()).toBe('UNPUBLISHED');
    await recruiting.lookAtAll();
    expect(await status()).toBe('ACTIVE');
  });

  it('has one draft, with its own codes, of two that are asked for at once', async () => {
    const { db } = await fresh();
    const prolific = new FakeProlific();
    const { name } = await openStudyOf(db, { pairs: 1 });
    const forms = [formFor(prolific, { payPerHour: 9 }), formFor(prolific, { payPerHour: 30 })];
    const results = await Promise.allSettled(forms.map((form) => recruitingOn(db, prolific).draft(name, form, 'me')));
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(prolific.studies.size).toBe(1);
    const [remote] = [...prolific.studies.values()];
    const row = await db.selectFrom('recruitment').select(['codes', 'reward', 'remote_id']).executeTakeFirstOrThrow();
    expect([row.reward, row.remote_id]).toEqual([remote!.body.reward, remote!.id]);
    expect(Object.values(JSON.parse(row.codes) as object).sort()).toEqual(
      remote!.body.completion_codes.map(({ code }) => code).sort(),
    );
    // No answer: the way is free again, and the sentence says what may lie there.
    const { recruitment } = await recruitingOn(db, prolific).view(name, null);
    expect(recruitment!.status).toBe('UNPUBLISHED');
    await recruitingOn(db, prolific).discard(name, 'me');
    prolific.silences = 1;
    await expect(recruitingOn(db, prolific).draft(name, forms[0]!, 'me')).rejects.toThrow('delete that one there');
    await recruitingOn(db, prolific).draft(name, forms[1]!, 'me');
    expect((await recruitingOn(db, prolific).view(name, null)).recruitment!.reward).toBe(350);
  });

  it('makes good at the next look what one left half done', async () => {
    const { db } = await fresh();
    const { prolific, recruiting, study, come, held } = await published(db);
    const ann = await come('aaaaaaaaaaaaaaaaaaaaaaaa');
    await recruiting.lookByName(study.name);
    await nextAssignment(db, ann.annotator, times);
    // As a server leaves it that ends between both.
    prolific.leave(ann.submission, 'RETURNED');
    await db.updateTable('submission').set({ status: 'RETURNED' }).execute();
    expect(await held()).toBe(1);
    await recruiting.lookByName(study.name);
    expect(await held()).toBe(0);
    expect(await nextAssignment(db, ann.annotator, times)).toBeNull();
  });

  it('judges by all submissions of somebody, and by none that Prolific does not know', async () => {
    const { db } = await fresh();
    const { prolific, recruiting, study, come, held, view } = await published(db);
    const ann = await come('aaaaaaaaaaaaaaaaaaaaaaaa');
    prolific.leave(ann.submission, 'RETURNED');
    const again = { ...ann.submission, id: `${ann.submission.id}b`, status: 'ACTIVE' };
    prolific.submissions.set(again.id, again);
    await recruiting.lookByName(study.name);
    // Their old tab comes back.
    await arrive(db, ann.annotator, ann.submission.id);
    expect(await nextAssignment(db, ann.annotator, times)).not.toBeNull();
    prolific.leave(again, 'RETURNED');
    await arrive(db, ann.annotator, 'made-up');
    await recruiting.lookByName(study.name);
    await recruiting.lookByName(study.name);
    expect(await held()).toBe(0);
    expect(await nextAssignment(db, ann.annotator, times)).toBeNull();
    expect((await view()).submissions.map(({ id }) => id).sort()).toEqual([ann.submission.id, again.id].sort());
  });

  it('reads on over a row that it cannot read, and over however many pages there are', async () => {
    const { db } = await fresh();
    const { prolific, recruiting, study, remote, come, held } = await published(db);
    const ann = await come('aaaaaaaaaaaaaaaaaaaaaaaa');
    await nextAssignment(db, ann.annotator, times);
    await recruiting.setPlaces(study.name, 300, 'me');
    prolific.submissions.delete(ann.submission.id);
    for (let i = 0; i < 230; i++) prolific.takePlace(remote.id, `p${String(i).padStart(23, '0')}`);
    prolific.submissions.get([...prolific.submissions.keys()][3]!)!.participant = null as never;
    prolific.submissions.set(ann.submission.id, ann.submission);
    prolific.leave(ann.submission, 'RETURNED');
    prolific.largestPage = 20;
    await recruiting.lookByName(study.name);
    expect(await held()).toBe(0);
    const { rows } = { rows: await db.selectFrom('submission').select('id').execute() };
    expect(rows).toHaveLength(230);
  });

  it('publishes only with the name typed, enough money and an open study', async () => {
    const { db } = await fresh();
    const prolific = new FakeProlific();
    const { name } = await openStudyOf(db, { pairs: 1 });
    const recruiting = recruitingOn(db, prolific);
    await expect(recruiting.publish(name, name, 'me')).rejects.toThrow('make a draft first');
    await recruiting.draft(name, formFor(prolific), 'me');
    await expect(recruiting.draft(name, formFor(prolific), 'me')).rejects.toThrow('recruited for on Prolific already');
    await expect(recruiting.publish(name, 'Study', 'me')).rejects.toThrow('Type the study\'s name, "study"');
    await changeState(db, name, 'paused');
    await expect(recruiting.publish(name, name, 'me')).rejects.toThrow('"study" is paused; open it first.');
    await changeState(db, name, 'open');
    prolific.balance = 559;
    await expect(recruiting.publish(name, name, 'me')).rejects.toThrow(
      'It costs 5.60 GBP and the workspace has 5.59; add funds on Prolific first.',
    );
    expect([...prolific.studies.values()][0]!.status).toBe('UNPUBLISHED');
    prolific.balance = 560;
    await recruiting.publish(name, name, 'me');
    expect([...prolific.studies.values()][0]!.status).toBe('ACTIVE');
    await expect(recruiting.publish(name, name, 'me')).rejects.toThrow('published already');
  });

  it('is paused by itself when nobody is needed, and says so to whoever resumes it', async () => {
    const { db } = await fresh();
    const { prolific, recruiting, study, remote, come, finish } = await published(db);
    await finish(await come('aaaaaaaaaaaaaaaaaaaaaaaa'));
    await recruiting.lookByName(study.name);
    expect(remote.status).toBe('ACTIVE');
    await finish(await come('bbbbbbbbbbbbbbbbbbbbbbbb'));
    await recruiting.lookByName(study.name);
    expect(remote.status).toBe('PAUSED');
    expect(prolific.takePlace(remote.id, 'c'.repeat(24))).toBeUndefined();
    await expect(recruiting.resume(study.name, 'me')).rejects.toThrow('nobody is needed');
    await changeState(db, study.name, 'closed');
    await expect(recruiting.resume(study.name, 'me')).rejects.toThrow('"study" is closed; open it first.');
  });

  it('pauses, resumes, adds places, asks to return', async () => {
    const { db } = await fresh();
    const { prolific, recruiting, study, remote, come, view } = await published(db);
    await recruiting.pause(study.name, 'me');
    expect([remote.status, (await view()).status]).toEqual(['PAUSED', 'PAUSED']);
    await recruiting.resume(study.name, 'me');
    expect([remote.status, (await view()).status]).toEqual(['ACTIVE', 'ACTIVE']);
    await expect(recruiting.setPlaces(study.name, 4, 'me')).rejects.toThrow('There are 4 places');
    prolific.balance = 279;
    await expect(recruiting.setPlaces(study.name, 6, 'me')).rejects.toThrow(
      'It costs 2.80 GBP and the workspace has 2.79',
    );
    prolific.balance = 280;
    await recruiting.setPlaces(study.name, 6, 'me');
    expect([remote.body.total_available_places, (await view()).places]).toEqual([6, 6]);
    const { submission } = await come('aaaaaaaaaaaaaaaaaaaaaaaa');
    await recruiting.payments.askReturn(study.name, { submission: submission.id, reason: 'You said so.' }, 'me');
    expect(submission.returnAsked).toEqual(['You said so.']);
    expect((await view()).submissions[0]).toMatchObject({ returnAsked: true });
    await expect(recruiting.payments.askReturn(study.name, { submission: 'x', reason: 'r' }, 'me')).rejects.toThrow(
      'has no submission x',
    );
  });

  it('takes nobody else’s submission for theirs for long', async () => {
    const { db } = await fresh();
    const { prolific, recruiting, study, remote, come, finish, view } = await published(db);
    const submission = prolific.takePlace(remote.id, 'aaaaaaaaaaaaaaaaaaaaaaaa')!;
    const thief = await joinStudy(db, { token: study.token, participant: 'thief' });
    await arrive(db, thief, submission.id);
    const ann = await joinStudy(db, { token: study.token, participant: submission.participant });
    await arrive(db, ann, submission.id);
    await recruiting.lookByName(study.name);
    expect((await view()).submissions.map(({ id, annotator }) => [id, annotator])).toEqual([
      [submission.id, submission.participant],
    ]);
    // The thief finishes: it is nobody's pay.
    await finish({ submission, annotator: thief });
    prolific.complete(submission, null);
    expect(await recruiting.payments.approve(study.name, undefined, 'me')).toBe(0);
    void come;
  });

  it('keeps what it is told of somebody with their data, and forgets it with them', async () => {
    const { db } = await fresh();
    const { come, study, recruiting, view } = await published(db);
    const { submission } = await come('aaaaaaaaaaaaaaaaaaaaaaaa');
    await recruiting.lookByName(study.name);
    const data = await participantData(db, submission.participant);
    expect(data.studies[0]!.submissions).toMatchObject([{ id: submission.id, status: 'ACTIVE' }]);
    await eraseParticipant(db, submission.participant);
    await recruiting.lookByName(study.name);
    expect((await view()).submissions).toMatchObject([{ annotator: null }]);
  });

  it('keeps the token sealed, with a key beside the database', async () => {
    const { db } = await fresh();
    const prolific = new FakeProlific();
    const folder = temporaryFolder();
    const parts = {
      db,
      config: { token: undefined, url: 'https://prolific.example' },
      publicUrl,
      log: pino({ level: 'silent' }),
      fetch: prolific.fetch,
    };
    const recruiting = new Recruiting({ ...parts, sealer: new Sealer(join(folder, 'secrets.key')) });
    await expect(recruiting.account.read()).rejects.toThrow('There is no token for Prolific');
    await expect(recruiting.account.keepToken('wrong-token', 'me')).rejects.toThrow('does not accept the token');
    expect(await recruiting.account.tokenSource()).toBeNull();
    await recruiting.account.keepToken(prolific.token, 'me');
    expect(await recruiting.account.tokenSource()).toBe('stored');
    expect((await recruiting.account.read()).workspaces).toEqual([
      {
        id: prolific.workspace,
        title: 'My lab',
        projects: [{ id: prolific.project, title: 'Images' }],
        balance: 1_000_000,
        currency: 'GBP',
      },
    ]);
    const stored = (await findSecret(db, 'prolific-token'))!;
    expect(Buffer.from(stored, 'base64').includes(prolific.token)).toBe(false);
    expect((await stat(join(folder, 'secrets.key'))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(folder, 'secrets.key'), 'utf8')).toMatch(/^[0-9a-f]{64}\n$/);
    // With the database alone, as a backup has it, it is nothing.
    const elsewhere = new Recruiting({ ...parts, sealer: new Sealer(join(temporaryFolder(), 'secrets.key')) });
    await expect(elsewhere.account.read()).rejects.toThrow('was sealed with another key');
    const other = new Recruiting({ ...parts, sealer: new Sealer('unused', Buffer.alloc(32, 1)) });
    await expect(other.account.read()).rejects.toThrow('was sealed with another key');
    await recruiting.account.forgetToken('me');
    expect(await recruiting.account.tokenSource()).toBeNull();
  });

  it('waits when it is asked to, and says what stands in the way', async () => {
    const { db } = await fresh();
    const { prolific, recruiting, study, view } = await published(db);
    prolific.slowDowns = 2;
    await recruiting.lookByName(study.name);
    prolific.slowDowns = 99;
    await expect(recruiting.lookByName(study.name)).rejects.toThrow('asks to be asked less');
    expect((await view()).problem).toContain('asks to be asked less');
    prolific.slowDowns = 0;
    prolific.silences = 1;
    await expect(recruiting.lookByName(study.name)).rejects.toThrow('does not answer');
    await recruiting.lookAtAll();
    expect((await view()).problem).toBeNull();
  });

  it('forgets recruiting that is over, and none that goes on', async () => {
    const { db } = await fresh();
    const { prolific, recruiting, study, remote } = await published(db);
    await expect(recruiting.discard(study.name, 'me')).rejects.toThrow('complete it there first');
    // Deleted on Prolific's own page.
    prolific.studies.delete(remote.id);
    await recruiting.discard(study.name, 'me');
    await recruiting.draft(study.name, formFor(prolific), 'me');
    expect((await recruiting.view(study.name, null)).recruitment).toMatchObject({ status: 'UNPUBLISHED' });
  });

  it('makes no half draft', async () => {
    const { db } = await fresh();
    const prolific = new FakeProlific();
    const { name } = await openStudyOf(db, { pairs: 1 });
    const recruiting = recruitingOn(db, prolific);
    await expect(recruiting.draft(name, formFor(prolific, { project: 'none' }), 'me')).rejects.toThrow(
      'Prolific refuses this: There is no such project.',
    );
    expect((await recruiting.view(name, null)).recruitment).toBeNull();
    await recruiting.draft(name, formFor(prolific), 'me');
    expect((await recruiting.view(name, null)).recruitment).toMatchObject({ status: 'UNPUBLISHED', hears: true });
  });
});
