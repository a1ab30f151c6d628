/** @file The figures of a report, by name: what each shows, and its numbers as a table. */
import type { AnyReport, ManyModelsReport, Report, Slice } from '../../contract/report.ts';
import { nameOfCriterion } from '../../contract/criteria.ts';
import { percent, pValue, range } from './words.ts';

export interface IntervalPoint {
  /** In the axis's units. */
  value: number | null;
  low: number | null;
  high: number | null;
  /** Beside it, where there is room. */
  says: string;
  isMarked: boolean;
  /** Of so few that its interval says little. */
  isFaint: boolean;
}

export interface IntervalPanel {
  title: string;
  points: IntervalPoint[];
}

export interface OutcomeRow {
  label: string;
  wins: number;
  neither: number;
  losses: number;
}

/** A group of pairs. */
export interface DifferencePoint {
  /** Mean difference of the scores. */
  difference: number;
  /** Win rate and its interval, %. */
  value: number;
  low: number;
  high: number;
}

/** A criterion's e-value after each pair. */
export interface EvidenceLine {
  label: string;
  points: { pairs: number; eValue: number }[];
}

/** A checkpoint. */
export interface CurvePoint {
  /** In the axis's unit. */
  x: number;
  value: number;
  low: number | null;
  high: number | null;
  says: string;
  model: string;
}

export interface CurvePanel {
  label: string;
  /** What the curves are compared with. */
  reference: { value: number; name: string };
  /** [run][checkpoint], in order of x. */
  curves: CurvePoint[][];
}

interface Common {
  name: string;
  title: string;
  caption: string;
  table: { columns: string[]; rows: (string | number)[][] };
}

export type Figure = Common &
  (
    | {
        kind: 'intervals';
        labels: string[];
        panels: IntervalPanel[];
        domain: [number, number];
        reference: number;
        axis: string;
        legend?: { filled: string; hollow: string };
      }
    | { kind: 'outcomes'; modelA: string; modelB: string; rows: OutcomeRow[] }
    | { kind: 'evidence'; lines: EvidenceLine[]; needed: number }
    | { kind: 'difference'; points: DifferencePoint[]; axis: string; side: string }
    | { kind: 'curves'; runs: string[]; panels: CurvePanel[]; unit: string; best: string | null }
    | { kind: 'matrix'; models: string[]; winRates: (number | null)[][] }
  );

/** Of a figure's file, by its name and its ending. */
export type FileAddress = (figure: string, ending: string) => string;

/** Two models' part of a report. */
export type Pairing = Pick<
  Report,
  'modelA' | 'modelB' | 'criteria' | 'comparisons' | 'rewards' | 'display' | 'evidenceOverTime'
>;

/** Fewer pairs than this say little of a slice. */
export const fewPairs = 10;

/** In the order in which a report shows them. */
export function figuresOf(report: AnyReport): Figure[] {
  if (!('pairings' in report)) return figuresOfTwo(report);
  return [
    ratingsFigure(report),
    ...report.matrix.map((matrix) => matrixFigure(report, matrix)),
    ...report.pairings.flatMap((pairing, i) => figuresOfTwo(pairing, `-${i + 1}`)),
  ];
}

