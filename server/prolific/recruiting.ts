/**
 * @file Recruiting people on Prolific for a study: draft, test, publish, pause, more places, approval, bonuses. Arrow: study →
 * recruitment → submissions. Whatever spends money is written to the audit log before it is asked for.
 */
import type { Logger } from 'pino';
import type { Database } from '../../db/open.ts';
import { inTransaction } from '../../db/transactions.ts';
import {
  changeRecruitment,
  changeSubmission,
  dropRecruitment,
  findRecruitment,
  hasOpenSeats,
  insertRecruitment,
  openRecruitments,
  submissionsOf,
  type RecruitmentRow,
} from '../../db/queries/recruitments.ts';
import { findSecret, setSecret } from '../../db/queries/sessions.ts';
import { studyFacts } from '../../db/queries/immutable.ts';
import { studyById, type Study } from '../../db/queries/studies.ts';
import type { ProlificAccount, Quote, Recruitment, RecruitmentForm } from '../../contract/prolific.ts';
import { record } from '../access/audit.ts';
import type { Sealer } from '../access/sealed.ts';
import { ServiceError } from '../errors.ts';
import { visitOf } from '../study/checks.ts';
import { requireStudy } from '../study/lifecycle.ts';
import { ProlificClient, Unanswered, type Fetch } from './client.ts';
import { externalUrl, maximumMinutes, newCodes, placesFor, remoteStudy, rewardOf } from './form.ts';
import { Hooks } from './hooks.ts';
import { isApprovable, submissionViews, takeOver } from './submissions.ts';

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
  fetch?: Fetch;
  /** Milliseconds to wait each time that Prolific asks to slow down. */
  waits?: number[];
}

