/**
 * @file A study's votes that count, kept in memory between readings: of tens of thousands, those are read again whose annotators have
 * voted or taken back since. An annotator's `vote_changes` only grows and moves with every slot of theirs, in the same transaction;
 * so what is kept is what a reading from the start would find.
 */
import type { Database } from '../open.ts';
import type { Choice, Population, Side } from '../tables.ts';

export interface CountedVote {
  /** Position of the pair, and of its pairing. */
  pair: number;
  pairing: number;
  /** Of the seat, among the pair's. */
  seat: number;
  annotator: string;
  criterion: string;
  choice: Choice;
  /** 1: a tie because neither image will do. */
  bothBad: number;
  sideA: Side;
  responseTimeMs: number;
  /** JSON of the contract's Seen. */
  seen: string | null;
  createdAt: number;
}

/** A vote with the id of its annotator, whose name in the study may become a pseudonym. */
type KeptVote = Omit<CountedVote, 'annotator'> & { annotatorId: string };

/** Of annotators, by their id. */
type People = ReadonlyMap<string, { name: string; changes: number }>;

interface Kept {
  /** Of each annotator `vote_changes` as of these votes or earlier; none: 0. */
  changes: ReadonlyMap<string, number>;
  /** Of those who have votes. */
  names: ReadonlyMap<string, string>;
  votes: readonly KeptVote[];
  /** What was answered last; the same array while nothing changes. */
  named: readonly CountedVote[];
}

/** Of each connection, by study and population; the one that was asked for last is at the end. */
const keptOf = new WeakMap<Database, Map<string, Kept>>();

/** Votes kept for each connection, half a kilobyte each; the study that was just read is kept whatever its size. */
const most = 500_000;
/** What is kept with a study's votes (kept-results.ts) is bounded by this. */
export const mostStudies = 8;

/** From this share of the annotators on, everything is read in one go. */
const manyChanged = 1 / 4;

/** Of PostgreSQL's parameters a query can have 65,535, of SQLite's 32,766. */
const mostIds = 5000;

/** So often others voted while those were read who had; then everything is read. */
const tries = 3;

/**
 * Every vote that counts, by pair, criterion and seat: an order that depends on the study alone. As of one moment, while people vote
 * too. Whoever gets it shares it with others.
 * @param db a transaction reads everything
 */
export async function countedVotes(
  db: Database,
  studyId: string,
  population: Population,
): Promise<readonly CountedVote[]> {
  const key = `${studyId} ${population}`;
  const before = db.isTransaction ? undefined : studiesOf(db).get(key);
  const now =
    (before === undefined ? undefined : await renewed(db, { studyId, population }, before)) ??
    (await readWhole(db, { studyId, population }));
  if (!db.isTransaction) keep(db, key, now);
  return now.named;
}

interface Asked {
  studyId: string;
  population: Population;
}

/** What is kept with the votes of those read again who have voted since; undefined when all has to be read. */
async function renewed(db: Database, asked: Asked, kept: Kept): Promise<Kept | undefined> {
  for (let i = 0; i < tries; i++) {
    const people = await peopleOf(db, asked);
    const changed = [...people].flatMap(([id, { changes }]) => (changes === (kept.changes.get(id) ?? 0) ? [] : [id]));
    if (changed.length === 0) return named(kept.votes, people, changesOf(people), kept);
    if (changed.length > Math.min(mostIds, Math.max(1, manyChanged * people.size))) return undefined;
    const gone = new Set(changed);
    const fresh = (await votesOf(db, changed, asked.population)).sort(inOrder);
    // The others' votes are those of the same moment if they are the same a moment later.
    const later = await peopleOf(db, asked);
    const isWhole = [...later].every(([id, { changes }]) => gone.has(id) || changes === (kept.changes.get(id) ?? 0));
    if (!isWhole) continue;
    const others = kept.votes.filter(({ annotatorId }) => !gone.has(annotatorId));
    return named(merged(others, fresh), later, changesOf(people), kept);
  }
  return undefined;
}

/** In one statement: votes, and who had cast them and how often they had changed. */
async function readWhole(db: Database, asked: Asked): Promise<Kept> {
  const rows = await allVotes(db, asked);
  const people = new Map(rows.map(({ annotatorId, name, changes }) => [annotatorId, { name, changes }]));
  return named([...rows].sort(inOrder), people, changesOf(people));
}

const changesOf = (people: People) => new Map([...people].map(([id, { changes }]) => [id, changes]));

