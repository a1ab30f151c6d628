/** @file Arrow: data directory → one file, while the server runs. */
import type { Database } from '../../db/open.ts';
import { copyDatabase } from '../../db/backup.ts';
import type { ImageStore } from '../../evaluator/engine/images/store.ts';
import { sha256Of } from '../../evaluator/engine/files/hashes.ts';

export interface BackupContent {
  images: number;
  /** SHA-256 of images that the database names and the data directory has not, or has with other bytes. */
  missing: string[];
}

/**
 * @param images null leaves them out: the folder of images is copied by other means
 * @throws DatabaseError on PostgreSQL, when the file exists, or when it cannot be written
 */
export async function backUp(
  db: Database,
  images: ImageStore | null,
  file: string,
  { visavis, now = Date.now() }: { visavis: string; now?: number },
): Promise<BackupContent> {
  const content: BackupContent = { images: 0, missing: [] };
  await copyDatabase(db, file, async (copy) => {
    copy.begin({ createdAt: now, visavis });
    for (const sha256 of copy.namedImages()) {
      const bytes = await images?.read(sha256).catch(() => undefined);
      if (bytes === undefined || sha256Of(bytes) !== sha256) content.missing.push(sha256);
      else {
        copy.addImage(sha256, bytes);
        content.images += 1;
      }
    }
  });
  return content;
}
