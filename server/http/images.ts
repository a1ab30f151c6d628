/** @file Images for annotators, under ids that belong to one side of one assignment and say nothing else. */
import { Router } from 'express';
import type { Database } from '../../db/open.ts';
import { imageOfAssignment } from '../../db/queries/assignments.ts';
import type { ImageStore } from '../../evaluator/engine/images/store.ts';
import { ServiceError } from '../errors.ts';

export function annotatorImages(db: Database, store: ImageStore): Router {
  const router = Router();
  router.get('/annotate/images/:id', async (request, response) => {
    const sha256 = await imageOfAssignment(db, request.params.id);
    if (sha256 === undefined) throw new ServiceError('not-found', 'There is no such image.');
    const image = await store.readBlind(sha256);
    // No ETag and no Last-Modified: they would be the same wherever this image is shown.
    response.set({ 'Content-Type': 'image/png', 'Cache-Control': 'private, max-age=86400, immutable' });
    response.end(image);
  });
  return router;
}
