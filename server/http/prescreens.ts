/** @file Pre-screening over HTTP. Binds contract rows to domain calls; a scoped token opens these routes and no others. */
import { randomUUID } from 'node:crypto';
import { Router, type Request, type Response } from 'express';
import { rm } from 'node:fs/promises';
import type { Database } from '../../db/open.ts';
import { findModel } from '../../db/queries/models.ts';
import { findPromptSet, listPrompts } from '../../db/queries/prompts.ts';
import { findReward } from '../../db/queries/rewards.ts';
import { prescreenRequestSchema, studyFromScreenSchema, type PrescreenRequest } from '../../contract/prescreen.ts';
import type { Aside } from '../aside/aside.ts';
import { ServiceError } from '../errors.ts';
import { pathInInbox } from '../prescreens/inbox.ts';
import {
  allPrescreens,
  prescreenResult,
  readPrescreen,
  submitPrescreen,
  uploadFolder,
} from '../prescreens/prescreens.ts';
import { resultCsv } from '../../evaluator/screens/csv.ts';
import { figureName, sendFigure } from './figures.ts';
import { bodyOf, identityOf } from './researcher.ts';
import { receiveUpload, type UploadLimits } from './upload.ts';

export interface PrescreenParts {
  db: Database;
  aside: Aside;
  dataFolder: string;
  inbox: string;
  limits: UploadLimits;
  /** A prescreen waits. */
  onSubmitted: () => void;
}

export function prescreenApi({ db, aside, dataFolder, inbox, limits, onSubmitted }: PrescreenParts): Router {
  const router = Router();

  router.get('/', async (_request, response) => {
    response.json({ prescreens: await allPrescreens(db) });
  });
  router.get('/:id', async (request, response) => {
    response.json(await readPrescreen(db, request.params.id));
  });
  router.get('/:id/chart.svg', async (request, response) => {
    response.type('image/svg+xml').send(await aside.run('prescreenChart', { id: request.params.id }));
  });
  router.get('/:id/figures/:file', async (request, response) => {
    const file = figureName(request.params.file);
    sendFigure(response, file, await aside.run('prescreenFigure', { id: request.params.id, ...file }));
  });
  router.get('/:id/table.csv', async (request, response) => {
    response.type('text/csv').send(resultCsv(await prescreenResult(db, request.params.id)));
  });

  router.post('/', async (request, response) => {
    const id = randomUUID();
    const isUpload = request.is('multipart/form-data') !== false;
    const folder = uploadFolder(dataFolder, id);
    try {
      const received = isUpload
        ? await receiveUpload(request, folder, limits)
        : { request: request.body as unknown, files: [] };
      const parsed = await checked(db, inbox, received.request, received.files);
      const key = idempotencyKey(request);
      const { prescreen, isNew } = await submitPrescreen(db, parsed, { id, key });
      if (!isNew) await rm(folder, { recursive: true, force: true });
      else onSubmitted();
      answer(response, isNew, prescreen);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  });

  router.post('/:id/study', async (request, response) => {
    const design = bodyOf(studyFromScreenSchema, request);
    const { study, pairs, missing, a, b } = await aside.run('studyFromScreen', {
      id: request.params.id,
      design,
      actor: identityOf(response).actor,
    });
    response.status(201).json({ name: study.name, state: study.state, a, b, pairs, missing });
  });
  return router;
}

function answer(response: Response, isNew: boolean, prescreen: Awaited<ReturnType<typeof readPrescreen>>): void {
  response
    .status(isNew ? 202 : 200)
    .location(`/api/prescreens/${prescreen.id}`)
    .json(prescreen);
}

function idempotencyKey(request: Request): string | undefined {
  const key = request.header('idempotency-key');
  if (key !== undefined && !/^[\x21-\x7e]{1,200}$/.test(key))
    throw new ServiceError('bad-request', 'The Idempotency-Key must be 1 to 200 printable characters without spaces.');
  return key;
}

/** The request with its paths resolved; what can be refused now is refused now. */
async function checked(
  db: Database,
  inbox: string,
  body: unknown,
  files: readonly string[],
): Promise<PrescreenRequest> {
  const request = bodyOf(prescreenRequestSchema, { body });
  if (
    request.candidates.length + request.checkpoints.length === 0 &&
    !(request.adapter ?? request.images ?? request.upload)
  )
    throw new ServiceError('bad-request', 'Name what is compared: candidates, checkpoints, adapter, images or upload.');
  if ((request.upload === undefined) !== (files.length === 0)) {
    throw new ServiceError(
      'bad-request',
      'Images come as multipart/form-data files, with "upload": {"name": …} in the field "request".',
    );
  }
  const set = await findPromptSet(db, request.prompts);
  if (set === undefined) throw new ServiceError('not-found', `There is no prompt set named "${request.prompts}".`);
  if (files.length > 0) {
    const count = (await listPrompts(db, set.id)).length;
    const outside = files.find((file) => Number.parseInt(file, 10) >= count);
    if (outside !== undefined)
      throw new ServiceError('bad-request', `"${outside}" is for no prompt; the set has ${count}, counted from 0.`);
  }
  for (const name of [request.baseline, ...request.candidates]) {
    if ((await findModel(db, name)) === undefined)
      throw new ServiceError('not-found', `There is no model named "${name}".`);
  }
  for (const name of request.rewards) {
    if ((await findReward(db, name)) === undefined)
      throw new ServiceError('not-found', `There is no reward named "${name}".`);
  }
  for (const { name } of [request.images, request.upload].filter((part) => part !== undefined)) {
    if ((await findModel(db, name)) !== undefined)
      throw new ServiceError('conflict', `A model named "${name}" exists already; choose another name.`);
  }
  const inside = (path: string) => pathInInbox(inbox, path);
  return {
    ...request,
    checkpoints: await Promise.all(request.checkpoints.map(inside)),
    ...(request.adapter && { adapter: { ...request.adapter, path: await inside(request.adapter.path) } }),
    ...(request.images && { images: { ...request.images, path: await inside(request.images.path) } }),
  };
}
