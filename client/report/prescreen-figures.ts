/**
 * @file The figures of a prescreen: curves of median reward and win rate against training time where there are checkpoints
 * (Gambashidze et al. 2025, fig. 4), intervals of the win rates elsewhere.
 */
import type { CandidateResult, PrescreenResult, RewardResult } from '../../contract/prescreen.ts';
import { pointOf, type CurvePoint, type Figure } from './figures.ts';
import { percent, score } from './words.ts';

/** In the order of the rewards. */
export function prescreenFigures({ rewards, baseline }: PrescreenResult): Figure[] {
  return rewards.flatMap((reward, i) => {
    const scored = reward.candidates.filter(({ winRate }) => winRate.value !== null);
    const series = scored.filter(({ checkpoint }) => checkpoint !== null);
    const single = scored.filter(({ checkpoint }) => checkpoint === null);
    return [
      ...(series.length > 0 ? [curvesFigure(`curves-${i + 1}`, reward, series, baseline)] : []),
      ...(single.length > 0 ? [winRatesFigure(`win-rates-${i + 1}`, reward, single, baseline)] : []),
    ];
  });
}

function winRatesFigure(
  name: string,
  { reward, kind }: RewardResult,
  rows: readonly CandidateResult[],
  baseline: string,
): Figure {
  return {
    kind: 'intervals',
    name,
    title: `Win rate over ${baseline} by ${reward}`,
    caption: `Share of prompts on which ${named(reward, kind)} scores the candidate’s image above ${baseline}’s, ties ½, with its 95 % interval over prompts.`,
    labels: rows.map(({ model }) => model),
    panels: [{ title: '', points: rows.map(({ winRate }) => pointOf(winRate, true)) }],
    domain: [0, 100],
    reference: 50,
    axis: `win rate over ${baseline}, %`,
    table: tableOf(rows),
  };
}

function curvesFigure(
  name: string,
  { reward, kind, best }: RewardResult,
  rows: readonly CandidateResult[],
  baseline: string,
): Figure {
  const isTimed = rows.every(({ checkpoint }) => checkpoint!.deviceSeconds !== null);
  const amount = ({ checkpoint }: CandidateResult) => (isTimed ? checkpoint!.deviceSeconds! : checkpoint!.step);
  const [unit, per] = isTimed ? timeUnit(Math.max(...rows.map(amount))) : ['step', 1];
  const runs = [...new Set(rows.map(({ checkpoint }) => checkpoint!.run))];
  const curvesOf = (pointOfRow: (row: CandidateResult) => Omit<CurvePoint, 'x' | 'model'> | undefined) =>
    runs.map((run) =>
      rows
        .filter(({ checkpoint }) => checkpoint!.run === run)
        .flatMap((row) => {
          const point = pointOfRow(row);
          return point === undefined ? [] : [{ ...point, x: amount(row) / per, model: row.model }];
        })
        .sort((a, b) => a.x - b.x),
    );
  const ringed = rows.find(({ model }) => model === best?.model)?.model ?? null;
  const level = rows[0]!.baselineMedian.value;
  const asPercent = (share: number | null) => (share === null ? null : 100 * share);
  return {
    kind: 'curves',
    name,
    title: `${reward} while training, against ${baseline}`,
    caption: `Median of ${named(reward, kind)} and win rate over ${baseline} at each checkpoint, with their 95 % intervals over prompts.${ringed === null ? '' : ' Ringed: the highest median.'}`,
    runs,
    unit,
    best: ringed,
    panels: [
      ...(level === null
        ? []
        : [
            {
              label: `median ${reward}`,
              reference: { value: level, name: baseline },
              curves: curvesOf(({ model, median: { value, low, high } }) =>
                value === null ? undefined : { value, low, high, says: `${model}: ${score(value)}` },
              ),
            },
          ]),
      {
        label: `win rate over ${baseline}, %`,
        reference: { value: 50, name: '50 %' },
        curves: curvesOf(({ model, winRate: { value, low, high } }) =>
          value === null
            ? undefined
            : {
                value: 100 * value,
                low: asPercent(low),
                high: asPercent(high),
                says: `${model}: ${percent(value)}`,
              },
        ),
      },
    ],
    table: tableOf(rows),
  };
}

const named = (reward: string, kind: string) => (reward === kind ? reward : `${reward} (${kind})`);

/** Which leaves readable numbers. */
function timeUnit(longest: number): [unit: string, seconds: number] {
  if (longest > 7200) return ['device hours', 3600];
  if (longest > 300) return ['device minutes', 60];
  return ['device seconds', 1];
}

function tableOf(rows: readonly CandidateResult[]): Figure['table'] {
  return {
    columns: [
      ...['model', 'run', 'step', 'device seconds'],
      ...['win rate', 'low', 'high', 'n'],
      ...['median', 'median low', 'median high'],
    ],
    rows: rows.map(({ model, checkpoint, winRate, median }) => [
      ...[model, checkpoint?.run ?? '', checkpoint?.step ?? '', checkpoint?.deviceSeconds ?? ''],
      ...[winRate.value ?? '', winRate.low ?? '', winRate.high ?? '', winRate.n],
      ...[median.value ?? '', median.low ?? '', median.high ?? ''],
    ]),
  };
}
