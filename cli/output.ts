/** @file Data goes to stdout, everything else to stderr. */
import { SingleBar } from 'cli-progress';
import Table from 'cli-table3';

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

export function printTable(head: string[], rows: (string | number)[][], rightAligned: number[] = []): void {
  const table = new Table({
    head,
    colAligns: head.map((_, i) => (rightAligned.includes(i) ? 'right' : 'left')),
    style: { head: [], border: [], compact: true },
    chars: {
      top: '',
      'top-mid': '',
      'top-left': '',
      'top-right': '',
      bottom: '',
      'bottom-mid': '',
      'bottom-left': '',
      'bottom-right': '',
      left: '',
      'left-mid': '',
      mid: '',
      'mid-mid': '',
      right: '',
      'right-mid': '',
      middle: '  ',
    },
  });
  table.push(...rows);
  process.stdout.write(`${table.toString()}\n`);
}

export interface Progress {
  /** @param partial work under way, in the same unit */
  update(done: number, partial?: number): void;
  stop(): void;
}

/** A bar with rate and time left on a terminal, a line every few seconds elsewhere. */
export function startProgress(label: string, total: number, unit: string): Progress {
  const started = performance.now();
  const rate = (done: number) => (done / Math.max(0.001, (performance.now() - started) / 1000)).toFixed(2);
  if (process.stderr.isTTY) {
    const bar = new SingleBar({
      format: `${label} {bar} {value}/{total} ${unit} · {rate}/s · {left} left`,
      stream: process.stderr,
      barsize: 30,
      hideCursor: true,
      etaBuffer: 20,
    });
    bar.start(total, 0, { rate: '–', left: '–' });
    return {
      update(done, partial = 0) {
        const finished = done + partial;
        const seconds = finished > 0 ? ((performance.now() - started) / 1000 / finished) * (total - finished) : NaN;
        bar.update(done, { rate: rate(finished), left: duration(seconds) });
      },
      stop: () => bar.stop(),
    };
  }
  let last = performance.now();
  let lastDone = 0;
  const line = (done: number) => console.error(`${label}: ${done}/${total} ${unit}, ${rate(done)}/s`);
  return {
    update(done) {
      lastDone = done;
      if (performance.now() - last < 5000) return;
      last = performance.now();
      line(done);
    },
    stop: () => line(lastDone),
  };
}

function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–';
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
