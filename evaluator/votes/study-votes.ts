/** @file A study's votes as one value, and the report that follows from it: with and without whoever is left out. */
import type { AnnotatorReport, ManyModelsReport, Report } from '../../contract/report.ts';
import { planReport, type StudyPlan } from './plan.ts';
import { buildManyModelsReport, type PairingInput } from './ratings.ts';
import { buildReport } from './report.ts';
import type { VoteTable } from './vote-table.ts';

export interface StudyVotes {
  study: string;
  simulated: boolean;
  /** Everybody's votes. */
  pairings: readonly PairingInput[];
  /** Why somebody's votes are left out, by their id. */
  excluded: ReadonlyMap<string, string>;
}

/** Of two models a report; of more, one for each pairing and all on one scale. */
export function reportOfVotes({ excluded, ...votes }: StudyVotes): Report | ManyModelsReport {
  if (excluded.size === 0) return reportOn(votes);
  const counted = votesCounted({ ...votes, excluded }).pairings;
  const report = reportOn({ ...votes, pairings: counted });
  const all = reportOn(votes);
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
export function withBeside(
  report: Report | ManyModelsReport,
  { display, evidence, checks, plan }: Beside,
): Report | ManyModelsReport {
  const shown = (pairing: number) => ({
    ...(display[pairing] == null ? {} : { display: display[pairing] }),
    ...(evidence[pairing] == null ? {} : { evidenceOverTime: evidence[pairing] }),
  });
  const planned = plan === null ? {} : { plan: planReport(report, plan) };
  const made: Report | ManyModelsReport =
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

function reportOn({ pairings, ...about }: Omit<StudyVotes, 'excluded'>): Report | ManyModelsReport {
  const [first] = pairings;
  if (pairings.length > 1) return buildManyModelsReport({ ...about, pairings });
  return buildReport({ ...about, ...first! });
}

/** The table without other people's votes; every item stays. */
function votesBy(table: VoteTable, isCounted: (annotator: string) => boolean): VoteTable {
  const counts = table.annotators.map(isCounted);
  const rows = Array.from({ length: table.count }, (_, i) => i).filter((i) => counts[table.annotator[i]!]);
  return {
    ...table,
    count: rows.length,
    item: Int32Array.from(rows, (i) => table.item[i]!),
    annotator: Int32Array.from(rows, (i) => table.annotator[i]!),
    criterion: Uint8Array.from(rows, (i) => table.criterion[i]!),
    outcome: Uint8Array.from(rows, (i) => table.outcome[i]!),
    sideOfA: Int8Array.from(rows, (i) => table.sideOfA[i]!),
    responseTimeMs: Float64Array.from(rows, (i) => table.responseTimeMs[i]!),
  };
}

/** As JSON has it: columns as arrays, a time that is not known null. */
export interface WrittenVotes extends Omit<StudyVotes, 'pairings' | 'excluded'> {
  pairings: (Omit<PairingInput, 'votes'> & { votes: WrittenTable })[];
  excluded: Record<string, string>;
}
type WrittenTable = Omit<VoteTable, ColumnName> & Record<ColumnName, (number | null)[]>;
type ColumnName = 'item' | 'annotator' | 'criterion' | 'outcome' | 'sideOfA' | 'responseTimeMs';

/** @param nameOf what stands for an annotator's id */
export function writtenVotes(
  { pairings, excluded, ...about }: StudyVotes,
  nameOf: (id: string) => string,
): WrittenVotes {
  return {
    ...about,
    excluded: Object.fromEntries([...excluded].map(([id, reason]) => [nameOf(id), reason])),
    pairings: pairings.map(({ votes, ...pairing }) => {
      const column = (name: ColumnName) =>
        Array.from(votes[name].subarray(0, votes.count), (value: number) => (Number.isNaN(value) ? null : value));
      return {
        ...pairing,
        votes: {
          ...votes,
          annotators: votes.annotators.map(nameOf),
          item: column('item'),
          annotator: column('annotator'),
          criterion: column('criterion'),
          outcome: column('outcome'),
          sideOfA: column('sideOfA'),
          responseTimeMs: column('responseTimeMs'),
        },
      };
    }),
  };
}

export function readVotes({ pairings, excluded, ...about }: WrittenVotes): StudyVotes {
  return {
    ...about,
    excluded: new Map(Object.entries(excluded)),
    pairings: pairings.map(({ votes, ...pairing }) => ({
      ...pairing,
      votes: {
        ...votes,
        item: Int32Array.from(votes.item as number[]),
        annotator: Int32Array.from(votes.annotator as number[]),
        criterion: Uint8Array.from(votes.criterion as number[]),
        outcome: Uint8Array.from(votes.outcome as number[]),
        sideOfA: Int8Array.from(votes.sideOfA as number[]),
        responseTimeMs: Float64Array.from(votes.responseTimeMs, (time) => time ?? NaN),
      },
    })),
  };
}
