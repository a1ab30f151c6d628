/**
 * @file Starts a worker process whenever a prescreen waits, one at a time. Workers on other machines with the same database
 * (visavis worker) take from the same rows.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { packageRoot } from '../../evaluator/engine/files/package-root.ts';
import { logFailure } from '../errors.ts';

export interface Launcher {
  /** Something was submitted. */
  wake(): void;
  close(): void;
}

const lookEveryMs = 5000;

/** @param isWaiting whether a prescreen waits for a process */
export function startLauncher(dataFolder: string, isWaiting: () => Promise<boolean>, log: Logger): Launcher {
  let child: ChildProcess | undefined;
  let [looking, closed] = [false, false];
  async function look(): Promise<void> {
    if (child !== undefined || looking || closed) return;
    looking = true;
    try {
      if (!(await isWaiting()) || closed) return;
      child = spawn(
        process.execPath,
        [join(packageRoot(), 'bin', 'visavis.js'), 'worker', '--once', '--data', dataFolder],
        {
          stdio: ['ignore', 'ignore', 'inherit'],
        },
      );
      const ended = () => {
        child = undefined;
      };
      child.once('error', (error) => {
        log.error(error);
        ended();
      });
      child.once('exit', () => {
        ended();
        void look();
      });
    } catch (error) {
      logFailure(log, error);
    } finally {
      looking = false;
    }
  }
  const timer = setInterval(() => void look(), lookEveryMs);
  timer.unref();
  void look();
  return {
    wake: () => void look(),
    close() {
      closed = true;
      clearInterval(timer);
      // It keeps what is finished and puts its row back into the queue.
      child?.kill('SIGTERM');
    },
  };
}
