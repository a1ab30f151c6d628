/**
 * @file The protocol of seats, slots and leases as steps that a checker can order: what people do, what goes wrong, and what
 * must be true after each.
 */
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import type { Database } from '../../db/open.ts';
import type { Annotator } from '../../db/queries/assignments.ts';
import type { AssignmentView, VoteInput } from '../../contract/annotate.ts';
import { ServiceError } from '../../server/errors.ts';
import {
  holdAgain,
  joinStudy,
  nextAssignment,
  preloadAssignment,
  releaseSoon,
} from '../../server/study/assignments.ts';
import { recount } from '../../server/study/recount.ts';
import { castVote, undoLast } from '../../server/study/votes.ts';

export const times = { leaseMs: 60_000, graceMs: 5_000 };

/** late: a vote on the last assignment that is no longer held. retry: the last vote once more, as after a lost answer. */
export const doings = ['next', 'vote', 'undo', 'preload', 'leave', 'return', 'late', 'retry'] as const;
export type Doing = (typeof doings)[number];
/** Somebody does something, or so much time goes by that every lease runs out. */
export type Step = { person: number; doing: Doing } | 'expiry';

interface Person {
  annotator: Annotator;
  /** As the page has it. */
  shown: AssignmentView | undefined;
  /** The ones before, whose leases may have gone to others. */
  earlier: AssignmentView[];
  lastVote: { input: VoteInput; counted: boolean } | undefined;
}

export class Protocol {
  readonly #db: Database;
  readonly #people: Person[];
  readonly #study: string;
  readonly #k: number;
  /** Votes that were acknowledged as counted and not taken back, by id, and the assignment of each. */
  readonly #acknowledged: Map<string, string>;
  #now: number;

  private constructor(
    db: Database,
    people: Person[],
    study: string,
    k: number,
    acknowledged: Map<string, string>,
    now: number,
  ) {
    this.#db = db;
    this.#people = people;
    this.#study = study;
    this.#k = k;
    this.#acknowledged = acknowledged;
    this.#now = now;
  }

  static async start(
    db: Database,
    { token, study, k, people }: { token: string; study: string; k: number; people: number },
  ): Promise<Protocol> {
    const joined = [];
    for (let i = 0; i < people; i++) {
      const annotator = await joinStudy(db, { token, participant: `person-${i}` }, 0);
      joined.push({ annotator, shown: undefined, earlier: [], lastVote: undefined });
    }
    return new Protocol(db, joined, study, k, new Map(), 1_000_000);
  }

