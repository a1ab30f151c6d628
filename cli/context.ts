/** @file What commands share: the data directory, the database, the images, and how a command ends. */
import { ArgumentError } from '../evaluator/statistics/argument-error.ts';
import { writeFile } from 'node:fs/promises';
import { BadInput } from '../evaluator/engine/files/bad-input.ts';
import type { ImageStore } from '../evaluator/engine/images/store.ts';
import { StoreError, type ObjectStore } from '../evaluator/engine/store/object-store.ts';
import type { Database } from '../db/open.ts';
import { DatabaseError } from '../db/database-error.ts';
import { databaseLocation, dataFolderOf } from '../server/config.ts';
import { ServiceError } from '../server/errors.ts';

export interface Workspace {
  dataFolder: string;
  db: Database;
  images: ImageStore;
}

/** Where what several machines need lies. */
export async function storeOf({ dataFolder }: Workspace): Promise<ObjectStore> {
  const { FolderStore } = await import('../evaluator/engine/store/folder-store.ts');
  const { sharedStore } = await import('../evaluator/engine/store/open.ts');
  return sharedStore() ?? new FolderStore(dataFolder);
}

export interface DataOption {
  data?: string;
}

/** Opens the data directory for one command and closes it whatever happens. */
export async function withWorkspace<T>(options: DataOption, run: (workspace: Workspace) => Promise<T>): Promise<T> {
  // Loaded here: a command without a database starts a fifth of a second sooner.
  const { openDatabase } = await import('../db/open.ts');
  const { ImageStore } = await import('../evaluator/engine/images/store.ts');
  const dataFolder = dataFolderOf(options.data);
  const db = await openDatabase(databaseLocation(dataFolder), (note) => console.error(`visavis: ${note}`));
  try {
    return await run({ dataFolder, db, images: new ImageStore(dataFolder) });
  } finally {
    await db.destroy();
  }
}

/** 0 done, 1 failed, 2 bad usage or bad input, 3 a gate was not met. */
export const exitCode = { done: 0, failed: 1, badInput: 2, gateNotMet: 3 } as const;

/** Tells of the first prompts that something failed for; not all of it was done, then, nor when it was stopped. */
export function endWith(failed: readonly { prompt: string; message: string }[], stopped: boolean): void {
  for (const { prompt, message } of failed.slice(0, 5)) console.error(`visavis: ${JSON.stringify(prompt)}: ${message}`);
  if (stopped || failed.length > 0) process.exitCode = exitCode.failed;
}

/** One sentence on stderr for what can be expected; the stack too for a bug, or with VISAVIS_DEBUG. */
export function reportFailure(error: unknown): number {
  const expected = [BadInput, ServiceError, ArgumentError, DatabaseError, StoreError].some(
    (kind) => error instanceof kind,
  );
  const message = error instanceof Error ? error.message : String(error);
  const code = (error as NodeJS.ErrnoException).code;
  // The reader of what was to be written has gone; bin/visavis.js lets it.
  if (code === 'EPIPE' && process.stdout.errored !== null) return exitCode.done;
  if (expected) console.error(`visavis: ${message}`);
  else if (code === 'ENOSPC' || code === 'SQLITE_FULL')
    console.error('visavis: The disk is full; what was finished before is kept. Free some space and run it again.');
  else if (code === 'EADDRINUSE') console.error(`visavis: The port is taken (${message}); choose another with --port.`);
  else console.error(`visavis: ${message}`, error);
  if (expected && process.env['VISAVIS_DEBUG'] !== undefined) console.error(error);
  return expected ? exitCode.badInput : exitCode.failed;
}

/** Aborted by the first Ctrl-C or SIGTERM; a second one ends the process at once. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => {
      console.error('visavis: stopping; what is finished is kept.');
      controller.abort();
    });
  }
  return controller.signal;
}

/** Writes what a command was asked to write. @throws BadInput when the path cannot be written to */
export async function writeOutput(file: string, content: string | NodeJS.ArrayBufferView): Promise<void> {
  try {
    await writeFile(file, content);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC') throw error;
    throw new BadInput(`Cannot write ${file}: ${code ?? String(error)}.`);
  }
}
