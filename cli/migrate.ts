/** @file `visavis migrate`: what opening the database does by itself, said aloud, or tried on a copy. */
import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { databaseLocation, dataFolderOf } from '../server/config.ts';
import { BadInput } from '../evaluator/engine/files/bad-input.ts';
import type { DataOption } from './context.ts';
import { printJson } from './output.ts';

export function migrateCommand(): Command {
  return new Command('migrate')
    .description('bring the database to this version; every command does so when it opens it')
    .option('--rehearse', 'on a copy, which is checked and removed')
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (options: DataOption & { rehearse?: boolean; json?: boolean }) => {
      const location = databaseLocation(dataFolderOf(options.data));
      if (!location.startsWith('postgres') && !existsSync(location))
        throw new BadInput(`There is no database at ${location}.`);
      const { openDatabase, pendingIn } = await import('../db/open.ts');
      const { rehearse } = await import('../db/backup.ts');
      if (options.rehearse) {
        const { migrations, seconds } = await rehearse(location);
        if (options.json) printJson({ rehearsed: true, migrations, seconds });
        else if (migrations.length === 0) console.log('The database is of this version; nothing to do.');
        else console.log(`On a copy: ${migrations.join(', ')} took ${seconds.toFixed(1)} s, and the copy is whole.`);
        return;
      }
      const migrations = await pendingIn(location);
      await (await openDatabase(location, (note) => console.error(note))).destroy();
      if (options.json) printJson({ rehearsed: false, migrations });
      else if (migrations.length === 0) console.log('The database is of this version; nothing to do.');
      else console.log(`Done: ${migrations.join(', ')}.`);
    });
}
