/** @file The researcher's HTTP API: studies, reports, prescreens. Binds contract rows to domain calls. */
import { json, Router, type Request, type Response } from 'express';
import type { Database } from '../../db/open.ts';
import type { Previews } from '../socket/previews.ts';
import type { Aside } from '../aside/aside.ts';
import {
  commentRequestSchema,
  shareRequestSchema,
  studyChangeSchema,
  studyRemovalSchema,
  type StudySummary,
} from '../../contract/research.ts';
import { exclusionRequestSchema } from '../../contract/quality.ts';
import { hasRight } from '../access/rights.ts';
import { ServiceError } from '../errors.ts';
import { excludeAnnotator, includeAnnotator } from '../study/exclusions.ts';
import { reopenSeats } from '../study/extra-seats.ts';
import { addComment, commentsOf, removeComment, type Reader } from '../study/comments.ts';
import { archiveStudy, changeState, requireStudy } from '../study/lifecycle.ts';
import { changeName } from '../study/naming.ts';
import { eraseParticipant, participantData } from '../study/people.ts';
import { removeStudy } from '../study/removal.ts';
import { figureName, sendFigure } from './figures.ts';
import type { ImageStore } from '../../evaluator/engine/images/store.ts';
import { imagesOfPair } from '../study/gallery.ts';
import { copySize, sendCopy } from './images.ts';
import { isRunning, requireRevealed, reveal } from '../study/reveal.ts';
import { endSharing, shareReport, sharesOf } from '../study/shares.ts';
import type { Recruiting } from '../prolific/recruiting.ts';
import { studySummaries, studySummary, withoutVisit } from '../study/summary.ts';
import { trainingRuns } from '../training/runs.ts';
import { accessApi } from './access.ts';
import { editorApi } from './editor.ts';
import { prolificApi, recruitmentApi } from './prolific.ts';
import { jobsApi } from './jobs.ts';
import { prescreenApi, type PrescreenParts } from './prescreens.ts';
import { allowed, bodyOf, identityOf, requireResearcher, sendJson, type Asking } from './researcher.ts';

export interface ResearchParts extends Asking {
  db: Database;
  previews: Previews;
  aside: Aside;
  imports: Aside;
  images: ImageStore;
  publicUrl: string | undefined;
  recruiting: Recruiting;
  prescreens: Omit<PrescreenParts, 'db' | 'aside'>;
}

/** A visit holds completion codes and the answers of gold pairs: nothing for those who only read. */
function shownTo(response: Response, study: StudySummary): StudySummary {
  return hasRight(identityOf(response), 'research') ? study : withoutVisit(study);
}

function readerOf(response: Response): Reader {
  const identity = identityOf(response);
  return { actor: identity.actor, isOwner: hasRight(identity, 'own') };
}

function positionIn({ position }: { position: string }): number {
  if (!/^\d{1,7}$/.test(position)) throw new ServiceError('bad-request', 'A pair is a whole number from 0.');
  return Number(position);
}

