/** @file What commands with --queue share: put a job into the team's queue, and follow it until it ends. */
import { Option } from 'commander';
import type { JobView } from '../contract/jobs.ts';
import type { StoredSlice } from '../db/queries/jobs.ts';
import { troubleOf } from '../db/trouble.ts';
import { BadInput } from '../evaluator/engine/files/bad-input.ts';
import { pause } from '../evaluator/engine/threads/pause.ts';
import type { Failures, JobPlan } from '../evaluator/jobs/job.ts';
import { deviceKinds } from '../server/queue/boss.ts';
import { exitCode, type Workspace } from './context.ts';
import { startProgress, type Progress } from './output.ts';

export const queueOption = () =>
  new Option(
    '--queue',
    'give the work to the workers of the team’s PostgreSQL (visavis worker --queue), and follow it',
  );

/** @param device as --device has it @returns the kind that a job is to run on; null where its first worker decides */
export function deviceKindOf(device: string): string | null {
  if (device === 'auto') return null;
  if ((deviceKinds as readonly string[]).includes(device)) return device;
  throw new BadInput(
    `With --queue, --device is auto, cpu, cuda or webgpu, not "${device}": a worker chooses the rest.`,
  );
}

const lookEveryMs = 500;

/**
 * @param onLook sees the job now and then
 * @returns its slices when it is done; undefined when the signal ended the following, or the job failed or was cancelled, which is
 *   said on stderr
 */
export async function submitAndFollow(
  workspace: Workspace,
  kind: JobView['kind'],
  plan: () => Promise<JobPlan<object>>,
  following: { deviceKind: string | null; signal: AbortSignal; onLook?: (id: string) => Promise<void> },
): Promise<{ id: string | null; skipped: number; slices: StoredSlice[] } | undefined> {
  const { db } = workspace;
  const { deviceKind, signal, onLook } = following;
  const { slicesOf } = await import('../db/queries/jobs.ts');
  const { locationOf } = await import('../db/open.ts');
  const { sharedStore, storeName } = await import('../evaluator/engine/store/open.ts');
  const { Boss } = await import('../server/queue/boss.ts');
  const { submitJob, readJob } = await import('../server/queue/jobs.ts');
  const boss = await Boss.open(locationOf(db), { supervises: false, onTrouble: () => undefined });
  const {
    skipped,
    notes = [],
    ...job
  } = await plan().catch(async (error: unknown) => {
    await boss.stop();
    throw error;
  });
  for (const note of notes) console.error(`visavis: ${note}`);
  if (job.slices.length === 0) {
    await boss.stop();
    return { id: null, skipped, slices: [] };
  }
  const { id, isNew } = await submitJob(db, boss, {
    ...job,
    kind,
    deviceKind,
    store: storeName(sharedStore()),
  }).finally(() => boss.stop());
  console.error(`visavis: ${isNew ? 'job' : 'the same work is in the queue already: job'} ${id}.`);
  let progress: Progress | undefined;
  try {
    for (let isAway = false; ;) {
      let view: JobView;
      try {
        view = await readJob(db, id);
        await onLook?.(id);
        isAway = false;
      } catch (error) {
        const trouble = troubleOf(error);
        if (trouble === undefined || signal.aborted) throw error;
        if (!isAway) console.error(`visavis: ${trouble.sentence} Asking again.`);
        isAway = true;
        await pause(lookEveryMs, signal);
        continue;
      }
      progress ??= startProgress(view.title, view.items, kind === 'train' ? 'steps' : 'items');
      progress.update(view.done);
      if (view.state === 'done') {
        const outcome = { id, skipped, slices: await slicesOf(db, id) };
        if (isNew || (kind !== 'render' && kind !== 'score')) return outcome;
        // It was planned earlier, for somebody else: what has come since is a job of its own.
        progress.stop();
        progress = undefined;
        const rest = await submitAndFollow(workspace, kind, plan, following);
        return rest && { ...rest, skipped: outcome.skipped, slices: [...outcome.slices, ...rest.slices] };
      }
      if (view.state === 'failed' || view.state === 'cancelled') {
        progress.stop();
        progress = undefined;
        const { failed } = view.slices;
        const why = view.state === 'cancelled' ? 'was cancelled' : `failed in ${failed} of its slices`;
        console.error(`visavis: the job ${why}${view.error === null ? '.' : `: ${view.error}`}`);
        return undefined;
      }
      if (signal.aborted) {
        console.error(`visavis: the job goes on without this command; visavis jobs cancel ${id} ends it.`);
        return undefined;
      }
      await pause(lookEveryMs, signal);
    }
  } finally {
    progress?.stop();
  }
}

/** What a render or a score made, as it prints it without a queue; undefined where it was not done. */
export async function summaryOf(
  following: ReturnType<typeof submitAndFollow>,
): Promise<{ made: number; skipped: number; failed: Failures; stopped: false } | undefined> {
  const outcome = await following;
  if (outcome === undefined) {
    process.exitCode = exitCode.failed;
    return undefined;
  }
  const { sliceResultSchema } = await import('../evaluator/jobs/job.ts');
  const failed = outcome.slices.flatMap(({ result }) => sliceResultSchema.parse(result).failed);
  // What a worker that was lost had made counts too: another found it there.
  const items = outcome.slices.reduce((sum, slice) => sum + slice.items, 0);
  return { made: items - failed.length, skipped: outcome.skipped, failed, stopped: false };
}