/** @param suffix of their names, where a report has several pairings */
export function figuresOfTwo(pairing: Pairing, suffix = ''): Figure[] {
  const { modelA, modelB, criteria, rewards, evidenceOverTime } = pairing;
  const decided = criteria.filter((row) => row.decided > 0);
  if (decided.length === 0) return [];
  const figures: Figure[] = [
    {
      kind: 'outcomes',
      name: `outcomes${suffix}`,
      title: `Pairs won by ${modelA} and by ${modelB}`,
      caption: `Share of pairs that the majority gives to ${modelA}, to nobody and to ${modelB}.`,
      modelA,
      modelB,
      rows: decided.map((row) => ({
        label: nameOfCriterion(row.criterion),
        wins: row.wins,
        neither: row.ties + row.split,
        losses: row.losses,
      })),
      table: {
        columns: ['criterion', 'won', 'tied', 'split', 'lost', 'n'],
        rows: decided.map((row) => [row.criterion, row.wins, row.ties, row.split, row.losses, row.decided]),
      },
    },
    {
      kind: 'intervals',
      name: `win-rates${suffix}`,
      title: `Majority win rate of ${modelA} against ${modelB}`,
      caption: `Majority win rate of ${modelA} against ${modelB}, ties ½, with Tango’s 95 % interval over pairs.`,
      labels: decided.map(({ criterion }) => nameOfCriterion(criterion)),
      panels: [{ title: '', points: decided.map(({ winRate }) => pointOf(winRate, true)) }],
      domain: [0, 100],
      reference: 50,
      axis: `win rate of ${modelA}, %`,
      table: {
        columns: ['criterion', 'win rate', 'low', 'high', 'n', 'p (score)', 'p (sign)'],
        rows: decided.map(({ criterion, winRate, signTest }) => [
          criterion,
          winRate.value ?? '',
          winRate.low ?? '',
          winRate.high ?? '',
          winRate.n,
          signTest.pScore ?? '',
          signTest.p ?? '',
        ]),
      },
    },
  ];
  for (const [name, key, what] of [
    ['categories', 'byCategory', 'category'],
    ['challenges', 'byChallenge', 'challenge'],
  ] as const) {
    const slices = decided.map((row) => row[key]);
    if (slices.some((of) => of.length > 0))
      figures.push(
        slicesFigure(
          `${name}${suffix}`,
          what,
          `${modelA} against ${modelB}`,
          decided.map(({ criterion }) => criterion),
          slices,
        ),
      );
  }
  const judged = rewards.filter(({ agreementWithPeople }) => agreementWithPeople.value !== null);
  if (judged.length > 0)
    figures.push({
      kind: 'intervals',
      name: `rewards${suffix}`,
      title: `How often each reward names the image that people prefer, ${modelA} against ${modelB}`,
      caption: 'Agreement of each reward with people’s majorities, a tie ½, with its 95 % interval over pairs.',
      labels: judged.map(({ reward }) => reward),
      panels: [{ title: '', points: judged.map(({ agreementWithPeople }) => pointOf(agreementWithPeople, true)) }],
      domain: [0, 100],
      reference: 50,
      axis: 'agreement with people, %',
      table: {
        columns: ['reward', 'agreement', 'low', 'high', 'n'],
        rows: judged.map(({ reward, agreementWithPeople: { value, low, high, n } }) => [
          reward,
          value ?? '',
          low ?? '',
          high ?? '',
          n,
        ]),
      },
    });
  if (evidenceOverTime !== undefined)
    figures.push({
      kind: 'evidence',
      name: `evidence${suffix}`,
      title: `How the evidence grew, ${modelA} against ${modelB}`,
      caption:
        'The e-value after each pair, in the order in which pairs were decided. Whoever looked while the study ran may claim a difference at 5 % where it has reached 20.',
      lines: evidenceOverTime.map(({ criterion, points }) => ({ label: nameOfCriterion(criterion), points })),
      needed: 20,
      table: {
        columns: ['criterion', 'pairs', 'e-value'],
        rows: evidenceOverTime.flatMap(({ criterion, points }) =>
          points.map((point) => [criterion, point.pairs, point.eValue]),
        ),
      },
    });
  rewards.forEach(({ reward, byCriterion }, i) => {
    const main = byCriterion.find(({ criterion }) => criterion === 'general') ?? byCriterion[0];
    if (main === undefined || main.byDifference.length < 2) return;
    figures.push({
      kind: 'difference',
      name: `reward-${i + 1}${suffix}`,
      title: `${reward} against people, ${modelA} against ${modelB}`,
      caption: `How often people prefer ${modelA} (${nameOfCriterion(main.criterion)}, 95 %), by how much more ${reward} gives its image: groups of equally many pairs.`,
      points: main.byDifference.map(({ difference, winRate }) => ({
        difference,
        value: 100 * winRate.value!,
        low: 100 * winRate.low!,
        high: 100 * winRate.high!,
      })),
      axis: `${reward} of ${modelA} less that of ${modelB}`,
      side: `win rate of ${modelA}, %`,
      table: {
        columns: ['difference', 'win rate', 'low', 'high', 'n'],
        rows: main.byDifference.map(({ difference, winRate: { value, low, high, n } }) => [
          difference,
          value ?? '',
          low ?? '',
          high ?? '',
          n,
        ]),
      },
    });
  });
  return figures;
}

/** A share with its interval, in %. */
export function pointOf(
  { value, low, high, n }: { value: number | null; low: number | null; high: number | null; n: number },
  isMarked: boolean,
): IntervalPoint {
  const percentOf = (share: number | null) => (share === null ? null : 100 * share);
  return {
    value: percentOf(value),
    low: percentOf(low),
    high: percentOf(high),
    says: value === null ? '–' : `${(100 * value).toFixed(1)} (${range({ low, high }).replaceAll(' ', '')}), n = ${n}`,
    isMarked,
    isFaint: n < fewPairs,
  };
}