/** @param before whose array is given again where it says the same */
function named(votes: readonly KeptVote[], people: People, changes: ReadonlyMap<string, number>, before?: Kept): Kept {
  if (before?.votes === votes && [...before.names].every(([id, name]) => people.get(id)?.name === name))
    return { ...before, changes };
  const names = new Map(votes.map(({ annotatorId }) => [annotatorId, people.get(annotatorId)!.name]));
  return { votes, names, changes, named: votes.map((vote) => withName(vote, names.get(vote.annotatorId)!)) };
}

/** Written out: what a spread makes takes several times as long to read, and these are read in many loops. */
function withName(vote: KeptVote, annotator: string): CountedVote {
  return {
    pair: vote.pair,
    pairing: vote.pairing,
    seat: vote.seat,
    annotator,
    criterion: vote.criterion,
    choice: vote.choice,
    bothBad: vote.bothBad,
    sideA: vote.sideA,
    responseTimeMs: vote.responseTimeMs,
    seen: vote.seen,
    createdAt: vote.createdAt,
  };
}

function studiesOf(db: Database): Map<string, Kept> {
  let studies = keptOf.get(db);
  if (studies === undefined) {
    studies = new Map();
    keptOf.set(db, studies);
  }
  return studies;
}

function keep(db: Database, key: string, kept: Kept): void {
  const studies = studiesOf(db);
  studies.delete(key);
  studies.set(key, kept);
  let total = [...studies.values()].reduce((sum, { votes }) => sum + votes.length, 0);
  for (const [oldest, { votes }] of studies) {
    if (oldest === key || (total <= most && studies.size <= mostStudies)) return;
    studies.delete(oldest);
    total -= votes.length;
  }
}

function inOrder(x: KeptVote, y: KeptVote): number {
  if (x.pair !== y.pair) return x.pair - y.pair;
  if (x.criterion !== y.criterion) return x.criterion < y.criterion ? -1 : 1;
  return x.seat - y.seat;
}

/** Of two that are in order. */
function merged(x: readonly KeptVote[], y: readonly KeptVote[]): KeptVote[] {
  const all: KeptVote[] = [];
  let [i, j] = [0, 0];
  while (i < x.length && j < y.length) all.push(inOrder(x[i]!, y[j]!) <= 0 ? x[i++]! : y[j++]!);
  return all.concat(x.slice(i), y.slice(j));
}

async function peopleOf(db: Database, { studyId, population }: Asked): Promise<People> {
  const rows = await db
    .selectFrom('annotator')
    .select(['id', 'participant as name', 'vote_changes as changes'])
    .where('study_id', '=', studyId)
    .where('population', '=', population)
    .execute();
  return new Map(rows.map(({ id, name, changes }) => [id, { name, changes }]));
}

const columns = [
  'p.position as pair',
  'p.pairing',
  't.seat_index as seat',
  'v.annotator_id as annotatorId',
  'v.criterion',
  'v.choice',
  'v.both_bad as bothBad',
  'x.side_a as sideA',
  'v.response_time_ms as responseTimeMs',
  'v.seen',
  'v.created_at as createdAt',
] as const;

function allVotes(db: Database, { studyId, population }: Asked) {
  return db
    .selectFrom('seat as t')
    .innerJoin('slot as s', 's.seat_id', 't.id')
    .innerJoin('vote as v', 'v.id', 's.vote_id')
    .innerJoin('assignment as x', 'x.id', 'v.assignment_id')
    .innerJoin('pair as p', 'p.id', 't.pair_id')
    .innerJoin('annotator as n', 'n.id', 'v.annotator_id')
    .select(columns)
    .select(['n.participant as name', 'n.vote_changes as changes'])
    .where('t.study_id', '=', studyId)
    .where('t.population', '=', population)
    .where('t.position', '>=', 0)
    .execute();
}

/** Of these annotators. An assignment with a vote is one that was voted on: the index on people holds those alone. */
function votesOf(db: Database, annotatorIds: readonly string[], population: Population): Promise<KeptVote[]> {
  return db
    .selectFrom('assignment as x')
    .innerJoin('seat as t', 't.id', 'x.seat_id')
    .innerJoin('slot as s', 's.seat_id', 't.id')
    .innerJoin('vote as v', (join) => join.onRef('v.id', '=', 's.vote_id').onRef('v.assignment_id', '=', 'x.id'))
    .innerJoin('pair as p', 'p.id', 't.pair_id')
    .select(columns)
    .where('x.annotator_id', 'in', annotatorIds)
    .where((e) => e.or([e('x.state', '<>', 'expired'), e('x.voted', '=', 1)]))
    .where('t.population', '=', population)
    .where('t.position', '>=', 0)
    .execute();
}
