/**
 * @file What Prolific tells by itself. A message says that something changed, never what: that is asked. So one that is forged, late,
 * doubled or out of order can do no more than cause a look. Signature: base64 of HMAC-SHA256 over timestamp + body.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Database } from '../../db/open.ts';
import { inTransaction } from '../../db/transactions.ts';
import { isNewEvent, prolificWorkspaces, putProlificWorkspace } from '../../db/queries/recruitments.ts';
import type { Sealer } from '../access/sealed.ts';
import { ServiceError } from '../errors.ts';
import type { ProlificClient } from './client.ts';

export const hookPath = '/hooks/prolific';
const events = ['submission.status.change', 'study.status.change', 'study.progress.change'];
/** A message is sent again for 48 hours. */
const rememberMs = 3 * 24 * 3600 * 1000;
const secretName = (workspace: string) => `prolific-hook-${workspace}`;

export interface HookParts {
  db: Database;
  sealer: Sealer;
  publicUrl: string | undefined;
}

export class Hooks {
  readonly #parts: HookParts;

  constructor(parts: HookParts) {
    this.#parts = parts;
  }

  /** Whether a workspace's changes are told to this server. */
  async hears(workspace: string): Promise<boolean> {
    const target = this.#target();
    return (await prolificWorkspaces(this.#parts.db)).some((each) => each.id === workspace && each.target === target);
  }

  /** Asks to be told of a workspace's changes, once. A workspace has one secret: a new one ends what others verify by it. */
  async subscribe(client: ProlificClient, workspace: string, now = Date.now()): Promise<void> {
    const target = this.#target();
    if (!target.startsWith('https://'))
      throw new ServiceError('conflict', 'Prolific tells changes to https addresses alone.');
    const { db, sealer } = this.#parts;
    const known = (await prolificWorkspaces(db)).find(({ id }) => id === workspace);
    if (known?.target === target) return;
    const secret =
      known?.secret ?? (await sealer.seal(secretName(workspace), await client.createHookSecret(workspace)));
    for (const event of events)
      await client.subscribe({ workspace_id: workspace, event_type: event, target_url: target });
    await inTransaction(db, (tx) => putProlificWorkspace(tx, { id: workspace, secret, target, createdAt: now }));
  }

  /**
   * Whether a message is Prolific's and is news.
   * @param body as it came, to the byte
   * @throws ServiceError unauthorized when it is not signed with any workspace's secret
   */
  async isNews(
    { signature, timestamp, eventId }: { signature: string; timestamp: string; eventId: string | undefined },
    body: Buffer,
    now = Date.now(),
  ): Promise<boolean> {
    const { db, sealer } = this.#parts;
    let isSigned = false;
    for (const { id, secret } of await prolificWorkspaces(db)) {
      // One that was sealed with a lost key must not make the others deaf.
      const known = await sealer.unseal(secretName(id), secret).catch(() => undefined);
      isSigned ||= known !== undefined && isSignature(known, timestamp, body, signature);
    }
    if (!isSigned) throw new ServiceError('unauthorized', 'This message is not signed as Prolific signs.');
    if (eventId === undefined || eventId === '') return true;
    return inTransaction(db, (tx) => isNewEvent(tx, eventId.slice(0, 200), now, now - rememberMs));
  }

  #target(): string {
    return `${this.#parts.publicUrl ?? ''}${hookPath}`;
  }
}

export function signatureOf(secret: string, timestamp: string, body: Buffer): string {
  return createHmac('sha256', secret).update(timestamp).update(body).digest('base64');
}

function isSignature(secret: string, timestamp: string, body: Buffer, signature: string): boolean {
  const [right, given] = [Buffer.from(signatureOf(secret, timestamp, body)), Buffer.from(signature)];
  return right.length === given.length && timingSafeEqual(right, given);
}
