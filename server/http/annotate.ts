/**
 * @file The annotators' events as plain requests, for browsers whose network lets no socket through: POST
 * /annotate/api/EVENT with the event's payload, and `auth` beside it as a socket's handshake has it. The answer is the event's
 * acknowledgement, and `session` as a socket is told it.
 */
import { randomUUID } from 'node:crypto';
import { json, Router } from 'express';
import { httpStatus, ServiceError } from '../errors.ts';
import { largestMessage, type AnnotatorEvents } from '../socket/annotator-events.ts';
import type { Origins } from './origins.ts';
import { participantOf } from './participant.ts';

export function annotateApi(annotators: AnnotatorEvents, origins: Origins): Router {
  const router = Router();
  router.post('/annotate/api/:event', json({ limit: largestMessage }), async (request, response) => {
    if (!origins.isOwnPage(request))
      throw new ServiceError('unauthorized', 'Only pages of this server may send this request.');
    const { event } = request.params;
    if (!annotators.isEvent(event)) throw new ServiceError('not-found', `There is no event "${event}".`);
    const { auth, ...payload } = (request.body ?? {}) as { auth?: unknown };
    response.set('Cache-Control', 'no-store');
    try {
      if ((auth as { participant?: unknown })?.participant === undefined && !participantOf(request.headers.cookie))
        throw new ServiceError('bad-request', "auth.participant is missing; without the page's cookie it is needed.");
      const visitor = await annotators.identify(auth, request);
      // Whoever asks here has no connection whose end would be noticed, and may have lost one: what they hold stays theirs.
      await annotators.holdFor(visitor, randomUUID());
      const answer = await annotators.answer(event, visitor, payload);
      const session = annotators.sessionOf(visitor);
      response
        .status(answer.ok ? 200 : httpStatus[answer.error.code])
        .json({ ...answer, ...(session === undefined ? {} : { session }) });
    } catch (error) {
      const failure = annotators.failureOf(error);
      response.status(httpStatus[failure.code]).json({ ok: false, error: failure });
    }
  });
  return router;
}
