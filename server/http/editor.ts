/** @file The HTTP API of the study editor: what there is, what a file would make, new prompts, images and studies. */
import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { json, Router, type Request } from 'express';
import { z } from 'zod';
import {
  draftChangeSchema,
  draftRemovalSchema,
  newPromptsSchema,
  newRendersSchema,
  newStudySchema,
  studyCheckRequestSchema,
} from '../../contract/editor.ts';
import type { Database } from '../../db/open.ts';
import { listDrafts } from '../../db/queries/drafts.ts';
import type { ImageStore } from '../../evaluator/engine/images/store.ts';
import type { Aside } from '../aside/aside.ts';
import { textSchema } from '../../contract/words.ts';
import { ServiceError } from '../errors.ts';
import { uploadFolder } from '../prescreens/prescreens.ts';
import { imageOfPrompt } from '../study/editor.ts';
import { htmlOf } from '../study/markdown.ts';
import { dropDraft, keepDraft, requireDraft } from '../study/drafts.ts';
import { studyFile } from '../study/study-file.ts';
import type { Previews } from '../socket/previews.ts';
import { studySummary } from '../study/summary.ts';
import { copySize, sendCopy } from './images.ts';
import { bodyOf, identityOf, requireResearcher, sendJson, type Asking } from './researcher.ts';
import { receiveUpload, type UploadLimits } from './upload.ts';

const name = textSchema.min(1).max(200);
const imageAskedSchema = z.object({
  name,
  position: z.coerce.number().int().min(0).max(1e7),
  model: name,
  beside: name,
});
/** As long as a study's text may be. */
const markdownSchema = z.object({ text: z.string().max(20_000) });

function nameIn({ params }: Request): string {
  const parsed = name.safeParse(params['name']);
  if (!parsed.success) throw new ServiceError('not-found', 'There is nothing of this name.');
  return parsed.data;
}

function draftIdIn({ params }: Request): string {
  const parsed = z.uuid().toLowerCase().safeParse(params['id']);
  if (!parsed.success) throw new ServiceError('not-found', 'There is no such draft; a draft’s id is a UUID.');
  return parsed.data;
}

export interface EditorParts extends Asking {
  db: Database;
  previews: Previews;
  aside: Aside;
  /** A thread for imports: they take minutes, which reports need not wait for. */
  imports: Aside;
  images: ImageStore;
  dataFolder: string;
  upload: UploadLimits;
}

export function editorApi({
  db,
  previews,
  aside,
  imports,
  images,
  dataFolder,
  upload,
  ...asking
}: EditorParts): Router {
  const router = Router();
  const drafting = requireResearcher(asking, 'draft');
  const large = json({ limit: '8mb' });

  router.get('/material', drafting, async (_request, response) => {
    sendJson(response, await aside.json('material', undefined));
  });
  router.get('/prompt-sets/:name', drafting, async (request, response) => {
    sendJson(response, await aside.json('promptsOf', nameIn(request)));
  });
  router.get('/prompt-sets/:name/images/:position', drafting, async (request, response) => {
    const which = imageAskedSchema.safeParse({ ...request.params, ...request.query });
    if (!which.success) throw new ServiceError('not-found', 'There is no such image.');
    const { name: promptSet, ...rest } = which.data;
    const sha256 = await imageOfPrompt(db, { promptSet, ...rest });
    await sendCopy(response, images, sha256, { longest: copySize(request.query['at']), cache: 'max-age=86400' });
  });
  router.post('/prompt-sets', drafting, large, async (request, response) => {
    const { name, format, text } = bodyOf(newPromptsSchema, request);
    const folder = uploadFolder(dataFolder, randomUUID());
    const path = join(folder, `prompts.${format}`);
    try {
      await mkdir(folder, { recursive: true });
      await writeFile(path, text);
      const { prompts } = await aside.run('promptsFrom', { path, name });
      response.status(201).json({ name, prompts });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
  router.post('/models', drafting, async (request, response) => {
    if (request.is('multipart/form-data') === false)
      throw new ServiceError('bad-request', 'Images come as multipart/form-data.');
    const folder = uploadFolder(dataFolder, randomUUID());
    try {
      const received = await receiveUpload(request, folder, upload);
      const asked = newRendersSchema.safeParse(received.request);
      if (!asked.success)
        throw new ServiceError('bad-request', 'The field "request" must be {"name": "…", "prompts": "…"}.');
      const { imported, converted } = await imports.run('rendersFrom', { folder, dataFolder, ...asked.data });
      response.status(201).json({ name: asked.data.name, imported, converted });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
  router.post('/markdown', drafting, large, (request, response) => {
    response.json({ html: htmlOf(bodyOf(markdownSchema, request).text) });
  });
  router.post('/studies/check', drafting, large, async (request, response) => {
    response.json(await aside.run('checkStudy', bodyOf(studyCheckRequestSchema, request)));
  });
  router.post('/studies/preview', drafting, large, async (request, response) => {
    const token = await previews.add(await aside.run('previewMaterial', bodyOf(newStudySchema, request)));
    response.status(201).json({ path: `/annotate/${token}?participant=preview` });
  });
  router.get('/drafts', drafting, async (_request, response) => {
    response.json({ drafts: await listDrafts(db) });
  });
  router.get('/drafts/:id', drafting, async (request, response) => {
    response.json(await requireDraft(db, draftIdIn(request)));
  });
  router.put('/drafts/:id', drafting, large, async (request, response) => {
    response.json(await keepDraft(db, draftIdIn(request), bodyOf(draftChangeSchema, request)));
  });
  router.delete('/drafts/:id', drafting, large, async (request, response) => {
    await dropDraft(db, draftIdIn(request), bodyOf(draftRemovalSchema, request).version);
    response.json({ done: true });
  });
  router.post('/studies', drafting, large, async (request, response) => {
    const { file } = bodyOf(newStudySchema, request);
    const { name } = await aside.run('studyFromFile', { file, actor: identityOf(response).actor });
    response.status(201).json(await studySummary(db, name));
  });
  router.get('/studies/:name/file', drafting, async (request, response) => {
    response.json(await studyFile(db, nameIn(request)));
  });
  return router;
}
