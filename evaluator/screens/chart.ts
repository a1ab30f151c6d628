/**
 * @file A result as one SVG: curves of median reward and win rate against training time where there are checkpoints
 * (Gambashidze et al. 2025, fig. 4), intervals of the win rates otherwise. Light and dark by the reader's setting; prints
 * black on white.
 */
import { scaleLinear, type ScaleLinear } from 'd3-scale';
import type { CandidateResult, RewardResult, PrescreenResult } from '../../contract/prescreen.ts';
import { circle, escape, interval, legend, line, polyline, text } from './svg-marks.ts';

const width = 860;
const rowHeight = 26;
const panelHeight = 240;
/** Okabe & Ito: told apart with every kind of colour vision. */
const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];
const style = `
text{font:12px system-ui,sans-serif;fill:#1c1c1c}.soft{fill:#5c5c5c}.title{font-weight:600;font-size:13px}
.axis{stroke:#9a9a9a}.grid{stroke:#e4e4e4}.half{stroke:#9a9a9a;stroke-dasharray:4 3}.page{fill:#fff}
@media (prefers-color-scheme:dark){text{fill:#ececec}.soft{fill:#a8a8a8}.axis{stroke:#777}.grid{stroke:#333}.half{stroke:#888}.page{fill:#16181b}}`;

export function resultChart(result: PrescreenResult): string {
  let y = 0;
  const parts: string[] = [];
  for (const reward of result.rewards) {
    const { body, height } = rewardPanel(reward, result.baseline);
    parts.push(`<g transform="translate(0 ${y})">${body}</g>`);
    y += height;
  }
  const title = `Pre-screening on ${result.promptSet} against ${result.baseline}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" width="${width}" height="${y}" role="img">`,
    `<title>${escape(title)}</title><style>${style}</style><rect class="page" width="${width}" height="${y}"/>`,
    ...parts,
    '</svg>\n',
  ].join('');
}

function rewardPanel(reward: RewardResult, baseline: string): { body: string; height: number } {
  const series = reward.candidates.filter(({ checkpoint }) => checkpoint !== null);
  const single = reward.candidates.filter(({ checkpoint }) => checkpoint === null);
  let y = 36;
  let body = text(16, 20, `${reward.reward} (${reward.kind})`, 'title');
  if (series.length > 0) {
    body += curves(series, reward, baseline, y);
    y += panelHeight + 44 + 18 * Math.ceil(new Set(series.map((row) => row.checkpoint!.run)).size / 3);
  }
  if (single.length > 0) {
    body += forest(single, baseline, y);
    y += single.length * rowHeight + 52;
  }
  return { body, height: y + 8 };
}

type Estimate = CandidateResult['median'];

interface Panel {
  left: number;
  label: string;
  of: (row: CandidateResult) => Estimate;
  reference: Estimate;
  name: string;
  /** How numbers are written on the axis, and at a point. */
  tick: (y: ScaleLinear<number, number>) => (value: number) => string;
  format: (value: number) => string;
}

