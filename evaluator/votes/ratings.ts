/**
 * @file Three and more models: every pair's report, ratings on one scale, the win rates as a matrix, and who beats whom in a circle.
 */
import { bradleyTerry, type Battle } from '../statistics/bradley-terry.ts';
import type { AnnotatorReport, AnyReport, ManyModelsReport, Report } from '../../contract/report.ts';
import { modelsOf } from './models.ts';
import { buildReport, type ReportInput } from './report.ts';
import { outcomes, sides } from './vote-table.ts';

export type PairingInput = Omit<ReportInput, 'study' | 'simulated' | 'seed'>;

export interface ManyModelsInput {
  study: string;
  simulated: boolean;
  pairings: readonly PairingInput[];
  /** Of the bootstraps. */
  seed?: number;
}

/** Of a rating's interval. */
const z = 1.959963984540054;

/** Of two models a report; of more, one for each pairing and all on one scale. */
export function reportOf({ pairings, ...about }: ManyModelsInput): AnyReport {
  const [first] = pairings;
  return pairings.length === 1 ? buildReport({ ...about, ...first! }) : buildManyModelsReport({ ...about, pairings });
}

export function buildManyModelsReport({ study, simulated, pairings, seed = 0 }: ManyModelsInput): ManyModelsReport {
  const models = modelsOf(pairings);
  const reports = pairings.map((pairing) => buildReport({ study, simulated, seed, ...pairing }));
  const criteria = [...new Set(reports.flatMap((report) => report.criteria.map(({ criterion }) => criterion)))];
  const matrix = criteria.map((criterion) => ({ criterion, winRates: matrixOf(models, reports, criterion) }));
  return {
    study,
    models,
    simulated,
    votesPerPair: Math.max(...reports.map(({ votesPerPair }) => votesPerPair)),
    pairings: reports.map(({ modelA, modelB, criteria, comparisons, rewards }) => ({
      modelA,
      modelB,
      criteria,
      comparisons,
      rewards,
    })),
    ratings: criteria.flatMap((criterion) => ratingsOf(models, pairings, criterion)),
    matrix,
    cycles: matrix.flatMap(({ criterion, winRates }) =>
      cyclesOf(models, winRates).map((three) => ({ criterion, models: three })),
    ),
    annotators: together(reports),
    ...(pairings.some(({ votes }) => votes.items.some(({ drawWeight }) => drawWeight !== undefined))
      ? { drawn: true }
      : {}),
  };
}

/**
 * Bradley–Terry on the votes, those of pairs that were drawn by earlier votes weighted by the inverse of their chance, with Davidson's ties where there are ties and a side's term where every vote has a side; errors from
 * the sandwich, votes on one prompt together.
 */
function ratingsOf(
  models: readonly string[],
  pairings: readonly PairingInput[],
  criterion: string,
): ManyModelsReport['ratings'] {
  const battles: Battle[] = [];
  // Models, prompts and battles in an order of their own: that of the votes must not matter, not even to the last digit.
  const ranked = [...models].sort();
  const ids = [...new Set(pairings.flatMap(({ votes }) => votes.items.map(({ id }) => id)))].sort();
  const prompts = new Map(ids.map((id, i) => [id, i]));
  let sided = true;
  let ties = false;
  for (const { modelA, modelB, votes } of pairings) {
    const index = votes.criteria.indexOf(criterion);
    const [a, b] = [ranked.indexOf(modelA), ranked.indexOf(modelB)];
    for (let i = 0; i < votes.count; i++) {
      if (votes.criterion[i] !== index) continue;
      const { id, drawWeight } = votes.items[votes.item[i]!]!;
      const side = votes.sideOfA[i];
      sided &&= side !== sides.unknown;
      ties ||= votes.outcome[i] === outcomes.tie;
      const aIsLeft = side !== sides.right;
      const winner =
        votes.outcome[i] === outcomes.tie ? 'tie' : (votes.outcome[i] === outcomes.a) === aIsLeft ? 'left' : 'right';
      battles.push({
        left: aIsLeft ? a : b,
        right: aIsLeft ? b : a,
        winner,
        cluster: prompts.get(id)!,
        count: drawWeight ?? 1,
      });
    }
  }
  const kinds = { left: 0, right: 1, tie: 2 };
  const place = ({ cluster = 0, left, right, winner }: Battle) =>
    ((cluster * models.length + left) * models.length + right) * 3 + kinds[winner];
  battles.sort((x, y) => place(x) - place(y) || x.count! - y.count!);
  const named = (model: string, why: string) => ({ criterion, model, rating: null, low: null, high: null, why });
  if (battles.length === 0) return models.map((model) => named(model, 'no votes yet'));
  const options = { ties: ties ? 'davidson' : 'half', side: sided } as const;
  let fit;
  try {
    fit = bradleyTerry(models.length, battles, options);
  } catch (error) {
    return models.map((model) => named(model, (error as Error).message));
  }
  const { ratings, why = '' } = fit;
  return models.map((model) => {
    const rating = ratings?.[ranked.indexOf(model)];
    if (rating === undefined) return named(model, why);
    const reach = z * rating.robustError;
    return { criterion, model, rating: rating.value, low: rating.value - reach, high: rating.value + reach };
  });
}

/** [row][column]: how often the row's model wins against the column's; null where they were not compared. */
function matrixOf(models: readonly string[], reports: readonly Report[], criterion: string): (number | null)[][] {
  const out: (number | null)[][] = models.map(() => models.map(() => null));
  for (const { modelA, modelB, criteria } of reports) {
    const value = criteria.find((row) => row.criterion === criterion)?.winRate.value ?? null;
    if (value === null) continue;
    const [a, b] = [models.indexOf(modelA), models.indexOf(modelB)];
    out[a]![b] = value;
    out[b]![a] = 1 - value;
  }
  return out;
}

/** Each three of which the first beats the second, the second the third and the third the first, by the point estimates. */
function cyclesOf(
  models: readonly string[],
  winRates: readonly (readonly (number | null)[])[],
): [string, string, string][] {
  const beats = (x: number, y: number) => (winRates[x]![y] ?? 0) > 0.5;
  const out: [string, string, string][] = [];
  for (let x = 0; x < models.length; x++)
    for (let y = x + 1; y < models.length; y++)
      for (let w = x + 1; w < models.length; w++)
        if (y !== w && beats(x, y) && beats(y, w) && beats(w, x)) out.push([models[x]!, models[y]!, models[w]!]);
  return out;
}

/** One row a person over all pairs of models; medians are of the pair with most of their votes. */
function together(reports: readonly Report[]): AnnotatorReport[] {
  const people = new Map<string, { most: AnnotatorReport; votes: number; judged: number; agreed: number }>();
  for (const row of reports.flatMap(({ annotators }) => annotators)) {
    const known = people.get(row.id) ?? { most: row, votes: 0, judged: 0, agreed: 0 };
    if (row.votes > known.most.votes) known.most = row;
    known.votes += row.votes;
    if (row.agreementWithMajority !== null) {
      known.judged += row.votes;
      known.agreed += row.votes * row.agreementWithMajority;
    }
    people.set(row.id, known);
  }
  return [...people.values()]
    .map(({ most, votes, judged, agreed }) => ({
      ...most,
      votes,
      agreementWithMajority: judged === 0 ? null : agreed / judged,
    }))
    .sort((x, y) => (x.id < y.id ? -1 : 1));
}
