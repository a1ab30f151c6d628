/**
 * @file The namespace /research: live progress of studies and prescreens. The database is asked once a second for each
 * that is watched, so that what another process does (a simulation, a worker, a second server) is seen like our own. A
 * token good for prescreens alone watches those alone.
 */
import type { Logger } from 'pino';
import type { Namespace, Socket } from 'socket.io';
import { z } from 'zod';
import type { Database } from '../../db/open.ts';
import type { ResearchClientEvents, ResearchServerEvents } from '../../contract/research.ts';
import type { PrescreenClientEvents, PrescreenServerEvents } from '../../contract/prescreen.ts';
import { hasRight } from '../access/rights.ts';
import type { Identity, Sessions } from '../http/session.ts';
import { logFailure } from '../errors.ts';
import { readPrescreen } from '../prescreens/prescreens.ts';
import { studySummary, withoutVisit } from '../study/summary.ts';

export type ResearchNamespace = Namespace<
  ResearchClientEvents & PrescreenClientEvents,
  ResearchServerEvents & PrescreenServerEvents
>;

const watchSchema = z.object({ name: z.string().min(1).max(200) });
const watchPrescreenSchema = z.object({ id: z.string().min(1).max(100) });
const intervalMs = 1000;

/** @returns stops the timer */
export function serveResearchers(
  namespace: ResearchNamespace,
  { db, sessions, log }: { db: Database; sessions: Sessions; log: Logger },
): () => void {
  namespace.use(async (socket, next) => {
    // When the database is away, what was known last holds.
    await sessions.refresh().catch((error: unknown) => logFailure(log, error));
    const identity = identityOf(socket.handshake);
    if (identity !== undefined && (hasRight(identity, 'read') || hasRight(identity, 'prescreen'))) next();
    else next(Object.assign(new Error('unauthorized'), { data: { code: 'unauthorized' } }));
  });

  /** By its cookie or its token; asked again as long as it watches, for either may be taken back. */
  function identityOf({ auth, headers }: Socket['handshake']): Identity | undefined {
    const { token } = auth as { token?: unknown };
    return sessions.ofCookie(headers.cookie) ?? sessions.ofToken(typeof token === 'string' ? token : '');
  }

  const sent = new Map<string, string>();
  const room = (name: string) => `study:${name}`;
  namespace.on('connection', (socket) => {
    socket.on('study:watch', (payload: unknown) => {
      const parsed = watchSchema.safeParse(payload);
      const identity = identityOf(socket.handshake);
      if (!parsed.success || identity === undefined || !hasRight(identity, 'read')) return;
      const { name } = parsed.data;
      for (const joined of socket.rooms) if (joined.startsWith('study:')) void socket.leave(joined);
      void socket.join(room(name));
      studySummary(db, name).then(
        (study) => socket.emit('study:progress', withoutVisit(study)),
        () => undefined,
      );
    });
    socket.on('prescreen:watch', (payload: unknown) => {
      const parsed = watchPrescreenSchema.safeParse(payload);
      if (!parsed.success) return;
      const { id } = parsed.data;
      void socket.join(`prescreen:${id}`);
      readPrescreen(db, id).then(
        (prescreen) => socket.emit('prescreen:progress', prescreen),
        () => undefined,
      );
    });
  });

  async function poll(): Promise<void> {
    if (namespace.sockets.size > 0) await sessions.refresh();
    for (const socket of namespace.sockets.values())
      if (identityOf(socket.handshake) === undefined) socket.disconnect(true);
    for (const name of [...namespace.adapter.rooms.keys()].filter((key) => key.startsWith('prescreen:'))) {
      const prescreen = await readPrescreen(db, name.slice('prescreen:'.length)).catch(() => undefined);
      const text = JSON.stringify(prescreen);
      if (prescreen === undefined || sent.get(name) === text) continue;
      sent.set(name, text);
      namespace.to(name).emit('prescreen:progress', prescreen);
    }
    for (const name of [...namespace.adapter.rooms.keys()].filter((key) => key.startsWith('study:'))) {
      const study = await studySummary(db, name.slice('study:'.length)).catch(() => undefined);
      const text = JSON.stringify(study);
      if (study === undefined || sent.get(name) === text) continue;
      sent.set(name, text);
      namespace.to(name).emit('study:progress', withoutVisit(study));
    }
  }
  let polling = false;
  const timer = setInterval(() => {
    if (polling) return;
    polling = true;
    poll()
      .catch((error: unknown) => logFailure(log, error))
      .finally(() => (polling = false));
  }, intervalMs);
  return () => clearInterval(timer);
}