/** Two panels side by side: median reward, and win rate over the baseline. */
function curves(rows: readonly CandidateResult[], reward: RewardResult, baseline: string, top: number): string {
  const timed = rows.every(({ checkpoint }) => checkpoint!.deviceSeconds !== null);
  const longest = Math.max(...rows.map((row) => xOf(row, timed)));
  // Seconds, minutes or hours, whichever leaves readable numbers.
  const [unit, per] = !timed
    ? ['step', 1]
    : longest > 7200
      ? ['device hours', 3600]
      : longest > 300
        ? ['device minutes', 60]
        : ['device seconds', 1];
  const runs = [...new Set(rows.map(({ checkpoint }) => checkpoint!.run))];
  const base = rows[0]!.baselineMedian;
  const panels: Panel[] = [
    {
      left: 64,
      label: 'median reward',
      of: (row) => row.median,
      reference: base,
      name: baseline,
      tick: (y) => y.tickFormat(5),
      format: (value) => value.toPrecision(4),
    },
    {
      left: 64 + width / 2,
      label: `win rate over ${baseline}`,
      of: (row) => row.winRate,
      reference: { value: 0.5, low: null, high: null },
      name: '50 %',
      tick: () => (value) => `${Math.round(value * 100)} %`,
      format: (value) => `${(100 * value).toFixed(1)} %`,
    },
  ];
  let out = '';
  for (const { left, label, of, reference, name, tick, format } of panels) {
    const right = left + width / 2 - 84;
    const bottom = top + panelHeight;
    const values = rows.flatMap((row) => [of(row).value, of(row).low, of(row).high]);
    const known = [...values, reference.value, reference.low, reference.high].filter((value) => value !== null);
    const x = scaleLinear([0, (longest / per) * 1.02], [left, right]);
    const y = scaleLinear([Math.min(...known), Math.max(...known)], [bottom, top + 14]).nice();
    for (const value of y.ticks(5)) {
      out +=
        line(left, y(value), right, y(value), 'grid') + text(left - 6, y(value) + 4, tick(y)(value), 'soft', 'end');
    }
    for (const value of x.ticks(5)) out += text(x(value), bottom + 16, x.tickFormat(5)(value), 'soft', 'middle');
    out += line(left, bottom, right, bottom, 'axis') + text(left, top + 4, label, 'soft');
    out += text((left + right) / 2, bottom + 32, unit, 'soft', 'middle');
    if (reference.value !== null) {
      out += line(left, y(reference.value), right, y(reference.value), 'half');
      out += text(right, y(reference.value) - 4, name, 'soft', 'end');
    }
    runs.forEach((run, i) => {
      const points = rows
        .filter((row) => row.checkpoint!.run === run && of(row).value !== null)
        .map((row) => {
          const { value, low, high } = of(row);
          const at = { x: x(xOf(row, timed) / per), y: y(value!), low: y(low ?? value!), high: y(high ?? value!) };
          return { ...at, isBest: row.model === reward.best?.model, title: `${row.model}: ${format(value!)}` };
        })
        .sort((a, b) => a.x - b.x);
      out += polyline(points, colours[i % colours.length]!);
      for (const point of points) out += circle(point, colours[i % colours.length]!);
    });
  }
  runs.forEach((run, i) => {
    const [x, y] = [64 + (i % 3) * 250, top + panelHeight + 54 + 18 * Math.floor(i / 3)];
    out += legend(x, y, run, colours[i % colours.length]!);
  });
  return out;
}

/** One row a candidate: win rate over the baseline with Wilson's interval. */
function forest(rows: readonly CandidateResult[], baseline: string, top: number): string {
  const [left, right] = [250, width - 130];
  const x = scaleLinear([0, 1], [left, right]);
  const bottom = top + rows.length * rowHeight + 8;
  let out = '';
  for (const tick of [0, 0.25, 0.5, 0.75, 1]) {
    out += line(x(tick), top, x(tick), bottom, tick === 0.5 ? 'half' : 'grid');
    out += text(x(tick), bottom + 16, `${tick * 100} %`, 'soft', 'middle');
  }
  out += text((left + right) / 2, bottom + 34, `win rate over ${baseline}, 95 % (Wilson)`, 'soft', 'middle');
  rows.forEach((row, i) => {
    const y = top + i * rowHeight + 18;
    const { value, low, high, n } = row.winRate;
    out += text(left - 12, y + 4, row.model.length > 34 ? `${row.model.slice(0, 33)}…` : row.model, '', 'end');
    if (value === null) return;
    out += interval(x(low!), x(value), x(high!), y, colours[0]!);
    out += text(right + 12, y + 4, `${(100 * value).toFixed(1)} % of ${n}`);
  });
  return out;
}

function xOf({ checkpoint }: CandidateResult, timed: boolean): number {
  return timed ? checkpoint!.deviceSeconds! : checkpoint!.step;
}
