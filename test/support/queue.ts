/** @file A team's machines: processes of the built program under a Node that has a queue, one database, one bucket. */
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot, temporaryFolder } from './folders.ts';
import { node22 } from './node22.ts';
import type { S3Server } from './s3.ts';

export interface Running {
  child: ChildProcess;
  /** What it wrote so far. */
  readonly stderr: string;
  ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
}

export class Team {
  readonly #env: NodeJS.ProcessEnv;

  constructor(database: string, store: S3Server) {
    this.#env = { ...process.env, DATABASE_URL: database, VISAVIS_STORE: store.location, ...store.env };
  }

  /** Starts a command on a machine of its own. */
  start(argv: readonly string[], machine = temporaryFolder()): Running {
    const child = spawn(node22(), [join(projectRoot, 'bin', 'visavis.js'), ...argv], {
      env: { ...this.#env, VISAVIS_DATA: machine },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
    const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) =>
      child.once('close', (code) => resolve({ code, ...output })),
    );
    return {
      child,
      ended,
      get stderr() {
        return output.stderr;
      },
    };
  }

  run(argv: readonly string[], machine?: string) {
    return this.start(argv, machine).ended;
  }

  worker(...more: string[]): Running {
    return this.start(['worker', '--queue', '--until-empty', '--device', 'cpu', '--threads', '1', ...more]);
  }
}
