/** @file Arrow: votes → report, on another machine than the server’s, for a study so large that one minds the wait. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Database } from '../../db/open.ts';
import { requireStudy } from '../study/lifecycle.ts';
import { studyReport } from '../study/study-report.ts';
import type { NewJob } from './jobs.ts';

const requestSchema = z.strictObject({
  study: z.string(),
  population: z.enum(['people', 'simulated']).nullable(),
  /** When it was asked for: votes come in, and a report is of its moment. */
  at: z.number(),
});

/** @throws ServiceError not-found */
export async function planReport(
  db: Database,
  { study: name, population }: { study: string; population: 'people' | 'simulated' | null },
  now = Date.now(),
): Promise<Omit<NewJob, 'kind' | 'deviceKind' | 'store'> & { skipped: number }> {
  const study = await requireStudy(db, name);
  return {
    title: `report of ${name}`,
    request: { study: name, population, at: now } satisfies z.infer<typeof requestSchema>,
    rateKey: `report ${createHash('sha256').update(study.id).digest('hex')}`,
    memoryBytes: 0,
    slices: [{ items: 1, part: {} }],
    skipped: 0,
  };
}

export async function runReportJob(db: Database, request: unknown): Promise<object> {
  const { study, population } = requestSchema.parse(request);
  return studyReport(db, study, population ?? undefined);
}
