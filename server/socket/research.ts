/**
 * @file The namespace /research: live progress. The database is asked once a second for each watched study, so that
 * votes taken by another process (a simulation, a second server) are seen like our own.
 */
import type { Logger } from 'pino';
import type { Namespace } from 'socket.io';
import { z } from 'zod';
import type { Database } from '../../db/open.ts';
import type { ResearchClientEvents, ResearchServerEvents } from '../contract/research.ts';
import type { Sessions } from '../http/session.ts';
import { studySummary } from '../study/summary.ts';

export type ResearchNamespace = Namespace<ResearchClientEvents, ResearchServerEvents>;

const watchSchema = z.object({ name: z.string().min(1).max(200) });
const intervalMs = 1000;

/** @returns stops the timer */
export function serveResearchers(
  namespace: ResearchNamespace,
  { db, sessions, log }: { db: Database; sessions: Sessions; log: Logger },
): () => void {
  namespace.use((socket, next) => {
    if (sessions.isValid(socket.handshake.headers.cookie)) next();
    else next(Object.assign(new Error('unauthorized'), { data: { code: 'unauthorized' } }));
  });

  const sent = new Map<string, string>();
  const room = (name: string) => `study:${name}`;
  namespace.on('connection', (socket) => {
    socket.on('study:watch', (payload: unknown) => {
      const parsed = watchSchema.safeParse(payload);
      if (!parsed.success) return;
      const { name } = parsed.data;
      for (const joined of socket.rooms) if (joined.startsWith('study:')) void socket.leave(joined);
      void socket.join(room(name));
      studySummary(db, name).then(
        (study) => socket.emit('study:progress', study),
        () => undefined,
      );
    });
  });

  async function poll(): Promise<void> {
    for (const name of [...namespace.adapter.rooms.keys()].filter((key) => key.startsWith('study:'))) {
      const study = await studySummary(db, name.slice('study:'.length)).catch(() => undefined);
      const text = JSON.stringify(study);
      if (study === undefined || sent.get(name) === text) continue;
      sent.set(name, text);
      namespace.to(name).emit('study:progress', study);
    }
  }
  let polling = false;
  const timer = setInterval(() => {
    if (polling) return;
    polling = true;
    poll()
      .catch((error: unknown) => log.error(error))
      .finally(() => (polling = false));
  }, intervalMs);
  return () => clearInterval(timer);
}
