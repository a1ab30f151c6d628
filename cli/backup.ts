/** @file `visavis backup` and `visavis restore`: the data directory as one file. */
import { Command } from 'commander';
import { dataFolderOf } from '../server/config.ts';
import { BadInput } from '../evaluator/engine/files/bad-input.ts';
import { withWorkspace, type DataOption } from './context.ts';
import { printJson } from './output.ts';
import { packageVersion } from '../evaluator/engine/files/package-root.ts';

interface BackupOptions extends DataOption {
  images: boolean;
  json?: boolean;
}

export function backupCommand(): Command {
  return new Command('backup')
    .description('write the database and the images into one file, also while the server runs')
    .argument('<file>')
    .option('--no-images', 'leave the images out; copy the folder images by other means')
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (file: string, options: BackupOptions) => {
      const { backUp } = await import('../server/backup/backup.ts');
      const content = await withWorkspace(options, ({ db, images }) =>
        backUp(db, options.images ? images : null, file, { visavis: packageVersion() }),
      );
      if (options.json) printJson({ file, ...content });
      console.error(`Backed up to ${file}: the database and ${content.images} images.`);
      tellMissing(content.missing, options.images);
    });
}

export function restoreCommand(): Command {
  return new Command('restore')
    .description('check a backup and make a data directory of it')
    .argument('<file>')
    .option('--data <dir>', 'data directory; it must have no database yet')
    .option('--json', 'print JSON')
    .action(async (file: string, options: DataOption & { json?: boolean }) => {
      if ((process.env['DATABASE_URL'] ?? '') !== '')
        throw new BadInput(
          'DATABASE_URL is set: restore PostgreSQL with pg_restore (docs/deployment.md), or unset it.',
        );
      const { restore } = await import('../server/backup/restore.ts');
      const dataFolder = dataFolderOf(options.data);
      const restored = await restore(file, dataFolder);
      if (options.json) printJson({ file, dataFolder, ...restored });
      console.error(
        `Restored the backup of ${new Date(restored.createdAt).toISOString()} to ${dataFolder}: ` +
          `${restored.studies} studies, ${restored.votes} votes, ${restored.images} images.`,
      );
      tellMissing(restored.missing, true);
      console.error('Networks and adapters are not part of a backup: models name them by path and hash.');
    });
}

function tellMissing(missing: readonly string[], wereWanted: boolean): void {
  if (missing.length === 0) return;
  const which = missing.slice(0, 3).join(', ') + (missing.length > 3 ? ', …' : '');
  console.error(
    wereWanted
      ? `${missing.length} images that the database names are missing: ${which}`
      : `${missing.length} images are not in it: copy the folder images of the data directory.`,
  );
}
