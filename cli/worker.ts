/** @file `visavis worker`: runs the prescreens that were submitted over HTTP; with --queue, the jobs of a team. */
import { rm } from 'node:fs/promises';
import { Command } from 'commander';
import { withThreads, type Device } from '../evaluator/engine/onnx/device.ts';
import { BadInput } from '../evaluator/engine/files/bad-input.ts';
import { pause } from '../evaluator/engine/threads/pause.ts';
import type { Prescreen } from '../contract/prescreen.ts';
import { databaseLocation, dataFolderOf } from '../server/config.ts';
import { realNumber, wholeNumber } from './numbers.ts';
import { interruptSignal, withWorkspace, type DataOption, type Workspace } from './context.ts';

interface Options extends DataOption {
  once?: boolean;
  queue?: boolean;
  untilEmpty?: boolean;
  threads?: number;
  memory?: number;
  device: string;
}

/** How long an idle worker waits before it looks again. */
const pauseMs = 2000;
/** How often a running prescreen says that its process lives. */
const heartbeatMs = 15_000;

export function workerCommand(): Command {
  return new Command('worker')
    .description('runs the prescreens that were submitted over HTTP; the server starts one by itself')
    .option('--once', 'end when nothing waits')
    .option('--queue', 'work on the jobs of the team’s PostgreSQL instead (render, score, prescreen, train --queue)')
    .option('--until-empty', 'with --queue: end when no job waits or runs')
    .option('--device <device>', 'auto, cpu, cuda[:ID], webgpu; with --queue several with commas', 'auto')
    .option('--threads <n>', 'threads of the runtime on a CPU', wholeNumber(1))
    .option('--memory <gib>', 'with --queue: leave jobs with larger weights to other workers', realNumber(0))
    .option('--data <dir>', 'data directory')
    .action(async (options: Options) => {
      const { takePrescreen } = await import('../server/prescreens/prescreens.ts');
      const { chooseDevices } = await import('../evaluator/engine/onnx/choose-device.ts');
      if (options.untilEmpty && !options.queue)
        throw new BadInput('--until-empty goes with --queue; without it there is --once.');
      if (options.once && options.queue)
        throw new BadInput('--once goes without --queue; with it there is --until-empty.');
      if (options.queue) {
        const { requireQueue } = await import('../server/queue/boss.ts');
        requireQueue(databaseLocation(dataFolderOf(options.data)));
      }
      const chosen = await chooseDevices(options.device);
      const devices = withThreads(chosen.devices, options.threads);
      const signal = interruptSignal();
      if (options.queue) {
        for (const note of chosen.notes) console.error(`visavis: ${note}`);
        const { runQueueWorker } = await import('./queue-worker.ts');
        const untilEmpty = options.untilEmpty === true;
        const memoryBytes = options.memory === undefined ? undefined : options.memory * 2 ** 30;
        await withWorkspace(options, (workspace) =>
          runQueueWorker(workspace, { devices, memoryBytes, untilEmpty, signal }),
        );
        return;
      }
      await withWorkspace(options, async (workspace) => {
        while (!signal.aborted) {
          const prescreen = await takePrescreen(workspace.db);
          if (prescreen !== undefined) await runOne(workspace, prescreen, devices, signal);
          else if (options.once) return;
          else await pause(pauseMs, signal);
        }
      });
    });
}

/** Whatever happens, the row says it: done, failed with a sentence, or back in the queue after Ctrl-C. */
async function runOne(
  { db, images, dataFolder }: Workspace,
  { id, request }: Prescreen,
  devices: readonly Device[],
  signal: AbortSignal,
): Promise<void> {
  const { runPrescreen, PrescreenStopped } = await import('../evaluator/screens/prescreen.ts');
  const { addVariant } = await import('../evaluator/models/checkpoints.ts');
  const { importRenders } = await import('../evaluator/renders/import.ts');
  const { finishPrescreen, reportProgress, uploadFolder } = await import('../server/prescreens/prescreens.ts');
  const { findModel } = await import('../db/queries/models.ts');
  let progress = { task: 'starting', done: 0, total: 0 };
  let [written, busy] = [0, false];
  const write = () => {
    if (busy) return;
    [busy, written] = [true, Date.now()];
    reportProgress(db, id, progress)
      .catch((error: unknown) => console.error(error))
      .finally(() => (busy = false));
  };
  const heartbeat = setInterval(write, heartbeatMs);
  try {
    const { prompts, adapter, images: named, upload, candidates } = request;
    const names = [...candidates];
    if (adapter !== undefined) {
      await addVariant(db, {
        name: adapter.name,
        baseline: request.baseline,
        adapter: adapter.path,
        scale: adapter.scale,
      });
      names.push(adapter.name);
    }
    const folder = uploadFolder(dataFolder, id);
    for (const source of [named, upload && { name: upload.name, path: folder }]) {
      if (source === undefined) continue;
      // A worker before this one may have imported them already.
      if ((await findModel(db, source.name)) === undefined)
        await importRenders(db, images, { source: source.path, prompts, model: source.name, confined: true });
      names.push(source.name);
    }
    await rm(folder, { recursive: true, force: true });
    const result = await runPrescreen(db, images, {
      ...request,
      candidates: names,
      devices,
      dataFolder,
      signal,
      onProgress(step) {
        progress = step;
        if (Date.now() - written > 500) write();
      },
    });
    await finishPrescreen(db, id, { result });
  } catch (error) {
    if (error instanceof PrescreenStopped || signal.aborted) await finishPrescreen(db, id, { requeue: true });
    else {
      if (!(error instanceof BadInput)) console.error(error);
      await finishPrescreen(db, id, {
        error: error instanceof BadInput ? error.message : 'Something went wrong in the worker; its log says what.',
      });
    }
  } finally {
    clearInterval(heartbeat);
  }
}
