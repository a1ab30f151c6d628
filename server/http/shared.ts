/**
 * @file A shared report. It is served in a sandbox without an origin: its scripts are its own, checked by their hashes, and whatever a
 * study's name or prompts hold, they act on nothing of ours.
 */
import { Router } from 'express';
import type { Database } from '../../db/open.ts';
import type { Aside } from '../aside/aside.ts';
import { ServiceError } from '../errors.ts';
import { requireRevealed } from '../study/reveal.ts';
import { studyShared } from '../study/shares.ts';
import type { Limits } from './limits.ts';

/** A report is made anew after this: many may open a link at once. */
const keptMs = 30_000;
const mostKept = 20;

export function sharedReports({ db, aside, limits }: { db: Database; aside: Aside; limits: Limits }): Router {
  const router = Router();
  const kept = new Map<string, { at: number; file: Promise<{ html: string; policy: string }> }>();

  router.get('/shared/:key', async (request, response) => {
    const name = await studyShared(db, request.params.key);
    if (name === undefined) {
      await limits.countWrongKey(request);
      throw new ServiceError('not-found', 'This link is wrong, over, or was taken back. Ask whoever gave it to you.');
    }
    // Whoever looks at running results may stop the study when they please, with or without an account.
    await requireRevealed(db, name);
    const { html, policy } = await reportOf(name);
    response.set({
      'Content-Security-Policy': `sandbox allow-scripts allow-downloads allow-modals; ${policy}`,
      'Cache-Control': 'private, no-store',
      'X-Robots-Tag': 'noindex',
    });
    response.type('html').send(html);
  });
  return router;

  function reportOf(name: string) {
    const now = performance.now();
    const known = kept.get(name);
    if (known !== undefined && now - known.at < keptMs) return known.file;
    if (kept.size >= mostKept) kept.clear();
    const file = aside.run('sharedReport', { name });
    kept.set(name, { at: now, file });
    file.catch(() => kept.delete(name));
    return file;
  }
}