/** @param slices [criterion] */
function slicesFigure(
  name: string,
  what: string,
  both: string,
  criteria: readonly string[],
  slices: readonly (readonly Slice[])[],
): Figure {
  const labels = [...new Set(slices.flatMap((of) => of.map((slice) => slice.name)))].sort();
  const isDifferent = (slice: Slice) => slice.pScoreHolm !== null && slice.pScoreHolm < 0.05;
  return {
    kind: 'intervals',
    name,
    title: `Win rate of ${both} by ${what}`,
    caption: `Win rate of ${both} by ${what} with its 95 % interval. Filled: different from 50 % after Holm’s correction over the ${labels.length} of a criterion. Pale: fewer than ${fewPairs} pairs.`,
    labels,
    panels: slices.map((of, i) => ({
      title: nameOfCriterion(criteria[i]!),
      points: labels.map((label) => {
        const slice = of.find((each) => each.name === label);
        if (slice === undefined) return pointOf({ value: null, low: null, high: null, n: 0 }, false);
        return pointOf(slice.winRate, isDifferent(slice));
      }),
    })),
    domain: [0, 100],
    reference: 50,
    axis: `win rate of ${both}, %`,
    legend: { filled: 'differs from 50 % (Holm)', hollow: 'does not' },
    table: {
      columns: ['criterion', what, 'win rate', 'low', 'high', 'n', 'p (score)', 'p (score, Holm)'],
      rows: slices.flatMap((of, i) =>
        of.map(({ name: slice, winRate, pScore, pScoreHolm }) => [
          criteria[i]!,
          slice,
          winRate.value ?? '',
          winRate.low ?? '',
          winRate.high ?? '',
          winRate.n,
          pScore ?? '',
          pScoreHolm ?? '',
        ]),
      ),
    },
  };
}

function ratingsFigure({ models, ratings }: ManyModelsReport): Figure {
  const criteria = [...new Set(ratings.map(({ criterion }) => criterion))];
  const reach = Math.max(0.5, ...ratings.flatMap(({ low, high }) => [Math.abs(low ?? 0), Math.abs(high ?? 0)]));
  return {
    kind: 'intervals',
    name: 'ratings',
    title: 'Strength of the models',
    caption:
      'Log strength (Bradley–Terry, the models’ mean 0) with its 95 % interval; votes on one prompt are taken together.',
    labels: [...models],
    panels: criteria.map((criterion) => ({
      title: nameOfCriterion(criterion),
      points: models.map((model) => {
        const { rating, low, high } = ratings.find((row) => row.criterion === criterion && row.model === model)!;
        const interval = low === null || high === null ? '' : ` (${low.toFixed(2)} … ${high.toFixed(2)})`;
        const says = rating === null ? '–' : `${rating.toFixed(2)}${interval}`;
        return { value: rating, low, high, says, isMarked: true, isFaint: false };
      }),
    })),
    domain: [-reach * 1.05, reach * 1.05],
    reference: 0,
    axis: 'log strength',
    table: {
      columns: ['criterion', 'model', 'rating', 'low', 'high'],
      rows: ratings.map(({ criterion, model, rating, low, high }) => [
        criterion,
        model,
        rating ?? '',
        low ?? '',
        high ?? '',
      ]),
    },
  };
}

function matrixFigure(
  { models }: ManyModelsReport,
  { criterion, winRates }: ManyModelsReport['matrix'][number],
): Figure {
  return {
    kind: 'matrix',
    name: `matrix-${criterion}`,
    title: `${nameOfCriterion(criterion)}: who wins against whom`,
    caption: `${nameOfCriterion(criterion)}: majority win rate of the row’s model against the column’s, %.`,
    models: [...models],
    winRates,
    table: {
      columns: ['model', ...models],
      rows: winRates.map((row, i) => [models[i]!, ...row.map((value) => value ?? '')]),
    },
  };
}

/** What may be said of a criterion, in words. */
export function verdictOf({ modelA, modelB }: Pairing, row: Pairing['criteria'][number]): string {
  const { winRate, signTest, breakdown } = row;
  if (winRate.value === null || signTest.pScore === null) return 'Nothing is decided yet.';
  const p = `p ${signTest.pScore < 0.001 ? '' : '= '}${pValue(signTest.pScore)}`;
  const firm =
    breakdown.votes === null ? '' : ` ${breakdown.votes} of ${breakdown.of} votes, changed, would turn this.`;
  if (breakdown.verdict === 'none') return `No difference is shown (${p}).${firm}`;
  const [winner, loser, share] =
    breakdown.verdict === 'a' ? [modelA, modelB, winRate.value] : [modelB, modelA, 1 - winRate.value];
  return `${winner} wins ${percent(share)} against ${loser} (${p}).${firm}`;
}
