/**
 * @file What researchers did, in a log that shows when it was changed: each entry holds the SHA-256 of the one before and of
 * itself. Actors and subjects are random ids or names of studies, never of people.
 */
import { createHash } from 'node:crypto';
import type { Database } from '../../db/open.ts';
import {
  insertAuditEntry,
  lastAuditEntry,
  listAuditEntries,
  lockAudit,
  type AuditEntry,
} from '../../db/queries/audit.ts';

/** Whoever may run commands on the server's machine. */
export const commandLine = 'command line';
export const fromCommandLine = { actor: commandLine, account: null };

export interface Deed {
  /** `command line`, `account ID`, `session ID` or `token ID`. */
  actor: string;
  /** As `study open`. */
  action: string;
  /** What it was done to. */
  subject: string;
}

/** Adds an entry. Call it in the transaction of what it tells of. */
export async function record(tx: Database, { actor, action, subject }: Deed, now = Date.now()): Promise<void> {
  await lockAudit(tx);
  const last = await lastAuditEntry(tx);
  const entry = {
    position: (last?.position ?? 0) + 1,
    createdAt: now,
    actor,
    action,
    subject,
    previous: last?.hash ?? '',
  };
  await insertAuditEntry(tx, { ...entry, hash: hashOf(entry) });
}

/** All entries, oldest first, and the position of the first one that does not fit; null when the chain is whole. */
export async function readAudit(db: Database): Promise<{ entries: AuditEntry[]; brokenAt: number | null }> {
  const entries = await listAuditEntries(db);
  return { entries, brokenAt: brokenAt(entries) };
}

/** The position of the first entry that does not follow from the one before; null when the chain is whole. */
export function brokenAt(entries: readonly AuditEntry[]): number | null {
  const broken = entries.find(
    (entry, i) =>
      entry.position !== i + 1 || entry.previous !== (entries[i - 1]?.hash ?? '') || entry.hash !== hashOf(entry),
  );
  return broken?.position ?? null;
}

function hashOf({ position, createdAt, actor, action, subject, previous }: Omit<AuditEntry, 'hash'>): string {
  const text = JSON.stringify([position, createdAt, actor, action, subject, previous]);
  return createHash('sha256').update(text).digest('hex');
}
