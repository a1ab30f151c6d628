/** @file `visavis worker --queue`: slices of the team's jobs, one at a time on each device. */
import { hostname, totalmem } from 'node:os';
import { join } from 'node:path';
import { locationOf } from '../db/open.ts';
import { deviceName, type Device } from '../evaluator/engine/onnx/device.ts';
import { storeOf, type Workspace } from './context.ts';

export interface QueueWorkerOptions {
  devices: readonly Device[];
  /** Bytes of weights that a device may be given; the machine's memory for a CPU and no limit for others when absent. */
  memoryBytes: number | undefined;
  untilEmpty: boolean;
  signal: AbortSignal;
}

/** Works until the signal, or until nothing is left; the slices under way go back then, with what is finished kept. */
export async function runQueueWorker(
  workspace: Workspace,
  { devices, memoryBytes, untilEmpty, signal }: QueueWorkerOptions,
): Promise<void> {
  const { Boss } = await import('../server/queue/boss.ts');
  const { Heartbeat } = await import('../server/queue/heartbeat.ts');
  const { sharedStore, storeName } = await import('../evaluator/engine/store/open.ts');
  const { work } = await import('../server/queue/work.ts');
  const { runReportJob } = await import('../server/queue/report-job.ts');
  const { runSlice } = await import('../evaluator/jobs/run-slice.ts');
  const { RendererPool } = await import('../evaluator/renders/renderer-pool.ts');
  const { db, images, dataFolder } = workspace;
  const log = (sentence: string) => console.error(`visavis: ${sentence}`);
  const store = await storeOf(workspace);
  const boss = await Boss.open(locationOf(db), { supervises: false, onTrouble: () => undefined });
  const heartbeat = await Heartbeat.start(locationOf(db));
  const renderers = new RendererPool();
  try {
    await Promise.all(
      devices.map((device) => {
        const machine = {
          ...{ db, images, dataFolder, device, renderers },
          networks: { store, cacheFolder: join(dataFolder, 'cache') },
        };
        return work({
          ...{ db, boss, heartbeat, signal, untilEmpty, log },
          deviceKind: device.kind,
          store: storeName(sharedStore()),
          memoryBytes: memoryBytes ?? (device.kind === 'cpu' ? totalmem() : Infinity),
          name: `${hostname()} ${process.pid} ${deviceName(device)}`,
          run: ({ job, slice, signal, report }) =>
            job.kind === 'report'
              ? runReportJob(db, job.request)
              : runSlice(
                  machine,
                  { ...job, kind: job.kind, part: slice.part },
                  { jobId: job.id, before: slice.result, signal, report },
                ),
        });
      }),
    );
  } finally {
    await renderers.close();
    await heartbeat.close();
    await boss.stop().catch(() => undefined);
  }
}
