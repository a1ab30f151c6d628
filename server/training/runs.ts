/** @file Training runs as the research page shows them: settings, and the log thinned to a curve. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database } from '../../db/open.ts';
import { listTrainingRuns } from '../../db/queries/training-runs.ts';
import { logRowSchema, type LogRow, type TrainingRun } from '../../contract/training.ts';

/** Points of a curve; more than a screen shows. */
const most = 300;
/** The log's end that is read: some 100,000 steps. */
const mostBytes = 32 * 2 ** 20;

interface RunSettings {
  objective: string;
  steps: number;
  maxSeconds: number | null;
}

export async function trainingRuns(db: Database): Promise<TrainingRun[]> {
  return Promise.all(
    (await listTrainingRuns(db)).map(async ({ folder, name, settings, updatedAt: updatedAt }) => {
      const rows = await readLog(join(folder, 'log.jsonl'));
      const { objective, steps, maxSeconds } = settings as RunSettings;
      return { name, objective, steps, maxSeconds, done: rows.at(-1)?.step ?? 0, updatedAt, log: thinned(rows) };
    }),
  );
}

/** The rows that are whole; empty when the folder is gone. */
async function readLog(file: string): Promise<LogRow[]> {
  const handle = await open(file).catch(() => undefined);
  if (handle === undefined) return [];
  try {
    const { size } = await handle.stat();
    const length = Math.min(size, mostBytes);
    const bytes = Buffer.alloc(length);
    await handle.read(bytes, 0, length, size - length);
    return bytes
      .toString('utf8')
      .split('\n')
      .flatMap((line) => {
        try {
          const parsed = logRowSchema.safeParse(JSON.parse(line));
          return parsed.success ? [parsed.data] : [];
        } catch {
          // The line that is being written, or the one that the read began in.
          return [];
        }
      });
  } finally {
    await handle.close();
  }
}

/** Means over neighbouring steps: one batch's loss says little. */
function thinned(rows: readonly LogRow[]): TrainingRun['log'] {
  const size = Math.max(1, Math.ceil(rows.length / most));
  const points: TrainingRun['log'] = [];
  for (let start = 0; start < rows.length; start += size) {
    const part = rows.slice(start, start + size);
    const mean = (value: (row: LogRow) => number | null) => {
      const known = part.map(value).filter((x) => x !== null);
      return known.length === 0 ? null : known.reduce((sum, x) => sum + x, 0) / known.length;
    };
    const last = part.at(-1)!;
    points.push({
      step: last.step,
      deviceSeconds: last.deviceSeconds,
      loss: mean((row) => row.loss)!,
      implicitAccuracy: mean((row) => row.implicitAccuracy),
      gradientNorm: mean((row) => row.gradientNorm)!,
    });
  }
  return points;
}