const tokenName = 'prolific-token';
/** What a vote takes before anybody has cast one. */
const secondsPerVote = 8;
/** Submissions that a page gets to see. */
const mostSubmissions = 2000;

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
    const all = await submissionViews(db, study.id, row.reward);
    const counts: Record<string, number> = {};
    for (const { status } of all) counts[status] = (counts[status] ?? 0) + 1;
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
        counts,
        toApprove: all.filter(isApprovable).length,
        submissions: all.slice(0, mostSubmissions),
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
    if (!(await inTransaction(db, (tx) => insertRecruitment(tx, row))))
      throw new ServiceError('conflict', `"${name}" is recruited for on Prolific already.`);
    const url = externalUrl(publicUrl, study.inviteToken);
    const remote = await client
      .createStudy(remoteStudy(form, { studyId: study.id, url, codes }))
      .catch(async (error) => {
        await inTransaction(db, (tx) => dropRecruitment(tx, study.id));
        throw error;
      });
    await inTransaction(db, async (tx) => {
      await changeRecruitment(tx, study.id, { remoteId: remote.id, status: remote.status, lookedAt: now });
      await record(tx, { actor, action: 'prolific draft', subject: name }, now);
    });
    // Without it the server asks by itself.
    await this.hooks.subscribe(client, form.workspace).catch((error: unknown) => {
      log.warn({ error: String(error) }, 'Prolific will not tell of changes; it is asked every minute.');
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
    const { remoteId, study, status, settings } = await this.#require(name);
    if (typed !== name) throw new ServiceError('bad-request', `Type the study's name, "${name}", to publish it.`);
    if (status !== 'UNPUBLISHED')
      throw new ServiceError('conflict', `"${name}" is published already; it is ${status}.`);
    if (study.state !== 'open')
      throw new ServiceError('conflict', `"${name}" is ${study.state}; open it, so that people find something to do.`);
    const client = await this.#client();
    const form = settings as RecruitmentForm;
    const cost = { total_available_places: form.places, estimated_completion_time: form.minutes };
    const total = await client.cost({ reward: rewardOf(form), ...cost });
    const balance = await client.balance(form.workspace).catch(ifForbidden);
    if (balance !== undefined && balance.available_balance < total)
      throw new ServiceError(
        'conflict',
        `It costs ${money(total)} ${balance.currency_code} and the workspace has ${money(balance.available_balance)}; add funds on Prolific first.`,
      );
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

  /** @throws ServiceError bad-request when there would be fewer */
  async setPlaces(name: string, places: number, actor: string): Promise<void> {
    const { remoteId, study, places: before } = await this.#require(name);
    if (places <= before)
      throw new ServiceError('bad-request', `There are ${before} places; Prolific takes none away, ask for more.`);
    const { db } = this.#parts;
    const subject = `${name}: ${before} to ${places}`;
    await inTransaction(db, (tx) => record(tx, { actor, action: 'prolific places', subject }));
    const remote = await (await this.#client()).changeStudy(remoteId, { total_available_places: places });
    await inTransaction(db, (tx) =>
      changeRecruitment(tx, study.id, { places: remote.total_available_places, status: remote.status }),
    );
  }

  /**
   * Pays the reward. @param wanted which; without, all who finished, await review and are not left out
   * @returns how many
   */
  async approve(name: string, wanted: readonly string[] | undefined, actor: string): Promise<number> {
    const { db } = this.#parts;
    const { study, reward } = await this.#require(name);
    await this.look(study.id);
    const all = await submissionViews(db, study.id, reward);
    const chosen =
      wanted === undefined
        ? all.filter(isApprovable)
        : wanted.map((id) => {
            const found = all.find((each) => each.id === id);
            if (found === undefined) throw new ServiceError('not-found', `"${name}" has no submission ${id}.`);
            return found;
          });
    const ids = chosen.filter(({ status }) => status === 'AWAITING REVIEW').map(({ id }) => id);
    if (ids.length < chosen.length)
      throw new ServiceError('conflict', `${chosen.length - ids.length} of these submissions await no review.`);
    if (ids.length === 0) return 0;
    const subject = `${name}: ${ids.length} ${ids.length === 1 ? 'submission' : 'submissions'}`;
    await inTransaction(db, (tx) => record(tx, { actor, action: 'prolific approve', subject }));
    await (await this.#client()).approve(ids);
    await this.look(study.id);
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
    await inTransaction(db, (tx) =>
      changeSubmission(tx, { id: submission, studyId: study.id }, { returnAskedAt: Date.now() }),
    );
  }

  /**
   * Pays beside the reward. What was asked for is kept before it is: after a failure that leaves open whether it was paid, it
   * counts as paid until Prolific tells otherwise.
   * @returns cents with fee and tax
   */
  async payBonuses(
    name: string,
    bonuses: readonly { submission: string; cents: number }[],
    actor: string,
  ): Promise<number> {
    const { db } = this.#parts;
    const { study, remoteId } = await this.#require(name);
    await this.look(study.id);
    const known = new Map((await submissionsOf(db, study.id)).map((each) => [each.id, each]));
    for (const { submission } of bonuses)
      if (!known.has(submission)) throw new ServiceError('not-found', `"${name}" has no submission ${submission}.`);
    const client = await this.#client();
    const made = await client.createBonuses(remoteId, bonuses);
    const total = bonuses.reduce((sum, { cents }) => sum + cents, 0);
    const subject = `${name}: ${money(total)} for ${bonuses.length} ${bonuses.length === 1 ? 'person' : 'people'}`;
    const told = (by: 1 | 0) =>
      inTransaction(db, async (tx) => {
        for (const { submission, cents } of bonuses) {
          const { bonusTold, bonusAsked } = known.get(submission)!;
          const before = Math.max(bonusTold, bonusAsked);
          const change = { bonusAsked: by === 1 ? before + cents : bonusAsked };
          await changeSubmission(tx, { id: submission, studyId: study.id }, change);
        }
        if (by === 1) await record(tx, { actor, action: 'prolific bonus', subject });
      });
    await told(1);
    try {
      await client.payBonuses(made.id);
    } catch (error) {
      if (error instanceof Unanswered)
        throw new ServiceError(
          'unavailable',
          'Whether these bonuses were paid is not known: Prolific did not answer. Look there before you pay again.',
        );
      await told(0);
      throw error;
    }
    return made.total_amount;
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
    for (const { studyId } of await openRecruitments(this.#parts.db)) {
      await this.look(studyId).catch((error: unknown) => {
        if (!(error instanceof ServiceError)) throw error;
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
      await takeOver(db, studyId, await client.submissions(row.remoteId), now);
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
    const { db } = this.#parts;
    const verb = { PUBLISH: 'publish', PAUSE: 'pause', START: 'resume' }[action];
    await inTransaction(db, (tx) => record(tx, { actor, action: `prolific ${verb}`, subject: name + note }));
    const client = await this.#client();
    await client.transition(remoteId, action);
    const remote = await client.study(remoteId);
    await inTransaction(db, (tx) => changeRecruitment(tx, id, { status: remote.status, lookedAt: Date.now() }));
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
    const { config, fetch = globalThis.fetch, waits } = this.#parts;
    return new ProlificClient({ url: config.url, token, fetch, ...(waits === undefined ? {} : { waits }) });
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
