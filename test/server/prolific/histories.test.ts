/**
 * @file Random histories of people from Prolific, whose messages are lost, doubled, late and out of order: nobody unpaid who finished, nobody
 * paid twice, no seat leaked, exactly k. VISAVIS_HISTORIES=20000 looks further.
 */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { sql } from 'kysely';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { Database } from '../../../db/open.ts';
import { findStudy } from '../../../db/queries/studies.ts';
import type { Annotator } from '../../../db/queries/assignments.ts';
import { Sealer } from '../../../server/access/sealed.ts';
import { ServiceError } from '../../../server/errors.ts';
import { Recruiting } from '../../../server/prolific/recruiting.ts';
import { arrive } from '../../../server/prolific/submissions.ts';
import { joinStudy, nextAssignment } from '../../../server/study/assignments.ts';
import { createStudy } from '../../../server/study/design.ts';
import { changeState } from '../../../server/study/lifecycle.ts';
import { takeStep } from '../../../server/study/visit.ts';
import { castVote } from '../../../server/study/votes.ts';
import { freshSqlite } from '../../support/databases.ts';
import { FakeProlific, type FakeSubmission } from '../../support/prolific.ts';
import { openStudyOf } from '../../support/studies.ts';

const histories = Number(process.env['VISAVIS_HISTORIES'] ?? 1000);
const times = { leaseMs: 60_000, graceMs: 1000 };
const reward = 105;

type Step =
  | { do: 'come' | 'vote' | 'finish' | 'submit' | 'return' | 'time-out'; person: number }
  | { do: 'deliver' | 'deliver twice' | 'lose'; message: number }
  | { do: 'expiry' | 'look' | 'approve' | 'pay' | 'two pay' | 'slow down' | 'fall silent' | 'break off' };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('come' as const), person: fc.nat(4) }) },
  { weight: 14, arbitrary: fc.record({ do: fc.constant('vote' as const), person: fc.nat(4) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('finish' as const), person: fc.nat(4) }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constantFrom('submit' as const, 'return', 'time-out'), person: fc.nat(4) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom('deliver' as const, 'deliver twice', 'lose'), message: fc.nat(20) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'expiry' as const,
        'look',
        'approve',
        'pay',
        'two pay',
        'slow down',
        'fall silent',
        'break off',
      ),
    }),
  },
);

interface Made {
  id: string;
  name: string;
  token: string;
  k: number;
}

/** What one person does in a row, which chance alone would seldom bring together. */
const chains: ((person: number) => Step[])[] = [
  // Finishes, forgets to go back, is paid by a bonus, hands in late.
  (person) => [
    ...work(person),
    { do: 'finish', person },
    { do: 'time-out', person },
    { do: 'pay' },
    { do: 'submit', person },
    { do: 'approve' },
  ],
  // Is paid twice at once, or by a request that breaks off.
  (person) => [...work(person), { do: 'finish', person }, { do: 'return', person }, { do: 'two pay' }],
  (person) => [
    ...work(person),
    { do: 'finish', person },
    { do: 'time-out', person },
    { do: 'look' },
    { do: 'break off' },
    { do: 'pay' },
  ],
  // Loses the place before the last step.
  (person) => [...work(person), { do: 'time-out', person }, { do: 'look' }, { do: 'finish', person }],
];
const work = (person: number): Step[] => [
  { do: 'come', person },
  ...Array.from({ length: 3 }, (): Step => ({ do: 'vote', person })),
];
const steps = fc
  .array(
    fc.oneof(
      { weight: 9, arbitrary: step.map((each) => [each]) },
      { weight: 1, arbitrary: fc.tuple(fc.constantFrom(...chains), fc.nat(4)).map(([chain, person]) => chain(person)) },
    ),
    { minLength: 12, maxLength: 35 },
  )
  .map((parts) => parts.flat());

class History {
  readonly prolific = new FakeProlific();
  readonly #db: Database;
  readonly #study: Made;
  readonly #recruiting: Recruiting;
  /** Another server on the same database. */
  readonly #other: Recruiting;
  readonly #approve: 'review' | 'automatically';
  readonly #people = new Map<number, { submission: FakeSubmission; annotator: Annotator; code: string | null }>();
  #now = Date.now();

