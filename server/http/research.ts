/** @file The researcher's HTTP API: studies, reports, exports of votes. Binds contract rows to domain calls. */
import { Router, type RequestHandler } from 'express';
import type { Database } from '../../db/open.ts';
import { studyChangeSchema } from '../contract/research.ts';
import { ServiceError } from '../errors.ts';
import { changeState, requireStudy } from '../study/lifecycle.ts';
import { studyReport } from '../study/study-report.ts';
import { studySummaries, studySummary } from '../study/summary.ts';
import type { Sessions } from './session.ts';

export function researchApi(db: Database, sessions: Sessions): Router {
  const router = Router();
  router.use(requireResearcher(sessions));

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
    await changeState(db, request.params.name, change.data.state);
    response.json(await studySummary(db, request.params.name));
  });
  router.get('/studies/:name/invite', async (request, response) => {
    const study = await requireStudy(db, request.params.name);
    response.json({ path: `/annotate/${study.invite_token}` });
  });
  router.get('/studies/:name/report', async (request, response) => {
    response.json(await studyReport(db, request.params.name));
  });
  return router;
}

function requireResearcher(sessions: Sessions): RequestHandler {
  return (request, _response, next) => {
    if (!sessions.isValid(request.headers.cookie)) {
      throw new ServiceError('unauthorized', 'Open the researcher link that visavis serve prints.');
    }
    // A cookie alone must not be enough for another site's page to change things.
    const origin = request.headers.origin;
    if (request.method !== 'GET' && origin !== undefined && new URL(origin).host !== request.headers.host) {
      throw new ServiceError('unauthorized', 'This request comes from another site.');
    }
    next();
  };
}
