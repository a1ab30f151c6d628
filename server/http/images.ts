/** @file Images for annotators, under the id of an assignment and the side that they are shown on. */
import { Router, type Response } from 'express';
import type { Database } from '../../db/open.ts';
import { imagesOfAssignment } from '../../db/queries/assignments.ts';
import type { ImageStore } from '../../evaluator/engine/images/store.ts';
import { copySizes } from '../../contract/copies.ts';
import { ServiceError } from '../errors.ts';
import type { Health } from '../health.ts';
import type { Previews } from '../socket/previews.ts';

/** The longest side of the copy that is asked for; few sizes, so that nobody can fill the cache. */
export function copySize(at: unknown): number | undefined {
  if (at === undefined) return undefined;
  const size = copySizes.find((each) => String(each) === at);
  if (size === undefined) throw new ServiceError('bad-request', `at must be one of ${copySizes.join(', ')}.`);
  return size;
}

/**
 * An image for who may know whose it is.
 * @param cache beside `private`: for good where the address is always of this image
 * @throws ServiceError not-found
 */
export async function sendCopy(
  response: Response,
  store: ImageStore,
  sha256: string,
  { longest, cache = 'max-age=86400, immutable' }: { longest: number | undefined; cache?: string },
): Promise<void> {
  const image = await store.copy(sha256, longest).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new ServiceError('not-found', 'This image is missing on the server.');
  });
  response.set({ 'Content-Type': 'image/png', 'Cache-Control': `private, ${cache}` });
  response.end(image);
}

export function annotatorImages(db: Database, previews: Previews, store: ImageStore, health: Health): Router {
  const router = Router();
  router.get('/annotate/images/:id/:side', async (request, response) => {
    const { id, side } = request.params;
    const longest = copySize(request.query['at']);
    const sides = await imagesOfAssignment(db, id);
    if (sides === undefined || (side !== 'left' && side !== 'right'))
      throw new ServiceError('not-found', 'There is no such image.');
    const image = await store
      .readBlind(sides[side], sides[side === 'left' ? 'right' : 'left'], longest)
      .catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
        health.imageIsMissing(sides[side]);
        throw new ServiceError('not-found', 'This image is missing on the server.');
      });
    // No ETag and no Last-Modified: they would be the same wherever this image is shown.
    response.set({ 'Content-Type': 'image/png', 'Cache-Control': 'private, max-age=86400, immutable' });
    response.end(image);
  });
  router.get('/annotate/previews/:token/:sha256', async (request, response) => {
    const { token, sha256 } = request.params;
    const longest = copySize(request.query['at']);
    if (!(await previews.shows(token, sha256))) throw new ServiceError('not-found', 'There is no such image.');
    await sendCopy(response, store, sha256, { longest });
  });
  return router;
}
