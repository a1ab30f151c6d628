/**
 * @file Recruiting people on Prolific for a study: draft, test, publish, pause, more places, and asking how it goes. Arrow: study →
 * recruitment → submissions.
 */
import { inTransaction } from '../../db/transactions.ts';
import {
  changeRecruitment,
  confirmRecruitment,
  dropRecruitment,
  findRecruitment,
  hasOpenSeats,
  insertRecruitment,
  openRecruitments,
  type RecruitmentRow,
} from '../../db/queries/recruitments.ts';
import { studyFacts } from '../../db/queries/immutable.ts';
import { seatsPerPair, studyById, type Study } from '../../db/queries/studies.ts';
import type { Quote, Recruitment, RecruitmentForm } from '../../contract/prolific.ts';
import { record } from '../access/audit.ts';
import type { Aside } from '../aside/aside.ts';
import { logFailure, ServiceError } from '../errors.ts';
import { visitOf } from '../study/checks.ts';
import { questionsOfSeat } from '../study/extra-seats.ts';
import { requireStudy } from '../study/lifecycle.ts';
import { Account, ifForbidden, type AccountParts } from './account.ts';
import { Unanswered, type ProlificClient } from './client.ts';
import { externalUrl, maximumMinutes, newCodes, placesFor, remoteStudy, rewardOf } from './form.ts';
import { Hooks } from './hooks.ts';
import { money, Payments, tellOf, type Recruited } from './payments.ts';
import { peopleOf, takeOver, type People } from './submissions.ts';

export interface RecruitingParts extends AccountParts {
  publicUrl: string | undefined;
  /** The thread for what takes longer than votes can wait; without one it is done here. */
  aside?: Pick<Aside, 'run'>;
}

/** What a vote takes before anybody has cast one. */
const secondsPerVote = 8;
/** A draft that was begun so long ago and got no answer is forgotten. */
const forgottenMs = 2 * 60_000;

export class Recruiting {
  readonly account: Account;
  readonly hooks: Hooks;
  readonly payments: Payments;
  readonly #parts: RecruitingParts;
  /** Studies that are being asked about; who asks meanwhile waits for the same answer. */
  readonly #looking = new Map<string, Promise<void>>();

  constructor(parts: RecruitingParts) {
    this.#parts = parts;
    this.account = new Account(parts);
    this.hooks = new Hooks(parts);
    this.payments = new Payments({
      db: parts.db,
      account: this.account,
      requireRecruited: (name) => this.#require(name),
      look: (studyId) => this.look(studyId),
      people: (row, all) => this.#people(row, all),
    });
  }

  /** What it would cost, whom it would reach and how long it would last. Nothing is made. */
  async quote(name: string, form: RecruitmentForm): Promise<Quote> {
    await requireStudy(this.#parts.db, name);
    const client = await this.account.client();
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
    const votes = Math.min(pairs, cap ?? pairs) * questionsOfSeat(study);
    const suggested = {
      places: placesFor(pairs, seatsPerPair(study), cap),
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
    const client = await this.account.client();
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
    const { study } = await this.#require(name);
    const isGone = await this.look(study.id).then(
      () => false,
      (error: unknown) => {
        if (error instanceof ServiceError && error.code === 'not-found') return true;
        throw error;
      },
    );
    const row = await this.#require(name);
    const { remoteId, status } = row;
    if (!isGone && status !== 'UNPUBLISHED' && status !== 'COMPLETED')
      throw new ServiceError('conflict', `"${name}" is ${status} on Prolific; complete it there first.`);
    const { owed, approvable, submissions } = await this.#people(row, true);
    if (owed.length > 0 || approvable.length > 0 || submissions.some(({ unsure }) => unsure > 0))
      throw new ServiceError(
        'conflict',
        `Some people of "${name}" have not been paid yet, or it is not known whether.`,
      );
    await inTransaction(this.#parts.db, async (tx) => {
      await dropRecruitment(tx, row);
      await record(tx, { actor, action: 'prolific discard', subject: `${name}: ${remoteId}` });
    });
  }

  /** @returns where the account's test participant takes part */
  async test(name: string, actor: string): Promise<string> {
    const { remoteId } = await this.#require(name);
    const url = await (await this.account.client()).testStudy(remoteId);
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
    const client = await this.account.client();
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
    const client = await this.account.client();
    const total = await this.#affordable(client, settings as RecruitmentForm, places - before);
    const subject = `${name}: ${before} to ${places}, ${money(total)} at most`;
    await tellOf(db, actor, 'prolific places', subject, async () => {
      const remote = await client.changeStudy(remoteId, { total_available_places: places });
      const change = { places: remote.total_available_places, status: remote.status };
      await inTransaction(db, (tx) => changeRecruitment(tx, study.id, change));
    });
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
      const { remoteId: remoteStudy } = row;
      const client = await this.account.client();
      const remote = await client.study(remoteStudy);
      const news = { studyId, remoteStudy, remote: await client.submissions(remoteStudy), askedAt: now };
      await (this.#parts.aside === undefined ? takeOver(db, news) : this.#parts.aside.run('takeOver', news));
      let { status } = remote;
      const study = await studyById(db, studyId);
      // Nobody is sent in vain.
      if (status === 'ACTIVE' && !(await this.#hasWork(study))) {
        await client.transition(remoteStudy, 'PAUSE');
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
    const client = await this.account.client();
    await tellOf(this.#parts.db, actor, `prolific ${verb}`, name + note, async () => {
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

  async #require(name: string): Promise<Recruited> {
    const study = await requireStudy(this.#parts.db, name);
    const row = await findRecruitment(this.#parts.db, study.id);
    if (row === undefined || row.remoteId === null)
      throw new ServiceError('not-found', `"${name}" is not recruited for on Prolific; make a draft first.`);
    return { ...row, remoteId: row.remoteId, study };
  }
}
