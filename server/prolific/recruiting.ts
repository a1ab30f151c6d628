/**
 * @file Recruiting people on Prolific for a study: draft, test, publish, pause, more places, approval, bonuses. Arrow: study →
 * recruitment → submissions. Whatever spends money is written to the audit log before it is asked for.
 */
import type { Logger } from 'pino';
import type { Database } from '../../db/open.ts';
import { inTransaction } from '../../db/transactions.ts';
import {
  askBonus,
  changeRecruitment,
  confirmRecruitment,
  dropRecruitment,
  findRecruitment,
  hasOpenSeats,
  insertRecruitment,
  openRecruitments,
  setReturnAsked,
  settleBonus,
  submissionsOf,
  type RecruitmentRow,
  type BonusSeen,
} from '../../db/queries/recruitments.ts';
import { findSecret, setSecret } from '../../db/queries/sessions.ts';
import { studyFacts } from '../../db/queries/immutable.ts';
import { studyById, type Study } from '../../db/queries/studies.ts';
import type { ProlificAccount, Quote, Recruitment, RecruitmentForm } from '../../contract/prolific.ts';
import { record } from '../access/audit.ts';
import type { Aside } from '../aside/aside.ts';
import type { Sealer } from '../access/sealed.ts';
import { logFailure, ServiceError } from '../errors.ts';
import { visitOf } from '../study/checks.ts';
import { requireStudy } from '../study/lifecycle.ts';
import { ProlificClient, Unanswered, type Fetch } from './client.ts';
import { externalUrl, maximumMinutes, newCodes, placesFor, remoteStudy, rewardOf } from './form.ts';
import { Hooks } from './hooks.ts';
import { awaitsReview, peopleOf, takeOver, type People } from './submissions.ts';

export interface ProlificConfig {
  /** VISAVIS_PROLIFIC_TOKEN; wins over one that was entered. */
  token: string | undefined;
  /** VISAVIS_PROLIFIC_URL. */
  url: string;
}

export interface RecruitingParts {
  db: Database;
  sealer: Sealer;
  config: ProlificConfig;
  publicUrl: string | undefined;
  log: Logger;
  /** The thread for what takes longer than votes can wait; without one it is done here. */
  aside?: Pick<Aside, 'run'>;
  fetch?: Fetch;
  /** Milliseconds to wait each time that Prolific asks to slow down. */
  waits?: number[];
}

const tokenName = 'prolific-token';
/** What a vote takes before anybody has cast one. */
const secondsPerVote = 8;
/** A draft that was begun so long ago and got no answer is forgotten. */
const forgottenMs = 2 * 60_000;
/** A payment that was asked for so short a time ago may still get its answer: patience, and every wait that Prolific asks for. */
const underWayMs = 5 * 60_000;
/** Submissions in one call. */
const atOnce = 500;

export class Recruiting {
  readonly hooks: Hooks;
  readonly #parts: RecruitingParts;
  /** Studies that are being asked about; who asks meanwhile waits for the same answer. */
  readonly #looking = new Map<string, Promise<void>>();

  constructor(parts: RecruitingParts) {
    this.#parts = parts;
    this.hooks = new Hooks(parts);
  }

