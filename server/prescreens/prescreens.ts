/** @file The life of a prescreen: submitted, run, done or failed. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Database } from '../../db/open.ts';
import {
  claimPrescreen,
  findPrescreen,
  findPrescreenByKey,
  hasFreePrescreen,
  insertPrescreen,
  listPrescreens,
  updatePrescreen,
  type StoredPrescreen,
} from '../../db/queries/prescreens.ts';
import type { Prescreen, PrescreenRequest, PrescreenResult } from '../../contract/prescreen.ts';
import { ServiceError } from '../errors.ts';

/** A running prescreen that has not been heard of for so long has lost its process and may be taken again. */
const staleMs = 120_000;
/** Workers that a request may lose before it is given up: it may be what kills them, as by using all memory. */
const mostLost = 3;

/**
 * Keeps a request. The same key with the same request gives the prescreen that is there.
 * @throws ServiceError conflict when the key came with another request before
 */
export async function submitPrescreen(
  db: Database,
  request: PrescreenRequest,
  { id = randomUUID(), key, now = Date.now() }: { id?: string; key?: string | undefined; now?: number } = {},
): Promise<{ prescreen: Prescreen; isNew: boolean }> {
  const row = freshRow(request, { id, key, now });
  if (await insertPrescreen(db, row)) return { prescreen: view(row), isNew: true };
  const existing = (await findPrescreenByKey(db, key!))!;
  if (JSON.stringify(existing.request) !== JSON.stringify(request))
    throw new ServiceError('conflict', 'This Idempotency-Key came with another request before; use a fresh one.');
  return { prescreen: view(existing), isNew: false };
}

/** A result that the command line computed, so that the page shows it and a study can be made of it. */
export async function recordResult(
  db: Database,
  request: PrescreenRequest,
  result: PrescreenResult,
  now = Date.now(),
): Promise<string> {
  const row = freshRow(request, { id: randomUUID(), now });
  await insertPrescreen(db, { ...row, state: 'done', result });
  return row.id;
}

function freshRow(
  request: PrescreenRequest,
  { id, key = null, now }: { id: string; key?: string | null | undefined; now: number },
): StoredPrescreen {
  return {
    id,
    request,
    idempotencyKey: key,
    state: 'queued',
    progress: null,
    result: null,
    error: null,
    createdAt: now,
    updatedAt: now,
    lostWorkers: 0,
  };
}

/** @throws ServiceError not-found */
export async function readPrescreen(db: Database, id: string): Promise<Prescreen> {
  const row = await findPrescreen(db, id);
  if (row === undefined) throw new ServiceError('not-found', `There is no prescreen "${id}".`);
  return view(row);
}

/** @throws ServiceError not-found; conflict while there is none */
export async function prescreenResult(db: Database, id: string): Promise<PrescreenResult> {
  const { result, state } = await readPrescreen(db, id);
  if (result === null) throw new ServiceError('conflict', `This prescreen is ${state}; it has no result yet.`);
  return result;
}

export async function allPrescreens(db: Database): Promise<Prescreen[]> {
  return (await listPrescreens(db)).map(view);
}

/** Takes the oldest that waits, or one whose process is gone; what has lost too many processes fails with a sentence. */
export async function takePrescreen(db: Database, now = Date.now()): Promise<Prescreen | undefined> {
  for (;;) {
    const row = await claimPrescreen(db, { now, staleBefore: now - staleMs });
    if (row === undefined) return undefined;
    if (row.lostWorkers < mostLost) return view(row);
    const error = `Its worker ended ${mostLost} times without a word, as a process does that is killed or out of memory.`;
    await finishPrescreen(db, row.id, { error }, now);
  }
}

export async function reportProgress(
  db: Database,
  id: string,
  progress: NonNullable<Prescreen['progress']>,
  now = Date.now(),
): Promise<void> {
  await updatePrescreen(db, id, { progress, updatedAt: now });
}

/** @param outcome the result, the sentence that says why there is none, or that somebody else has to begin again */
export async function finishPrescreen(
  db: Database,
  id: string,
  outcome: { result: PrescreenResult } | { error: string } | { requeue: true },
  now = Date.now(),
): Promise<void> {
  if ('result' in outcome) {
    await updatePrescreen(db, id, {
      state: 'done',
      result: outcome.result,
      error: null,
      updatedAt: now,
    });
  } else if ('error' in outcome) {
    await updatePrescreen(db, id, { state: 'failed', error: outcome.error, updatedAt: now });
  } else {
    await updatePrescreen(db, id, { state: 'queued', updatedAt: now });
  }
}

function view(row: StoredPrescreen): Prescreen {
  const result = row.result as PrescreenResult | null;
  return {
    id: row.id,
    state: row.state,
    request: row.request as PrescreenRequest,
    progress: row.progress as Prescreen['progress'],
    result,
    exitCode: row.state === 'failed' ? 1 : result === null ? null : result.passed ? 0 : 3,
    error: row.error,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  };
}

/** Where a request's images wait for their worker. */
export function uploadFolder(dataFolder: string, id: string): string {
  return join(dataFolder, 'uploads', id);
}

export async function isPrescreenWaiting(db: Database, now = Date.now()): Promise<boolean> {
  return hasFreePrescreen(db, now - staleMs);
}
