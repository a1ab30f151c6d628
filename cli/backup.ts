/** @file `visavis backup`: a copy of the database while the server runs. */
import { Command } from 'commander';
import { withWorkspace, type DataOption } from './context.ts';

export function backupCommand(): Command {
  return new Command('backup')
    .description('copy the SQLite database, also while the server runs')
    .argument('<file>')
    .option('--data <dir>', 'data directory')
    .action(async (file: string, options: DataOption) => {
      const { backupDatabase } = await import('../db/backup.ts');
      await withWorkspace(options, ({ db }) => backupDatabase(db, file));
      console.error(`Backed up to ${file}. Images never change: copy the folder images beside it.`);
    });
}
