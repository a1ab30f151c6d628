/** @file A study's votes as one value, and the report that follows from it: with and without whoever is left out. */
import type { AnnotatorReport, AnyReport, ManyModelsReport, Report } from '../../contract/report.ts';
import { planReport, type StudyPlan } from './plan.ts';
import { reportOf, type PairingInput } from './ratings.ts';
import { columnNames, columnsOf, type Columns, type VoteTable } from './vote-table.ts';

export interface StudyVotes {
  study: string;
  simulated: boolean;
  /** Everybody's votes. */
  pairings: readonly PairingInput[];
  /** Why somebody's votes are left out, by their id. */
  excluded: ReadonlyMap<string, string>;
}

/** Of two models a report; of more, one for each pairing and all on one scale. */
export function reportOfVotes({ excluded, ...votes }: StudyVotes): AnyReport {
  const all = reportOf(votes);
  if (excluded.size === 0) return all;
  const report = reportOf(votesCounted({ ...votes, excluded }));
  const leftOut = all.annotators
    .filter(({ id }) => excluded.has(id))
    .map((person) => ({ ...person, excluded: true, excludedBecause: excluded.get(person.id)! }));
  const annotators = [...report.annotators, ...leftOut].sort((x, y) => (x.id < y.id ? -1 : 1));
  const left = { annotators: excluded.size, votes: leftOut.reduce((sum, person) => sum + person.votes, 0) };
  if ('pairings' in report) {
    const pairings = (all as ManyModelsReport).pairings.map(({ modelA, modelB, criteria }) => ({
      modelA,
      modelB,
      criteria,
    }));
    return { ...report, annotators, withExcluded: { ...left, pairings } };
  }
  return { ...report, annotators, withExcluded: { ...left, criteria: (all as Report).criteria } };
}

/** What a report tells and votes do not: what was on screen and how the evidence grew, by pairing, and how people did on checks, by their id. */
export interface Beside {
  display: Report['display'][];
  evidence: Report['evidenceOverTime'][];
  checks: Record<string, Pick<AnnotatorReport, 'gold' | 'repeats'>> | null;
  plan: StudyPlan | null;
}

/** The report with what votes alone do not tell. */
export function withBeside(report: AnyReport, { display, evidence, checks, plan }: Beside): AnyReport {
  const shown = (pairing: number) => ({
    ...(display[pairing] == null ? {} : { display: display[pairing] }),
    ...(evidence[pairing] == null ? {} : { evidenceOverTime: evidence[pairing] }),
  });
  const planned = plan === null ? {} : { plan: planReport(report, plan) };
  const made: AnyReport =
    'pairings' in report
      ? { ...report, ...planned, pairings: report.pairings.map((each, i) => ({ ...each, ...shown(i) })) }
      : { ...report, ...planned, ...shown(0) };
  if (checks === null) return made;
  const annotators = made.annotators.map((person) => ({
    ...person,
    ...(checks[person.id] ?? { gold: null, repeats: null }),
  }));
  return { ...made, annotators };
}

/** Without the votes of whoever is left out. */
export function votesCounted(votes: StudyVotes): StudyVotes {
  if (votes.excluded.size === 0) return votes;
  const pairings = votes.pairings.map((pairing) => ({
    ...pairing,
    votes: votesBy(pairing.votes, (annotator) => !votes.excluded.has(annotator)),
  }));
  return { ...votes, pairings };
}

/** The table without other people's votes; every item stays. */
function votesBy(table: VoteTable, isCounted: (annotator: string) => boolean): VoteTable {
  const counts = table.annotators.map(isCounted);
  const isKept = (_: number, i: number) => i < table.count && counts[table.annotator[i]!]!;
  const { bothBad } = table;
  const places = new Map<number, number>();
  if (bothBad !== undefined) for (let i = 0; i < table.count; i++) if (isKept(0, i)) places.set(i, places.size);
  const columns = Object.fromEntries(
    columnNames.map((name) => [name, table[name].filter(isKept)]),
  ) as unknown as Columns;
  return {
    ...table,
    ...columns,
    count: columns.item.length,
    ...(bothBad === undefined ? {} : { bothBad: bothBad.flatMap((i) => places.get(i) ?? []) }),
  };
}

/** As JSON has it: columns as arrays, a time that is not known null. */
export interface WrittenVotes extends Omit<StudyVotes, 'pairings' | 'excluded'> {
  pairings: (Omit<PairingInput, 'votes'> & { votes: WrittenTable })[];
  excluded: Record<string, string>;
}
type WrittenTable = Omit<VoteTable, keyof Columns> & Record<keyof Columns, (number | null)[]>;

/** @param nameOf what stands for an annotator's id */
export function writtenVotes(
  { pairings, excluded, ...about }: StudyVotes,
  nameOf: (id: string) => string,
): WrittenVotes {
  // In this order, so that who voted has the first names.
  const written = pairings.map(({ votes, ...pairing }) => {
    const values = (column: Columns[keyof Columns]) =>
      Array.from(column.subarray(0, votes.count), (value: number) => (Number.isNaN(value) ? null : value));
    const columns = Object.fromEntries(columnNames.map((name) => [name, values(votes[name])]));
    return {
      ...pairing,
      votes: { ...votes, annotators: votes.annotators.map(nameOf), ...(columns as Record<keyof Columns, number[]>) },
    };
  });
  const reasons = [...excluded].map(([id, reason]) => [nameOf(id), reason]);
  return { ...about, excluded: Object.fromEntries(reasons) as Record<string, string>, pairings: written };
}

export function readVotes({ pairings, excluded, ...about }: WrittenVotes): StudyVotes {
  return {
    ...about,
    excluded: new Map(Object.entries(excluded)),
    pairings: pairings.map(({ votes, ...pairing }) => {
      const columns = columnsOf(votes.count);
      for (const name of columnNames) columns[name].set(votes[name].map((value) => value ?? NaN));
      return { ...pairing, votes: { ...votes, ...columns } };
    }),
  };
}