  get #remote(): string {
    return [...this.prolific.studies.keys()][0]!;
  }

  private constructor(
    db: Database,
    study: Made,
    approve: 'review' | 'automatically',
    recruiting: (prolific: FakeProlific) => Recruiting,
  ) {
    this.#db = db;
    this.#study = study;
    this.#recruiting = recruiting(this.prolific);
    this.#other = recruiting(this.prolific);
    this.#approve = approve;
  }

  static async begin(
    db: Database,
    { k, cap, approve }: { k: number; cap: number; approve: 'review' | 'automatically' },
  ): Promise<History> {
    const name = randomUUID();
    // Each has a Prolific of its own, which has been told of no server yet.
    await db.deleteFrom('prolific_workspace').execute();
    await createStudy(db, {
      ...{ name, prompts: 'prompts', models: ['aardvark', 'buffalo'], votesPerPair: k, ties: false, seed: 0 },
      criteria: ['general'],
      visit: { languages: ['en'], pairsPerAnnotator: cap, pointAt: false, difference: false, undo: 1 },
    });
    await changeState(db, name, 'open');
    const { id, inviteToken } = (await findStudy(db, name))!;
    const history = new History(
      db,
      { id, name, token: inviteToken, k },
      approve,
      (prolific) =>
        new Recruiting({
          ...{ db, publicUrl: 'https://images.example.org', fetch: prolific.fetch, waits: [0] },
          sealer: new Sealer('unused', Buffer.alloc(32, 7)),
          config: { token: prolific.token, url: 'https://prolific.example' },
          log: pino({ level: 'silent' }),
        }),
    );
    const { workspace, project } = history.prolific;
    const form = { workspace, project, title: 't', description: 'd', payPerHour: 9, minutes: 7, places: 4, approve };
    await history.#recruiting.draft(name, { ...form, devices: ['desktop'], filters: [], contentWarnings: [] }, 'me');
    await history.#recruiting.publish(name, name, 'me');
    // What it tells itself of the beginning is no part of the history.
    history.prolific.messages.length = 0;
    return history;
  }

  async take(step: Step): Promise<void> {
    // What Prolific does not do now a researcher does later; nothing that people do may go wrong.
    const isTheirs = 'person' in step;
    await this.#take(step).catch((error: unknown) => {
      if (isTheirs || !(error instanceof ServiceError)) throw error;
    });
  }

  async #take(step: Step): Promise<void> {
    const { prolific } = this;
    switch (step.do) {
      case 'come': {
        const submission = prolific.takePlace(this.#remote, String(step.person).repeat(24));
        if (submission === undefined) return;
        const annotator = await joinStudy(this.#db, { token: this.#study.token, participant: submission.participant });
        await arrive(this.#db, annotator, submission.id, this.#now);
        this.#people.set(step.person, { submission, annotator, code: null });
        return;
      }
      case 'vote':
        await this.#vote(this.#people.get(step.person)?.annotator);
        return;
      case 'finish': {
        const person = this.#people.get(step.person);
        if (person === undefined) return;
        const { end } = await takeStep(this.#db, person.annotator, { step: 'work' }, times, this.#now);
        if (end?.code !== undefined) person.code = end.code;
        return;
      }
      case 'submit': {
        const person = this.#people.get(step.person);
        if (person !== undefined && person.code !== null) prolific.complete(person.submission, person.code);
        return;
      }
      case 'return':
      case 'time-out': {
        const person = this.#people.get(step.person);
        if (person !== undefined) prolific.leave(person.submission, step.do === 'return' ? 'RETURNED' : 'TIMED-OUT');
        return;
      }
      case 'deliver':
      case 'deliver twice':
      case 'lose': {
        const { messages } = prolific;
        if (messages.length === 0) return;
        const [message] = messages.splice(step.message % messages.length, 1);
        if (step.do === 'lose') return;
        if (step.do === 'deliver twice') messages.push(message!);
        const { headers, body } = message!;
        const signed = {
          signature: headers['x-prolific-request-signature']!,
          timestamp: headers['x-prolific-request-timestamp']!,
          eventId: headers['x-event-id'],
        };
        if (await this.#recruiting.hooks.isNews(signed, Buffer.from(body), this.#now))
          await this.#recruiting.look(this.#study.id);
        return;
      }
      case 'expiry':
        this.#now += times.leaseMs + 1;
        return;
      case 'look':
        return this.#recruiting.look(this.#study.id);
      case 'approve':
        await this.#recruiting.payments.approve(this.#study.name, undefined, 'me');
        return;
      case 'pay':
        await this.#recruiting.payments.payOwed(this.#study.name, 'me');
        return;
      case 'two pay':
        await Promise.allSettled(
          [this.#recruiting, this.#other].map((each) => each.payments.payOwed(this.#study.name, 'me')),
        );
        return;
      case 'slow down':
        prolific.slowDowns += 1;
        return;
      case 'break off':
        prolific.cuts = 1;
        return;
      case 'fall silent':
        prolific.silences = 1;
    }
  }

  /** Whatever was lost: the server looks by itself in the end, places run out, and a researcher settles. */
  async end(): Promise<void> {
    this.prolific.slowDowns = this.prolific.silences = this.prolific.cuts = 0;
    for (const submission of this.prolific.submissions.values()) this.prolific.leave(submission, 'TIMED-OUT');
    await this.#recruiting.look(this.#study.id);
    await this.#recruiting.payments.approve(this.#study.name, undefined, 'me');
    // They look at Prolific, and say beside each what it shows.
    const { recruitment } = await this.#recruiting.view(this.#study.name, null);
    for (const { id, unsure } of recruitment!.submissions) {
      if (unsure === 0) continue;
      const paid = this.prolific.submissions.get(id)!.bonuses.length > 0;
      await this.#recruiting.payments.settleBonus(
        this.#study.name,
        { submission: id, paid },
        'me',
        Date.now() + 3_600_000,
      );
    }
    await this.#recruiting.payments.payOwed(this.#study.name, 'me');
    await this.#recruiting.look(this.#study.id);
  }

  async check(): Promise<void> {
    const ends = await this.#db
      .selectFrom('annotator')
      .select(['id', 'participant', 'end_reason'])
      .where('study_id', '=', this.#study.id)
      .execute();
    const finished = new Set(ends.filter((row) => row.end_reason === 'finished').map(({ participant }) => participant));
    for (const { participant, paid, status, code } of this.prolific.submissions.values()) {
      const expected = finished.has(participant) ? reward : 0;
      // Who has the code of a study that approves by itself may hand in after a bonus: nobody can hold that up.
      const most = this.#approve === 'automatically' && code !== null ? 2 * expected : expected;
      expect(paid, JSON.stringify({ participant, status, code })).toBeGreaterThanOrEqual(expected);
      expect(paid, JSON.stringify({ participant, status, code })).toBeLessThanOrEqual(most);
    }
    const leases = await this.#db
      .selectFrom('assignment')
      .select(({ fn }) => fn.countAll<number>().as('n'))
      .where('study_id', '=', this.#study.id)
      .where('state', '=', 'leased')
      .executeTakeFirstOrThrow();
    // Everybody has left by now.
    expect(Number(leases.n)).toBe(0);
  }

  /** People of one's own vote for what is left: then every pair has k votes, not one more or less. */
  async complete(): Promise<void> {
    for (let i = 0; i < 12; i++) {
      const annotator = await joinStudy(this.#db, { token: this.#study.token, participant: `own ${i}` });
      while (await this.#vote(annotator));
    }
    const slots = await this.#db
      .selectFrom('pair as p')
      .leftJoin('seat as s', (join) => join.onRef('s.pair_id', '=', 'p.id').on('s.population', '=', 'people'))
      .leftJoin('slot as f', 'f.seat_id', 's.id')
      .select(({ fn }) => ['p.id', fn.count<number>('f.vote_id').as('votes')])
      .where('p.study_id', '=', this.#study.id)
      .groupBy('p.id')
      .execute();
    expect(slots.map(({ votes }) => Number(votes))).toEqual(slots.map(() => this.#study.k));
  }

  async #vote(annotator: Annotator | undefined): Promise<boolean> {
    if (annotator === undefined) return false;
    const assignment = await nextAssignment(this.#db, annotator, times, this.#now);
    if (assignment === null) return false;
    const vote = { voteId: randomUUID(), assignmentId: assignment.id, criterion: 'general' as const };
    await castVote(this.#db, annotator, { ...vote, choice: 'left', responseTimeMs: 1000 }, times, this.#now);
    return true;
  }
}

describe('a random history of people from Prolific', () => {
  it('ends with nobody unpaid who finished, no seat leaked, exactly k', async () => {
    const { db } = await freshSqlite();
    await sql`pragma synchronous = off`.execute(db);
    await openStudyOf(db, { pairs: 3, name: 'first', criteria: ['general'] });
    const reached = { finished: 0, bonus: 0, withdrawn: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 2 }),
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom('review' as const, 'automatically' as const),
        steps,
        async (k, cap, approve, taken) => {
          const history = await History.begin(db, { k, cap, approve });
          for (const each of taken) await history.take(each);
          await history.end();
          await history.check();
          await history.complete();
          for (const { status, paid, bonuses } of history.prolific.submissions.values()) {
            if (paid > 0) reached.finished += 1;
            if (bonuses.length > 0) reached.bonus += 1;
            if (status === 'RETURNED' || status === 'TIMED-OUT') reached.withdrawn += 1;
          }
        },
      ),
      { numRuns: histories, endOnFailure: true },
    );
    // The histories got somewhere.
    expect(Math.min(...Object.values(reached))).toBeGreaterThan(histories / 20);
  }, 3_600_000);
});