export function researchApi({
  db,
  previews,
  aside,
  imports,
  images,
  publicUrl,
  recruiting,
  prescreens,
  ...asking
}: ResearchParts): Router {
  const router = Router();
  // Before the parser of small bodies: the editor's may be larger.
  router.use(
    editorApi({
      db,
      previews,
      aside,
      imports,
      images,
      dataFolder: prescreens.dataFolder,
      upload: prescreens.limits,
      ...asking,
    }),
  );
  router.use(json({ limit: '100kb' }));
  router.use(accessApi({ db, publicUrl, ...asking }));
  const look = requireResearcher(asking, 'read', 'prescreen');
  const run = requireResearcher(asking, 'prescreen');
  router.use('/prescreens', (request, response, next) =>
    (request.method === 'GET' ? look : run)(request, response, next),
  );
  router.use('/prescreens', prescreenApi({ db, aside, ...prescreens }));
  router.use(requireResearcher(asking, 'read'));
  router.use('/jobs', jobsApi(db));
  router.use('/prolific', prolificApi(recruiting));
  router.use('/studies/:name/prolific', recruitmentApi(recruiting, aside));

  router.get('/studies', async (request, response) => {
    const all = request.query['all'] === 'true';
    response.json({ studies: (await studySummaries(db, { all })).map((study) => shownTo(response, study)) });
  });
  router.get('/studies/:name', async (request, response) => {
    response.json(shownTo(response, await studySummary(db, request.params.name)));
  });
  router.patch('/studies/:name', async (request, response) => {
    const { actor } = allowed(response, 'research');
    const change = studyChangeSchema.safeParse(request.body);
    if (!change.success)
      throw new ServiceError(
        'bad-request',
        'The body must be {"state": "open" | "paused" | "closed"}, {"name": "…"} or {"archived": true}.',
      );
    const { name } = request.params;
    const { state, name: next, archived } = change.data;
    if (state !== undefined) await changeState(db, name, state, actor);
    if (next !== undefined) await changeName(db, name, next, actor);
    if (archived !== undefined) await archiveStudy(db, name, { undo: !archived, actor });
    response.json(await studySummary(db, next ?? name));
  });
  router.delete('/studies/:name', async (request, response) => {
    const { actor } = allowed(response, 'research');
    const votes = await removeStudy(db, request.params.name, bodyOf(studyRemovalSchema, request).name, actor);
    response.json({ votes });
  });
  router.get('/studies/:name/comments', async (request, response) => {
    const { name } = request.params;
    // They may tell of results that are hidden while people vote.
    if (await isRunning(db, name)) allowed(response, 'research');
    response.json({ comments: await commentsOf(db, name, readerOf(response)) });
  });
  router.post('/studies/:name/comments', async (request, response) => {
    allowed(response, 'research');
    const asked = bodyOf(commentRequestSchema, request);
    response.status(201).json(await addComment(db, request.params.name, asked, readerOf(response)));
  });
  router.delete('/studies/:name/comments/:id', async (request, response) => {
    allowed(response, 'research');
    await removeComment(db, request.params.name, request.params.id, readerOf(response));
    response.json({ done: true });
  });
  router.get('/studies/:name/annotators/:annotator', async (request, response) => {
    allowed(response, 'research');
    const { name, annotator } = request.params;
    response.json(await participantData(db, annotator, name));
  });
  router.delete('/studies/:name/annotators/:annotator', async (request, response) => {
    const { actor } = allowed(response, 'research');
    const { name: study, annotator } = request.params;
    response.json({ erased: await eraseParticipant(db, annotator, { study, actor }) });
  });
  router.get('/studies/:name/invite', async (request, response) => {
    allowed(response, 'research');
    const study = await requireStudy(db, request.params.name);
    const path = `/annotate/${study.inviteToken}`;
    response.json({ path, ...(publicUrl === undefined ? {} : { url: publicUrl + path }) });
  });
  router.get('/studies/:name/shares', async (request, response) => {
    allowed(response, 'research');
    const shares = await sharesOf(db, request.params.name);
    response.json({
      shares: shares.map(({ id, label, createdAt, expiresAt, revokedAt }) => ({
        ...{ id, label, createdAt, expiresAt, revokedAt },
      })),
    });
  });
  router.post('/studies/:name/shares', async (request, response) => {
    const { actor } = allowed(response, 'research');
    const { share, path } = await shareReport(db, request.params.name, bodyOf(shareRequestSchema, request), actor);
    response.status(201).json({ id: share.id, path, ...(publicUrl === undefined ? {} : { url: publicUrl + path }) });
  });
  router.delete('/studies/:name/shares/:id', async (request, response) => {
    await endSharing(db, request.params.name, request.params.id, allowed(response, 'research').actor);
    response.json({ done: true });
  });
  router.get('/studies/:name/report', async (request, response) => {
    await revealAsked(request, response);
    sendJson(response, await aside.json('report', { name: request.params.name }));
  });
  router.get('/studies/:name/figures/:file', async (request, response) => {
    const file = figureName(request.params.file);
    await revealAsked(request, response);
    sendFigure(response, file, await aside.run('figure', { name: request.params.name, ...file }));
  });
  router.get('/studies/:name/live', async (request, response) => {
    sendJson(response, await aside.json('live', { name: request.params.name }));
  });
  router.get('/studies/:name/annotators', async (request, response) => {
    allowed(response, 'research');
    const isQuick = request.query['reliability'] === 'false';
    // What takes longest keeps nobody waiting who looks at something else.
    const thread = isQuick ? aside : imports;
    sendJson(response, await thread.json('quality', { name: request.params.name, isQuick }));
  });
  router.post('/studies/:name/annotators/reopen', async (request, response) => {
    const { actor } = allowed(response, 'research');
    response.json(await reopenSeats(db, request.params.name, actor));
  });
  for (const verb of ['exclude', 'include'] as const)
    router.post(`/studies/:name/annotators/:participant/${verb}`, async (request, response) => {
      const { actor } = allowed(response, 'research');
      const { name, participant } = request.params as { name: string; participant: string };
      const body = exclusionRequestSchema.safeParse(request.body);
      if (!body.success) throw new ServiceError('bad-request', 'The body must be {"reason": "…"}.');
      const { reason } = body.data;
      if (verb === 'exclude') await excludeAnnotator(db, name, participant, reason, actor);
      else await includeAnnotator(db, name, participant, reason.trim() === '' ? undefined : reason, actor);
      response.json({ done: true });
    });
  router.get('/studies/:name/pairs', async (request, response) => {
    const first = request.query['first'];
    if (first !== undefined && !(typeof first === 'string' && /^[1-9]\d{0,8}$/.test(first)))
      throw new ServiceError('bad-request', 'first must be a number of pairs, 1 or more.');
    await revealAsked(request, response);
    sendJson(
      response,
      await aside.json('gallery', {
        name: request.params.name,
        first: first === undefined ? undefined : Number(first),
      }),
    );
  });
  router.get('/studies/:name/contrasts', async (request, response) =>
    sendJson(response, await aside.json('contrasts', { name: request.params.name })),
  );
  router.get('/studies/:name/pairs/:position', async (request, response) => {
    await revealAsked(request, response);
    sendJson(
      response,
      await aside.json('votesOnPair', { name: request.params.name, position: positionIn(request.params) }),
    );
  });
  router.get('/studies/:name/pairs/:position/:side', async (request, response) => {
    const { name, side } = request.params;
    if (side !== 'a' && side !== 'b') throw new ServiceError('not-found', 'A pair has the images a and b.');
    const longest = copySize(request.query['at']);
    const sides = await imagesOfPair(db, name, positionIn(request.params));
    await sendCopy(response, images, sides[side], { longest });
  });
  /** Running results are seen on demand alone, and the log tells of it. */
  async function revealAsked(request: Request<{ name: string }>, response: Response): Promise<void> {
    const { name } = request.params;
    if (request.query['reveal'] !== 'true') return requireRevealed(db, name);
    await reveal(db, name, allowed(response, 'research').actor);
  }
  router.get('/runs', async (_request, response) => {
    response.json({ runs: await trainingRuns(db) });
  });
  return router;
}
