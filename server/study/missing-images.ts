/** @file Which images of open studies are not in the data directory. */
import type { Database } from '../../db/open.ts';
import { imagesOfOpenStudies } from '../../db/queries/studies.ts';
import { ImageStore } from '../../evaluator/engine/images/store.ts';

/** @param example the first one's path, null when all are there */
export async function missingImages(
  db: Database,
  dataFolder: string,
): Promise<{ missing: number; example: string | null }> {
  const store = new ImageStore(dataFolder);
  const missing = await store.lacking(await imagesOfOpenStudies(db));
  return { missing: missing.length, example: missing[0] === undefined ? null : store.placeOf(missing[0]) };
}
