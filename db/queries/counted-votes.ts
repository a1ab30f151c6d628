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

interface Kept {
  /** Of each annotator, `vote_changes` before their votes were read. */
  changes: Map<string, number>;
  names: Map<string, string>;
  votes: readonly KeptVote[];
  /** What was answered last; the same array while nothing changes. */
  named: readonly CountedVote[];
}

/** Of each connection, by study and population; the one that was asked for last is at the end. */
const keptOf = new WeakMap<Database, Map<string, Kept>>();

/** Votes kept for each connection: some 200 bytes each. The study that was just read is kept whatever its size. */
const most = 500_000;

/** From this share of the annotators on, everything is read in one go. */
const manyChanged = 1 / 4;

/** Of PostgreSQL's parameters a query can have 65,535, of SQLite's 32,766. */
const mostIds = 5000;

/**
 * Every vote that counts, by pair, criterion and seat: an order that depends on the study alone. Whoever gets it shares it with others.
 * @param db a transaction reads everything
 */
export async function countedVotes(
  db: Database,
  studyId: string,
  population: Population,
): Promise<readonly CountedVote[]> {
  const people = await db
    .selectFrom('annotator')
    .select(['id', 'participant', 'vote_changes as changes'])
    .where('study_id', '=', studyId)
    .where('population', '=', population)
    .execute();
  const changes = new Map(people.map((person) => [person.id, person.changes]));
  const names = new Map(people.map(({ id, participant }) => [id, participant]));
  const kept = db.isTransaction ? undefined : studiesOf(db).get(`${studyId} ${population}`);
  const votes = await upToDate(db, { studyId, population, changes, kept });
  if (kept !== undefined && votes === kept.votes && sameEntries(names, kept.names)) {
    keep(db, `${studyId} ${population}`, { ...kept, changes });
    return kept.named;
  }
  const named = votes.map((vote) => withName(vote, names.get(vote.annotatorId)!));
  if (!db.isTransaction) keep(db, `${studyId} ${population}`, { changes, names, votes, named });
  return named;
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

/** @returns what is kept, the same array, when nobody's votes have changed */
async function upToDate(
  db: Database,
  {
    studyId,
    population,
    changes,
    kept,
  }: { studyId: string; population: Population; changes: ReadonlyMap<string, number>; kept: Kept | undefined },
): Promise<readonly KeptVote[]> {
  const changed = [...changes].flatMap(([id, now]) => (now === (kept?.changes.get(id) ?? 0) ? [] : [id]));
  if (kept !== undefined && changed.length === 0) return kept.votes;
  if (kept === undefined || changed.length > Math.min(mostIds, Math.max(1, manyChanged * changes.size)))
    return (await allVotes(db, studyId, population)).sort(inOrder);
  const gone = new Set(changed);
  const others = kept.votes.filter(({ annotatorId }) => !gone.has(annotatorId));
  return merged(others, (await votesOf(db, changed, population)).sort(inOrder));
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
    if (total <= most || oldest === key) return;
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

function sameEntries(x: ReadonlyMap<string, string>, y: ReadonlyMap<string, string>): boolean {
  return x.size === y.size && [...x].every(([key, value]) => y.get(key) === value);
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

function allVotes(db: Database, studyId: string, population: Population): Promise<KeptVote[]> {
  return db
    .selectFrom('seat as t')
    .innerJoin('slot as s', 's.seat_id', 't.id')
    .innerJoin('vote as v', 'v.id', 's.vote_id')
    .innerJoin('assignment as x', 'x.id', 'v.assignment_id')
    .innerJoin('pair as p', 'p.id', 't.pair_id')
    .select(columns)
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
