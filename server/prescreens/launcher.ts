/**
 * @file Starts a worker process whenever a prescreen waits, one at a time. Workers on other machines with the same database
 * (visavis worker) take from the same rows.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
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
      child = spawn(process.execPath, [executable(), 'worker', '--once', '--data', dataFolder], {
        stdio: ['ignore', 'ignore', 'inherit'],
      });
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

/** bin/visavis.js, from the sources and from dist/ alike. */
function executable(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'bin', 'visavis.js'))) folder = dirname(folder);
  return join(folder, 'bin', 'visavis.js');
}
