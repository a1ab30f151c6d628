/**
 * @file A screen as one SVG: curves of median reward and win rate against training time where there are checkpoints
 * (Gambashidze et al. 2025, fig. 4), intervals of the win rates otherwise. Light and dark by the reader's setting; prints
 * black on white.
 */
import { scaleLinear } from 'd3-scale';
import type { CandidateScreen, RewardScreen, Screen } from '../../contract/prescreen.ts';

const width = 860;
const rowHeight = 26;
const panelHeight = 240;
/** Okabe & Ito: told apart with every kind of colour vision. */
const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];
const style = `
text{font:12px system-ui,sans-serif;fill:#1c1c1c}.soft{fill:#5c5c5c}.title{font-weight:600;font-size:13px}
.axis{stroke:#9a9a9a}.grid{stroke:#e4e4e4}.half{stroke:#9a9a9a;stroke-dasharray:4 3}.page{fill:#fff}
@media (prefers-color-scheme:dark){text{fill:#ececec}.soft{fill:#a8a8a8}.axis{stroke:#777}.grid{stroke:#333}.half{stroke:#888}.page{fill:#16181b}}`;

export function screenChart(screen: Screen): string {
  let y = 0;
  const parts: string[] = [];
  for (const reward of screen.rewards) {
    const { body, height } = rewardPanel(reward, screen.baseline);
    parts.push(`<g transform="translate(0 ${y})">${body}</g>`);
    y += height;
  }
  const title = `Pre-screening on ${screen.promptSet} against ${screen.baseline}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" width="${width}" height="${y}" role="img">`,
    `<title>${escape(title)}</title><style>${style}</style><rect class="page" width="${width}" height="${y}"/>`,
    ...parts,
    '</svg>\n',
  ].join('');
}

function rewardPanel(reward: RewardScreen, baseline: string): { body: string; height: number } {
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

/** Two panels side by side: median reward, and win rate over the baseline. */
function curves(rows: readonly CandidateScreen[], reward: RewardScreen, baseline: string, top: number): string {
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
  const panels = [
    { left: 64, label: 'median reward', of: (row: CandidateScreen) => row.median, reference: base, name: baseline },
    {
      left: 64 + width / 2,
      label: `win rate over ${baseline}`,
      of: (row: CandidateScreen) => row.winRate,
      reference: { value: 0.5, low: null, high: null },
      name: '50 %',
    },
  ];
  let out = '';
  for (const { left, label, of, reference, name } of panels) {
    const right = left + width / 2 - 84;
    const bottom = top + panelHeight;
    const values = rows.flatMap((row) => [of(row).value, of(row).low, of(row).high]);
    const known = [...values, reference.value, reference.low, reference.high].filter((value) => value !== null);
    const x = scaleLinear([0, (longest / per) * 1.02], [left, right]);
    const y = scaleLinear([Math.min(...known), Math.max(...known)], [bottom, top + 14]).nice();
    const format = label === 'median reward' ? y.tickFormat(5) : (value: number) => `${Math.round(value * 100)} %`;
    for (const tick of y.ticks(5)) {
      out += line(left, y(tick), right, y(tick), 'grid') + text(left - 6, y(tick) + 4, format(tick), 'soft', 'end');
    }
    for (const tick of x.ticks(5)) out += text(x(tick), bottom + 16, x.tickFormat(5)(tick), 'soft', 'middle');
    out += line(left, bottom, right, bottom, 'axis') + text(left, top + 4, label, 'soft');
    out += text((left + right) / 2, bottom + 32, unit, 'soft', 'middle');
    if (reference.value !== null) {
      out += line(left, y(reference.value), right, y(reference.value), 'half');
      out += text(right, y(reference.value) - 4, name, 'soft', 'end');
    }
    runs.forEach((run, i) => {
      const points = rows
        .filter((row) => row.checkpoint!.run === run && of(row).value !== null)
        .map((row) => ({ row, x: x(xOf(row, timed) / per), ...of(row) }))
        .sort((a, b) => a.x - b.x);
      const colour = colours[i % colours.length]!;
      const band = [
        ...points.map((p) => `${round(p.x)},${round(y(p.low ?? p.value!))}`),
        ...points.reverse().map((p) => `${round(p.x)},${round(y(p.high ?? p.value!))}`),
      ];
      points.reverse();
      out += `<polygon points="${band.join(' ')}" fill="${colour}" opacity=".15"/>`;
      out += `<polyline points="${points.map((p) => `${round(p.x)},${round(y(p.value!))}`).join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`;
      for (const p of points) {
        const isBest = p.row.model === reward.best?.model;
        out += `<circle cx="${round(p.x)}" cy="${round(y(p.value!))}" r="${isBest ? 6 : 3}" fill="${isBest ? 'none' : colour}" stroke="${colour}" stroke-width="2"><title>${escape(`${p.row.model}: ${percentOr(p.value, label)}`)}</title></circle>`;
        if (isBest) out += `<circle cx="${round(p.x)}" cy="${round(y(p.value!))}" r="2.5" fill="${colour}"/>`;
      }
    });
  }
  runs.forEach((run, i) => {
    const [x, y] = [64 + (i % 3) * 250, top + panelHeight + 54 + 18 * Math.floor(i / 3)];
    out += `<rect x="${x}" y="${y - 10}" width="12" height="12" rx="2" fill="${colours[i % colours.length]!}"/>${text(x + 18, y, run)}`;
  });
  return out;
}

/** One row a candidate: win rate over the baseline with Wilson's interval. */
function forest(rows: readonly CandidateScreen[], baseline: string, top: number): string {
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
    out += `<line x1="${round(x(low!))}" x2="${round(x(high!))}" y1="${y}" y2="${y}" stroke="${colours[0]!}" stroke-width="2"/>`;
    out += `<circle cx="${round(x(value))}" cy="${y}" r="4.5" fill="${colours[0]!}"/>`;
    out += text(right + 12, y + 4, `${(100 * value).toFixed(1)} % of ${n}`);
  });
  return out;
}

function xOf({ checkpoint }: CandidateScreen, timed: boolean): number {
  return timed ? checkpoint!.deviceSeconds! : checkpoint!.step;
}

function percentOr(value: number | null, label: string): string {
  if (value === null) return '–';
  return label === 'median reward' ? value.toPrecision(4) : `${(100 * value).toFixed(1)} %`;
}

function line(x1: number, y1: number, x2: number, y2: number, name: string): string {
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" class="${name}"/>`;
}

function text(x: number, y: number, content: string, name = '', anchor = 'start'): string {
  return `<text x="${round(x)}" y="${round(y)}" class="${name}" text-anchor="${anchor}">${escape(content)}</text>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escape(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
