/** @file The researcher's HTTP API: studies, reports, prescreens. Binds contract rows to domain calls. */
import { Router, type Request, type RequestHandler, type Response } from 'express';
import type { Database } from '../../db/open.ts';
import type { Aside } from '../aside/aside.ts';
import { studyChangeSchema } from '../../contract/research.ts';
import { ServiceError } from '../errors.ts';
import { changeState, requireStudy } from '../study/lifecycle.ts';
import { figureName, sendFigure } from './figures.ts';
import type { ImageStore } from '../../evaluator/engine/images/store.ts';
import { imagesOfPair } from '../study/gallery.ts';
import { copySize } from './images.ts';
import { requireRevealed, reveal } from '../study/reveal.ts';
import { studySummaries, studySummary } from '../study/summary.ts';
import { trainingRuns } from '../training/runs.ts';
import type { Limits } from './limits.ts';
import type { Origins } from './origins.ts';
import { prescreenApi, type PrescreenParts } from './prescreens.ts';
import type { Scope, Sessions } from './session.ts';

export interface ResearchParts {
  db: Database;
  aside: Aside;
  images: ImageStore;
  sessions: Sessions;
  origins: Origins;
  limits: Limits;
  publicUrl: string | undefined;
  prescreens: Omit<PrescreenParts, 'db' | 'aside'>;
}

function positionIn({ position }: { position: string }): number {
  if (!/^\d{1,7}$/.test(position)) throw new ServiceError('bad-request', 'A pair is a whole number from 0.');
  return Number(position);
}

export function researchApi({
  db,
  aside,
  images,
  sessions,
  origins,
  limits,
  publicUrl,
  prescreens,
}: ResearchParts): Router {
  const router = Router();
  const require = (scope: Scope) => requireResearcher({ sessions, origins, limits }, scope);
  router.use('/prescreens', require('prescreen'), prescreenApi({ db, aside, ...prescreens }));
  router.use(require('all'));

  router.get('/studies', async (_request, response) => {
    response.json({ studies: await studySummaries(db) });
  });
  router.get('/studies/:name', async (request, response) => {
    response.json(await studySummary(db, request.params.name));
  });
  router.patch('/studies/:name', async (request, response) => {
    const change = studyChangeSchema.safeParse(request.body);
    if (!change.success)
      throw new ServiceError('bad-request', 'The body must be {"state": "open" | "paused" | "closed"}.');
    const { actor } = response.locals as { actor: string };
    await changeState(db, request.params.name, change.data.state, actor);
    response.json(await studySummary(db, request.params.name));
  });
  router.get('/studies/:name/invite', async (request, response) => {
    const study = await requireStudy(db, request.params.name);
    const path = `/annotate/${study.inviteToken}`;
    response.json({ path, ...(publicUrl === undefined ? {} : { url: publicUrl + path }) });
  });
  router.get('/studies/:name/report', async (request, response) => {
    await look(request, response);
    response.json(await aside.run('report', { name: request.params.name }));
  });
  router.get('/studies/:name/figures/:file', async (request, response) => {
    const file = figureName(request.params.file);
    await look(request, response);
    sendFigure(response, file, await aside.run('figure', { name: request.params.name, ...file }));
  });
  router.get('/studies/:name/pairs', async (request, response) => {
    await look(request, response);
    response.json(await aside.run('gallery', { name: request.params.name }));
  });
  router.get('/studies/:name/pairs/:position', async (request, response) => {
    await look(request, response);
    response.json(await aside.run('votesOnPair', { name: request.params.name, position: positionIn(request.params) }));
  });
  router.get('/studies/:name/pairs/:position/:side', async (request, response) => {
    const { name, side } = request.params;
    if (side !== 'a' && side !== 'b') throw new ServiceError('not-found', 'A pair has the images a and b.');
    const longest = copySize(request.query['at']);
    const sides = await imagesOfPair(db, name, positionIn(request.params));
    const image = await images.copy(sides[side], longest).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      throw new ServiceError('not-found', 'This image is missing on the server.');
    });
    response.set({ 'Content-Type': 'image/png', 'Cache-Control': 'private, max-age=86400, immutable' });
    response.end(image);
  });
  /** Running results are seen on demand alone, and the log tells of it. */
  async function look(request: Request<{ name: string }>, response: Response): Promise<void> {
    const { name } = request.params;
    if (request.query['reveal'] !== 'true') return requireRevealed(db, name);
    await reveal(db, name, (response.locals as { actor: string }).actor);
  }
  router.get('/runs', async (_request, response) => {
    response.json({ runs: await trainingRuns(db) });
  });
  return router;
}

function bearerOf(request: Pick<Request, 'headers'>): string | undefined {
  return /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1];
}

interface Asking {
  sessions: Sessions;
  origins: Origins;
  limits: Limits;
}

function requireResearcher({ sessions, origins, limits }: Asking, scope: Scope): RequestHandler {
  return async (request, response, next) => {
    await sessions.refresh();
    const bearer = bearerOf(request);
    if (bearer === undefined ? !sessions.isValid(request.headers.cookie) : !sessions.isToken(bearer, scope)) {
      if (bearer !== undefined) await limits.countWrongKey(request);
      throw new ServiceError(
        'unauthorized',
        'Open the researcher link that visavis serve prints, or send a token (visavis token).',
      );
    }
    // A cookie alone must not be enough for another site's page to change things.
    if (request.method !== 'GET' && bearer === undefined && !origins.isOwnPage(request)) {
      throw new ServiceError(
        'unauthorized',
        'This request comes from another site; behind a proxy, set VISAVIS_PUBLIC_URL to the address that browsers see.',
      );
    }
    (response.locals as { actor: string }).actor = sessions.actorOf(bearer, request.headers.cookie);
    next();
  };
}
