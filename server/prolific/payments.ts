/**
 * @file Pay: approvals, requests to return, bonuses. Whatever spends money is written to the audit log before it is asked for, and
 * once more if it was refused or got no answer.
 */
import type { Database } from '../../db/open.ts';
import { inTransaction } from '../../db/transactions.ts';
import {
  askBonus,
  setReturnAsked,
  settleBonus,
  submissionsOf,
  type BonusSeen,
  type RecruitmentRow,
} from '../../db/queries/recruitments.ts';
import type { Study } from '../../db/queries/studies.ts';
import { record } from '../access/audit.ts';
import { ServiceError } from '../errors.ts';
import type { Account } from './account.ts';
import { Unanswered } from './client.ts';
import { awaitsReview, type People } from './submissions.ts';

/** What Prolific has of a study. */
export type Recruited = RecruitmentRow & { remoteId: string; study: Study };

export interface PaymentParts {
  db: Database;
  account: Account;
  /** @throws ServiceError not-found */
  requireRecruited: (name: string) => Promise<Recruited>;
  look: (studyId: string) => Promise<void>;
  people: (row: RecruitmentRow, all: boolean) => Promise<People>;
}

/** A payment that was asked for so short a time ago may still get its answer: patience, and every wait that Prolific asks for. */
const underWayMs = 5 * 60_000;
/** Submissions in one call. */
const atOnce = 500;

export class Payments {
  readonly #parts: PaymentParts;

  constructor(parts: PaymentParts) {
    this.#parts = parts;
  }

  /**
   * Pays the reward. @param wanted which; without, all who finished, await review and are not left out
   * @returns how many
   */
  async approve(name: string, wanted: readonly string[] | undefined, actor: string): Promise<number> {
    const row = await this.#parts.requireRecruited(name);
    const { study } = row;
    await this.#parts.look(study.id);
    const people = await this.#parts.people(row, true);
    const byId = new Map(people.submissions.map((each) => [each.id, each]));
    for (const id of wanted ?? []) {
      const found = byId.get(id);
      if (found === undefined) throw new ServiceError('not-found', `"${name}" has no submission ${id}.`);
      if (found.status !== awaitsReview)
        throw new ServiceError('conflict', `The submission ${id} awaits no review; it is ${found.status}.`);
    }
    const ids = [...new Set(wanted ?? people.approvable)];
    const client = await this.#parts.account.client();
    for (let i = 0; i < ids.length; i += atOnce) {
      const some = ids.slice(i, i + atOnce);
      const subject = `${name}: ${some.length} ${some.length === 1 ? 'submission' : 'submissions'}`;
      await tellOf(this.#parts.db, actor, 'prolific approve', subject, () => client.approve(some));
    }
    if (ids.length > 0) await this.#parts.look(study.id);
    return ids.length;
  }

  /** Asks somebody to give their submission back, which costs them nothing but the pay. */
  async askReturn(name: string, { submission, reason }: { submission: string; reason: string }, actor: string) {
    const { db } = this.#parts;
    const { study, annotatorId } = await this.#requireSubmission(name, submission);
    // The log names nobody: the platform's ids do.
    const whom = annotatorId === null ? 'somebody who has not opened the page' : `annotator ${annotatorId}`;
    await inTransaction(db, (tx) => record(tx, { actor, action: 'prolific ask return', subject: `${name}: ${whom}` }));
    await (await this.#parts.account.client()).askReturn(submission, reason);
    await inTransaction(db, (tx) => setReturnAsked(tx, { id: submission, studyId: study.id, now: Date.now() }));
  }

  /** Pays the reward as a bonus to all who finished and lost their place. Who and how much is worked out here, at this moment. */
  async payOwed(name: string, actor: string): Promise<{ people: number; cents: number }> {
    const row = await this.#parts.requireRecruited(name);
    await this.#parts.look(row.study.id);
    const { owed } = await this.#parts.people(row, true);
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
    const row = await this.#parts.requireRecruited(name);
    await this.#parts.look(row.study.id);
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
      const client = await this.#parts.account.client();
      const made = await client.createBonuses(
        remoteId,
        claimed.map(({ seen, cents }) => ({ submission: seen.id, cents })),
      );
      await tellOf(db, actor, 'prolific bonus', subject, async () => {
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
    const { study } = await this.#parts.requireRecruited(name);
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

  async #requireSubmission(name: string, submission: string) {
    const found = await this.#parts.requireRecruited(name);
    const theirs = (await submissionsOf(this.#parts.db, found.study.id)).find(({ id }) => id === submission);
    if (theirs === undefined) throw new ServiceError('not-found', `"${name}" has no submission ${submission}.`);
    return { study: found.study, annotatorId: theirs.annotatorId };
  }
}

/** Writes down what spends money before it is done, and that it failed if it does. */
export async function tellOf(
  db: Database,
  actor: string,
  action: string,
  subject: string,
  deed: () => Promise<void>,
): Promise<void> {
  await inTransaction(db, (tx) => record(tx, { actor, action, subject }));
  await deed().catch(async (error: unknown) => {
    const how = error instanceof Unanswered || error instanceof MaybePaid ? 'no answer' : 'refused';
    await inTransaction(db, (tx) => record(tx, { actor, action: `${action}: ${how}`, subject }));
    throw error;
  });
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

export function money(cents: number): string {
  return (cents / 100).toFixed(2);
}