  /** The same people at the same point, on a copy of their database. */
  on(db: Database): Protocol {
    const people = this.#people.map((person) => ({ ...person, earlier: [...person.earlier] }));
    return new Protocol(db, people, this.#study, this.#k, new Map(this.#acknowledged), this.#now);
  }

  /** Does it; a refusal that people can meet is no failure. */
  async take(step: Step): Promise<void> {
    this.#now += 1;
    if (step === 'expiry') {
      this.#now += 10 * times.leaseMs;
      return;
    }
    const person = this.#people[step.person]!;
    try {
      await this.#act(person, step.doing);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      if (error.code === 'internal' || error.code === 'unavailable') throw error;
    }
  }

  async #act(person: Person, doing: Doing): Promise<void> {
    const { annotator } = person;
    if (doing === 'next') this.#show(person, await nextAssignment(this.#db, annotator, times, this.#now));
    else if (doing === 'preload') await preloadAssignment(this.#db, annotator, times, this.#now);
    else if (doing === 'leave') await releaseSoon(this.#db, [annotator.id], times, this.#now);
    else if (doing === 'return') await holdAgain(this.#db, annotator, times, this.#now);
    else if (doing === 'undo') {
      const view = await undoLast(this.#db, annotator, times, this.#now);
      for (const [id, assignment] of this.#acknowledged) if (assignment === view.id) this.#acknowledged.delete(id);
      this.#show(person, view);
    } else if (doing === 'retry') {
      if (person.lastVote === undefined) return;
      const { input, counted } = person.lastVote;
      const again = await castVote(this.#db, annotator, input, times, this.#now);
      if (again.counted !== counted) throw new Error(`the retry of ${input.voteId} was answered otherwise`);
    } else {
      const view = doing === 'vote' ? person.shown : person.earlier.at(-1);
      const criterion = view?.criteria[0];
      if (view === undefined || criterion === undefined) return;
      const input: VoteInput = {
        voteId: randomUUID(),
        assignmentId: view.id,
        criterion,
        choice: 'left',
        responseTimeMs: 1,
      };
      const { counted, remaining } = await castVote(this.#db, annotator, input, times, this.#now);
      person.lastVote = { input, counted };
      if (counted) this.#acknowledged.set(input.voteId, view.id);
      if (doing === 'vote') person.shown = { ...view, criteria: remaining };
    }
  }

  #show(person: Person, view: AssignmentView | null): void {
    if (person.shown !== undefined && person.shown.id !== view?.id) person.earlier.push(person.shown);
    person.shown = view ?? undefined;
  }

  /** @throws Error that names what is not as it must be */
  async check(): Promise<void> {
    const demand = (isTrue: boolean, what: string) => {
      if (!isTrue) throw new Error(what);
    };
    const seats = await sql<{ id: string; state: string; leased: number; done: number }>`
      select s.id, s.state,
             (select count(*) from assignment x where x.seat_id = s.id and x.state = 'leased') as leased,
             (select count(*) from assignment x where x.seat_id = s.id and x.state = 'done') as done
      from seat s`.execute(this.#db);
    for (const { id, state, leased, done } of seats.rows) {
      demand(Number(leased) === (state === 'leased' ? 1 : 0), `seat ${id} is ${state} with ${leased} holders`);
      demand(Number(done) === (state === 'done' ? 1 : 0), `seat ${id} is ${state}, finished by ${done}`);
    }
    const slots = await sql<{
      vote_id: string;
      pair_id: string;
      criterion: string;
      annotator_id: string;
      seat: string;
    }>`
      select c.vote_id, s.pair_id, c.criterion, v.annotator_id, s.state as seat
      from slot c join seat s on s.id = c.seat_id join vote v on v.id = c.vote_id`.execute(this.#db);
    const filled = new Set(slots.rows.map(({ vote_id }) => vote_id));
    for (const id of this.#acknowledged.keys()) demand(filled.has(id), `the acknowledged vote ${id} is not there`);
    demand(filled.size === this.#acknowledged.size, 'a vote counts that nobody was told of');
    const people = new Map<string, string[]>();
    for (const { pair_id, criterion, annotator_id } of slots.rows)
      people.set(`${pair_id} ${criterion}`, [...(people.get(`${pair_id} ${criterion}`) ?? []), annotator_id]);
    for (const [place, of] of people) {
      demand(of.length <= this.#k, `${place} has ${of.length} votes`);
      demand(new Set(of).size === of.length, `${place} has two votes of one person`);
    }
    const unfinished = await sql<{ id: string }>`
      select x.id from assignment x join study t on t.id = x.study_id where x.state = 'done'
        and (select count(*) from slot c where c.seat_id = x.seat_id) <> ${await this.#criteria()}`.execute(this.#db);
    demand(unfinished.rows.length === 0, `the assignment ${unfinished.rows[0]?.id} is done and is not`);
    const { corrected } = await recount(this.#db, this.#study);
    demand(corrected.length === 0, `${corrected.join(', ')} disagreed with the votes`);
  }

  /** New people come until nothing is left: then every place has its k. @throws Error when a seat was lost on the way */
  async finish(token: string): Promise<void> {
    await this.take('expiry');
    for (let i = 0; i < 2 * this.#k + this.#people.length + 2; i++) {
      const annotator = await joinStudy(this.#db, { token, participant: `late-${i}` }, this.#now);
      const person: Person = { annotator, shown: undefined, earlier: [], lastVote: undefined };
      for (;;) {
        await this.#act(person, 'next');
        if (person.shown === undefined) break;
        while (person.shown.criteria.length > 0) {
          this.#now += 1;
          await this.#act(person, 'vote');
        }
      }
      await this.take('expiry');
    }
    await this.check();
    const { rows } = await sql<{ open: number }>`select count(*) as open from seat where state <> 'done'`.execute(
      this.#db,
    );
    if (Number(rows[0]!.open) > 0) throw new Error(`${rows[0]!.open} seats were never finished`);
  }

  async #criteria(): Promise<number> {
    const { criteria } = await this.#db.selectFrom('study').select('criteria').executeTakeFirstOrThrow();
    return (JSON.parse(criteria) as string[]).length;
  }

  /** What decides how it goes on, without ids and times of day: two states with one signature behave alike. */
  async signature(): Promise<string> {
    const { rows } = await sql<Record<string, unknown>>`
      select n.participant, s.id as seat, x.state, x.voted, x.reopened_at is not null as reopened, x.id,
             x.expires_at < ${this.#now} as over,
             x.expires_at < ${this.#now + times.leaseMs / 2} as short,
             (select group_concat(c.criterion || (v.assignment_id = x.id)) from slot c join vote v on v.id = c.vote_id
              where c.seat_id = s.id) as slots
      from assignment x join annotator n on n.id = x.annotator_id join seat s on s.id = x.seat_id
      order by n.participant, s.id, x.created_at`.execute(this.#db);
    const place = new Map(rows.map(({ id, participant, seat }) => [id, `${String(participant)}@${String(seat)}`]));
    // Expired without a vote, and shown to nobody any more, it is as if it had never been.
    const shownIds = new Set(this.#people.flatMap(({ shown, earlier }) => [shown?.id, earlier.at(-1)?.id]));
    const kept = rows
      .filter(({ id, state, voted }) => state !== 'expired' || voted === 1 || shownIds.has(String(id)))
      .map(({ participant, seat, state, voted, reopened, over, short, slots }) =>
        [participant, seat, state, voted, state === 'leased' ? [reopened, over, short] : [], slots].join(),
      );
    const free = await sql<{ slots: string }>`
      select s.id || group_concat(c.criterion) as slots from seat s join slot c on c.seat_id = s.id
      where s.state = 'free' group by s.id order by s.id`.execute(this.#db);
    const people = this.#people.map(({ shown, earlier, lastVote }) =>
      [
        shown === undefined ? '-' : `${place.get(shown.id)}:${shown.criteria.join()}`,
        earlier.length === 0 ? '-' : `${place.get(earlier.at(-1)!.id)}:${earlier.at(-1)!.criteria.join()}`,
        lastVote === undefined ? '-' : `${place.get(lastVote.input.assignmentId)} ${lastVote.counted}`,
      ].join('/'),
    );
    return JSON.stringify([kept, free.rows.map(({ slots }) => slots), people]);
  }
}