  async tokenSource(): Promise<'environment' | 'stored' | null> {
    if (this.#parts.config.token !== undefined) return 'environment';
    return (await findSecret(this.#parts.db, tokenName)) === undefined ? null : 'stored';
  }

  /** Keeps a token that Prolific accepts. @throws ServiceError conflict when it does not */
  async keepToken(token: string, actor: string): Promise<void> {
    const { db, sealer } = this.#parts;
    await this.#clientWith(token).me();
    const sealed = await sealer.seal(tokenName, token);
    await inTransaction(db, async (tx) => {
      await setSecret(tx, tokenName, sealed);
      await record(tx, { actor, action: 'prolific token', subject: 'stored' });
    });
  }

  async forgetToken(actor: string): Promise<void> {
    await inTransaction(this.#parts.db, async (tx) => {
      await setSecret(tx, tokenName, null);
      await record(tx, { actor, action: 'prolific token', subject: 'forgotten' });
    });
  }

  async account(): Promise<ProlificAccount> {
    const client = await this.#client();
    const workspaces = [];
    for (const { id, title } of await client.workspaces()) {
      const projects = await client.projects(id);
      const balance = await client.balance(id).catch(ifForbidden);
      workspaces.push({
        id,
        title: title ?? id,
        projects: projects.map((project) => ({ id: project.id, title: project.title ?? project.id })),
        balance: balance?.available_balance ?? null,
        currency: balance?.currency_code ?? '',
      });
    }
    const filters = (await client.filters()).map(({ filter_id, title, choices, min, max }) => ({
      id: filter_id,
      title: title ?? filter_id,
      ...(choices ? { choices } : {}),
      ...(typeof min === 'number' ? { min } : {}),
      ...(typeof max === 'number' ? { max } : {}),
    }));
    return { workspaces, filters };
  }

  /** What it would cost, whom it would reach and how long it would last. Nothing is made. */
  async quote(name: string, form: RecruitmentForm): Promise<Quote> {
    await requireStudy(this.#parts.db, name);
    const client = await this.#client();
    const reward = rewardOf(form);
    const [places, minutes] = [form.places, form.minutes];
    const cost = { reward, total_available_places: places, estimated_completion_time: minutes };
    const who = { workspace_id: form.workspace, filters: form.filters };
    const total = await client.cost(cost);
    const eligible = await client.eligible(who).catch(ifForbidden);
    // A forecast that does not come holds nobody up.
    const hours = await client
      .recruitmentHours({ ...cost, ...who, study_type: 'SINGLE', device_compatibility: form.devices })
      .catch(() => null);
    const balance = await client.balance(form.workspace).catch(ifForbidden);
    return {
      reward,
      total,
      balance: balance?.available_balance ?? null,
      currency: balance?.currency_code ?? '',
      eligible: eligible ?? null,
      hours: hours ?? null,
      maximumMinutes: maximumMinutes(form.minutes),
    };
  }

  /** @param medianSeconds that a vote has taken so far @throws ServiceError not-found */
  async view(name: string, medianSeconds: number | null): Promise<Recruitment> {
    const { db, publicUrl } = this.#parts;
    const study = await requireStudy(db, name);
    const { pairs } = await studyFacts(db, study.id);
    const cap = visitOf(study)?.pairsPerAnnotator;
    const votes = Math.min(pairs, cap ?? pairs) * study.criteria.length;
    const suggested = {
      places: placesFor(pairs, study.votesPerPair, cap),
      minutes: Math.max(1, Math.ceil((votes * (medianSeconds ?? secondsPerVote)) / 60) + 1),
      title: 'Which of two images is better?',
    };
    const row = await findRecruitment(db, study.id);
    const reachable = publicUrl !== undefined;
    if (row === undefined) return { suggested, reachable, recruitment: null };
    const people = await this.#people(row);
    return {
      suggested,
      reachable,
      recruitment: {
        remote: row.remoteId,
        status: row.status,
        form: row.settings as RecruitmentForm,
        reward: row.reward,
        places: row.places,
        placesTaken: row.placesTaken,
        hears: await this.hooks.hears((row.settings as RecruitmentForm).workspace),
        lookedAt: row.lookedAt,
        problem: row.problem,
        counts: people.counts,
        toApprove: people.approvable.length,
        owedPeople: people.owed.length,
        owedCents: people.owed.reduce((sum, { cents }) => sum + cents, 0),
        submissions: people.submissions,
      },
    };
  }

  /** Makes a draft there, which nobody sees and which costs nothing. @throws ServiceError conflict when there is one */
  async draft(name: string, form: RecruitmentForm, actor: string, now = Date.now()): Promise<void> {
    const { db, publicUrl, log } = this.#parts;
    if (publicUrl === undefined)
      throw new ServiceError(
        'conflict',
        'People must be able to reach this server: set VISAVIS_PUBLIC_URL to its public address.',
      );
    const study = await requireStudy(db, name);
    const client = await this.#client();
    const codes = newCodes();
    const row: RecruitmentRow = {
      studyId: study.id,
      remoteId: null,
      settings: form,
      codes,
      reward: rewardOf(form),
      places: form.places,
      placesTaken: 0,
      status: 'UNPUBLISHED',
      problem: null,
      createdAt: now,
      lookedAt: null,
    };
    if (!(await inTransaction(db, (tx) => insertRecruitment(tx, row, now - forgottenMs))))
      throw new ServiceError('conflict', `"${name}" is recruited for on Prolific already, or is about to be.`);
    const url = externalUrl(publicUrl, study.inviteToken);
    const remote = await client
      .createStudy(remoteStudy(form, { studyId: study.id, url, codes }))
      .catch(async (error) => {
        await inTransaction(db, (tx) => dropRecruitment(tx, row));
        if (error instanceof Unanswered)
          throw new ServiceError(
            'unavailable',
            `Prolific did not answer. If it shows a draft "${form.title}", delete that one there before you try again.`,
          );
        throw error;
      });
    await inTransaction(db, async (tx) => {
      if (!(await confirmRecruitment(tx, row, { remoteId: remote.id, status: remote.status, now })))
        throw new ServiceError(
          'conflict',
          `Somebody else has made a draft for "${name}" meanwhile; delete the second one, ${remote.id}, on Prolific.`,
        );
      await record(tx, { actor, action: 'prolific draft', subject: name }, now);
    });
    // Without it the server asks by itself.
    await this.hooks.subscribe(client, form.workspace).catch((error: unknown) => {
      log.warn({ error: String(error) }, 'Prolific will not tell of changes; it is asked every minute.');
    });
  }

  /**
   * Forgets a draft, or recruiting that is over, so that another can be made. What Prolific has of it stays there.
   * @throws ServiceError conflict while people may come
   */
  async discard(name: string, actor: string): Promise<void> {
    const { remoteId, study, codes } = await this.#require(name);
    const isGone = await this.look(study.id).then(
      () => false,
      (error: unknown) => {
        if (error instanceof ServiceError && error.code === 'not-found') return true;
        throw error;
      },
    );
    const { status } = await this.#require(name);
    if (!isGone && status !== 'UNPUBLISHED' && status !== 'COMPLETED')
      throw new ServiceError('conflict', `"${name}" is ${status} on Prolific; complete it there first.`);
    const { owed, approvable, submissions } = await this.#people(await this.#require(name), true);
    if (owed.length > 0 || approvable.length > 0 || submissions.some(({ unsure }) => unsure > 0))
      throw new ServiceError(
        'conflict',
        `Some people of "${name}" have not been paid yet, or it is not known whether.`,
      );
    await inTransaction(this.#parts.db, async (tx) => {
      await dropRecruitment(tx, { studyId: study.id, codes });
      await record(tx, { actor, action: 'prolific discard', subject: `${name}: ${remoteId}` });
    });
  }

  /** @returns where the account's test participant takes part */
  async test(name: string, actor: string): Promise<string> {
    const { remoteId } = await this.#require(name);
    const url = await (await this.#client()).testStudy(remoteId);
    await inTransaction(this.#parts.db, (tx) => record(tx, { actor, action: 'prolific test', subject: name }));
    return url;
  }

  /** From here on money is spent. @param typed the study's name @throws ServiceError bad-request, conflict */
  async publish(name: string, typed: string, actor: string): Promise<void> {
    const { remoteId, study, status, settings, places } = await this.#require(name);
    if (typed !== name) throw new ServiceError('bad-request', `Type the study's name, "${name}", to publish it.`);
    if (status !== 'UNPUBLISHED')
      throw new ServiceError('conflict', `"${name}" is published already; it is ${status}.`);
    await this.#requireWork(study);
    const client = await this.#client();
    const form = settings as RecruitmentForm;
    const total = await this.#affordable(client, form, places);
    await this.#move(name, study, remoteId, 'PUBLISH', { actor, note: `, ${money(total)} at most` });
  }

  /** Nobody new is sent; who is at work goes on. */
  async pause(name: string, actor: string): Promise<void> {
    const { remoteId, study } = await this.#require(name);
    await this.#move(name, study, remoteId, 'PAUSE', { actor });
  }

  async resume(name: string, actor: string): Promise<void> {
    const { remoteId, study } = await this.#require(name);
    await this.#requireWork(study);
    await this.#move(name, study, remoteId, 'START', { actor });
  }

  /** @throws ServiceError bad-request when there would be fewer; conflict when the workspace has too little */
  async setPlaces(name: string, places: number, actor: string): Promise<void> {
    const { remoteId, study, places: before, settings } = await this.#require(name);
    if (places <= before)
      throw new ServiceError('bad-request', `There are ${before} places; Prolific takes none away, ask for more.`);
    const { db } = this.#parts;
    const client = await this.#client();
    const total = await this.#affordable(client, settings as RecruitmentForm, places - before);
    const subject = `${name}: ${before} to ${places}, ${money(total)} at most`;
    await inTransaction(db, (tx) => record(tx, { actor, action: 'prolific places', subject }));
    const remote = await client.changeStudy(remoteId, { total_available_places: places });
    await inTransaction(db, (tx) =>
      changeRecruitment(tx, study.id, { places: remote.total_available_places, status: remote.status }),
    );
  }

  /** @returns cents that so many places cost at most @throws ServiceError conflict when the workspace has too little */
  async #affordable(client: ProlificClient, form: RecruitmentForm, places: number): Promise<number> {
    const cost = { total_available_places: places, estimated_completion_time: form.minutes };
    const total = await client.cost({ reward: rewardOf(form), ...cost });
    const balance = await client.balance(form.workspace).catch(ifForbidden);
    if (balance !== undefined && balance.available_balance < total)
      throw new ServiceError(
        'conflict',
        `It costs ${money(total)} ${balance.currency_code} and the workspace has ${money(balance.available_balance)}; add funds on Prolific first.`,
      );
    return total;
  }

  /**
   * Pays the reward. @param wanted which; without, all who finished, await review and are not left out
   * @returns how many
   */
  async approve(name: string, wanted: readonly string[] | undefined, actor: string): Promise<number> {
    const row = await this.#require(name);
    const { study } = row;
    await this.look(study.id);
    const people = await this.#people(row, true);
    const byId = new Map(people.submissions.map((each) => [each.id, each]));
    for (const id of wanted ?? []) {
      const found = byId.get(id);
      if (found === undefined) throw new ServiceError('not-found', `"${name}" has no submission ${id}.`);
      if (found.status !== awaitsReview)
        throw new ServiceError('conflict', `The submission ${id} awaits no review; it is ${found.status}.`);
    }
    const ids = [...new Set(wanted ?? people.approvable)];
    const client = await this.#client();
    for (let i = 0; i < ids.length; i += atOnce) {
      const some = ids.slice(i, i + atOnce);
      const subject = `${name}: ${some.length} ${some.length === 1 ? 'submission' : 'submissions'}`;
      await this.#tellOf(actor, 'prolific approve', subject, () => client.approve(some));
    }
    if (ids.length > 0) await this.look(study.id);
    return ids.length;
  }

  /** Asks somebody to give their submission back, which costs them nothing but the pay. */
  async askReturn(name: string, { submission, reason }: { submission: string; reason: string }, actor: string) {
    const { db } = this.#parts;
    const { study, annotatorId } = await this.#requireSubmission(name, submission);
    // The log names nobody: the platform's ids do.
    const whom = annotatorId === null ? 'somebody who has not opened the page' : `annotator ${annotatorId}`;
    await inTransaction(db, (tx) => record(tx, { actor, action: 'prolific ask return', subject: `${name}: ${whom}` }));
    await (await this.#client()).askReturn(submission, reason);
    await inTransaction(db, (tx) => setReturnAsked(tx, { id: submission, studyId: study.id, now: Date.now() }));
  }

  /** Pays the reward as a bonus to all who finished and lost their place. Who and how much is worked out here, at this moment. */
  async payOwed(name: string, actor: string): Promise<{ people: number; cents: number }> {
    const row = await this.#require(name);
    await this.look(row.study.id);
    const { owed } = await this.#people(row, true);
    const paid = { people: 0, cents: 0 };
    for (let i = 0; i < owed.length; i += atOnce) {
      const some = await this.#pay(row, owed.slice(i, i + atOnce), actor);
      paid.people += some.people;
      paid.cents += some.cents;
    }
    return paid;
  }

  /** Pays beside the reward, whatever was paid before. @throws ServiceError conflict when somebody else pays at this moment */
  async payBonuses(
    name: string,
    bonuses: readonly { submission: string; cents: number }[],
    actor: string,
  ): Promise<{ people: number; cents: number }> {
    const row = await this.#require(name);
    await this.look(row.study.id);
    const known = new Map((await submissionsOf(this.#parts.db, row.study.id)).map((each) => [each.id, each]));
    const asked = bonuses.map(({ submission, cents }) => {
      const seen = known.get(submission);
      if (seen === undefined) throw new ServiceError('not-found', `"${name}" has no submission ${submission}.`);
      return { seen, cents };
    });
    const paid = await this.#pay(row, asked, actor);
    if (paid.people < bonuses.length)
      throw new ServiceError(
        'conflict',
        `Somebody else pays these people too; ${paid.people} of them were paid by this.`,
      );
    return paid;
  }

  /**
   * What is to be paid is written down before it is asked for, for each only if nobody else has asked since it was read; until an
   * answer comes it counts as paid, and as unsure.
   */
  async #pay(
    { study, remoteId }: { study: Study; remoteId: string },
    asked: readonly { seen: BonusSeen; cents: number }[],
    actor: string,
  ): Promise<{ people: number; cents: number }> {
    const { db } = this.#parts;
    const { name } = study;
    const claimed = await inTransaction(db, async (tx) => {
      const mine = [];
      for (const each of asked) if (await askBonus(tx, each.seen, each.cents, Date.now())) mine.push(each);
      return mine;
    });
    if (claimed.length === 0) return { people: 0, cents: 0 };
    const settle = (isPaid: boolean) =>
      inTransaction(db, async (tx) => {
        for (const { seen, cents } of claimed) await settleBonus(tx, seen, cents, isPaid);
      });
    const sum = claimed.reduce((total, { cents }) => total + cents, 0);
    const subject = `${name}: ${money(sum)} for ${claimed.length} ${claimed.length === 1 ? 'person' : 'people'}`;
    let mayBePaid = false;
    try {
      const client = await this.#client();
      const made = await client.createBonuses(
        remoteId,
        claimed.map(({ seen, cents }) => ({ submission: seen.id, cents })),
      );
      await this.#tellOf(actor, 'prolific bonus', subject, async () => {
        mayBePaid = true;
        await client.payBonuses(made.id).catch((error: unknown) => {
          if (error instanceof Unanswered) throw new MaybePaid();
          mayBePaid = false;
          throw error;
        });
      });
      await settle(true);
      return { people: claimed.length, cents: made.total_amount };
    } catch (error) {
      // What goes wrong after the payment, or while it is told of, does not undo it.
      if (!mayBePaid) await settle(false);
      throw error;
    }
  }

  /** A person has looked at Prolific: a bonus whose payment got no answer was paid, or was not. */
  async settleBonus(
    name: string,
    { submission, paid }: { submission: string; paid: boolean },
    actor: string,
    now = Date.now(),
  ) {
    const { db } = this.#parts;
    const { study } = await this.#require(name);
    const theirs = (await submissionsOf(db, study.id)).find(({ id }) => id === submission);
    if (theirs === undefined) throw new ServiceError('not-found', `"${name}" has no submission ${submission}.`);
    const { bonusUnsure: cents, bonusAskedAt, annotatorId } = theirs;
    if (cents === 0) throw new ServiceError('conflict', 'Of this bonus it is known whether it was paid.');
    // Another server, or another researcher, may be waiting for the answer at this moment.
    if (bonusAskedAt !== null && now - bonusAskedAt < underWayMs)
      throw new ServiceError('conflict', 'This payment may still be under way; look at Prolific in five minutes.');
    const whom = annotatorId === null ? 'somebody' : `annotator ${annotatorId}`;
    await inTransaction(db, async (tx) => {
      await settleBonus(tx, theirs, cents, paid);
      const subject = `${name}: ${money(cents)} for ${whom} ${paid ? 'was paid' : 'was not paid'}`;
      await record(tx, { actor, action: 'prolific bonus settled', subject });
    });
  }

  /** Writes down what spends money before it is done, and that it failed if it does. */
  async #tellOf(actor: string, action: string, subject: string, deed: () => Promise<void>): Promise<void> {
    const { db } = this.#parts;
    await inTransaction(db, (tx) => record(tx, { actor, action, subject }));
    await deed().catch(async (error: unknown) => {
      const how = error instanceof Unanswered || error instanceof MaybePaid ? 'no answer' : 'refused';
      await inTransaction(db, (tx) => record(tx, { actor, action: `${action}: ${how}`, subject }));
      throw error;
    });
  }

  /** Asks Prolific how a study goes and takes it over. At most one question a study is under way. */
  look(studyId: string): Promise<void> {
    const under = this.#looking.get(studyId);
    if (under !== undefined) return under;
    const looking = this.#look(studyId).finally(() => this.#looking.delete(studyId));
    this.#looking.set(studyId, looking);
    return looking;
  }

  /** All studies whose end Prolific has not told; a problem with one is kept with it. */
  async lookAtAll(): Promise<void> {
    const { db, log } = this.#parts;
    for (const { studyId } of await openRecruitments(db)) {
      // One that cannot be asked about must not hide the others; what Prolific says is kept with it.
      await this.look(studyId).catch((error: unknown) => {
        if (!(error instanceof ServiceError)) logFailure(log, error);
      });
    }
  }

  async lookByName(name: string): Promise<void> {
    await this.look((await this.#require(name)).study.id);
  }

  async #look(studyId: string): Promise<void> {
    const { db, log } = this.#parts;
    const row = await findRecruitment(db, studyId);
    if (row === undefined || row.remoteId === null) return;
    const now = Date.now();
    try {
      const client = await this.#client();
      const remote = await client.study(row.remoteId);
      const { remoteId: remoteStudy } = row;
      const news = { studyId, remoteStudy, remote: await client.submissions(remoteStudy), askedAt: now };
      await (this.#parts.aside === undefined ? takeOver(db, news) : this.#parts.aside.run('takeOver', news));
      let { status } = remote;
      const study = await studyById(db, studyId);
      // Nobody is sent in vain.
      if (status === 'ACTIVE' && !(await this.#hasWork(study))) {
        await client.transition(row.remoteId, 'PAUSE');
        status = 'PAUSED';
        log.info({ study: study.name }, 'paused on Prolific: nothing is left to do');
        await inTransaction(db, (tx) =>
          record(tx, { actor: 'server', action: 'prolific pause', subject: `${study.name}: nothing is left to do` }),
        );
      }
      await inTransaction(db, (tx) =>
        changeRecruitment(tx, studyId, {
          status,
          places: remote.total_available_places,
          placesTaken: remote.places_taken ?? row.placesTaken,
          problem: null,
          lookedAt: now,
        }),
      );
    } catch (error) {
      if (error instanceof ServiceError)
        await inTransaction(db, (tx) => changeRecruitment(tx, studyId, { problem: error.message }));
      throw error;
    }
  }

  async #hasWork(study: Pick<Study, 'id' | 'state'>): Promise<boolean> {
    return study.state === 'open' && (await hasOpenSeats(this.#parts.db, study.id));
  }

  async #requireWork(study: Study): Promise<void> {
    if (study.state !== 'open') throw new ServiceError('conflict', `"${study.name}" is ${study.state}; open it first.`);
    if (!(await this.#hasWork(study)))
      throw new ServiceError('conflict', `Every pair of "${study.name}" has its votes; nobody is needed.`);
  }

  async #move(
    name: string,
    { id }: Study,
    remoteId: string,
    action: 'PUBLISH' | 'PAUSE' | 'START',
    { actor, note = '' }: { actor: string; note?: string },
  ): Promise<void> {
    const verb = { PUBLISH: 'publish', PAUSE: 'pause', START: 'resume' }[action];
    const client = await this.#client();
    await this.#tellOf(actor, `prolific ${verb}`, name + note, async () => {
      await client.transition(remoteId, action);
    }).finally(() => this.look(id).catch(() => undefined));
  }

  #people(
    { studyId, remoteId: remoteStudy, reward }: Pick<RecruitmentRow, 'studyId' | 'remoteId' | 'reward'>,
    all = false,
  ): Promise<People> {
    const { db, aside } = this.#parts;
    const asked = { studyId, remoteStudy, reward, all };
    return aside === undefined ? peopleOf(db, asked) : aside.run('peopleOf', asked);
  }

  async #require(name: string) {
    const study = await requireStudy(this.#parts.db, name);
    const row = await findRecruitment(this.#parts.db, study.id);
    if (row === undefined || row.remoteId === null)
      throw new ServiceError('not-found', `"${name}" is not recruited for on Prolific; make a draft first.`);
    return { ...row, remoteId: row.remoteId, study };
  }

  async #requireSubmission(name: string, submission: string) {
    const found = await this.#require(name);
    const theirs = (await submissionsOf(this.#parts.db, found.study.id)).find(({ id }) => id === submission);
    if (theirs === undefined) throw new ServiceError('not-found', `"${name}" has no submission ${submission}.`);
    return { study: found.study, annotatorId: theirs.annotatorId };
  }

  async #client(): Promise<ProlificClient> {
    const { db, sealer, config } = this.#parts;
    if (config.token !== undefined) return this.#clientWith(config.token);
    const sealed = await findSecret(db, tokenName);
    if (sealed === undefined)
      throw new ServiceError(
        'conflict',
        'There is no token for Prolific; an owner enters one, or VISAVIS_PROLIFIC_TOKEN.',
      );
    return this.#clientWith(await sealer.unseal(tokenName, sealed));
  }

  #clientWith(token: string): ProlificClient {
    const { config, fetch = globalThis.fetch, waits, log } = this.#parts;
    const onOdd = (path: string) => log.warn({ path }, 'Prolific lists something that cannot be read; it is left out.');
    return new ProlificClient({ url: config.url, token, fetch, onOdd, ...(waits === undefined ? {} : { waits }) });
  }
}

/** A payment was asked for and no answer came. */
class MaybePaid extends ServiceError {
  constructor() {
    super(
      'unavailable',
      'Whether these bonuses were paid is not known: Prolific did not answer. Look there, and say so beside each.',
    );
  }
}

/** What the token may not ask for is not known, which stops nothing. */
function ifForbidden(error: unknown): undefined {
  if (error instanceof ServiceError && error.code === 'conflict') return undefined;
  throw error;
}

function money(cents: number): string {
  return (cents / 100).toFixed(2);
}
