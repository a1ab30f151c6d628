/** @file Images for annotators, under the id of an assignment and the side that they are shown on. */
import { Router } from 'express';
import type { Database } from '../../db/open.ts';
import { imageOfAssignment } from '../../db/queries/assignments.ts';
import type { ImageStore } from '../../evaluator/engine/images/store.ts';
import type { Logger } from 'pino';
import { ServiceError } from '../errors.ts';
import type { Metrics } from './metrics.ts';

export function annotatorImages(
  db: Database,
  store: ImageStore,
  { metrics, log }: { metrics: Metrics; log: Logger },
): Router {
  const router = Router();
  router.get('/annotate/images/:id/:side', async (request, response) => {
    const { id, side } = request.params;
    const shown = side === 'left' || side === 'right' ? await imageOfAssignment(db, id, side) : undefined;
    if (shown === undefined) throw new ServiceError('not-found', 'There is no such image.');
    const image = await store.readBlind(shown.image, shown.other).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      metrics.missingImages.inc();
      log.error(shown, 'An image of a pair is missing in the data directory; copy it back.');
      throw new ServiceError('not-found', 'This image is missing on the server.');
    });
    // No ETag and no Last-Modified: they would be the same wherever this image is shown.
    response.set({ 'Content-Type': 'image/png', 'Cache-Control': 'private, max-age=86400, immutable' });
    response.end(image);
  });
  return router;
}
