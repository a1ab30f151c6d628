/** @file Jobs of the team's queue: how far they are, and ending one. Any server tells it, whether or not it could run one. */
import { Router } from 'express';
import type { Database } from '../../db/open.ts';
import { allJobs, cancelJob, readJob } from '../queue/jobs.ts';
import { allowed } from './researcher.ts';

export function jobsApi(db: Database): Router {
  const router = Router();
  router.get('/', async (_request, response) => {
    response.json({ jobs: await allJobs(db) });
  });
  router.get('/:id', async (request, response) => {
    response.json(await readJob(db, request.params.id));
  });
  router.post('/:id/cancel', async (request, response) => {
    const { actor } = allowed(response, 'research');
    response.json(await cancelJob(db, request.params.id, actor));
  });
  return router;
}
