/** @file `visavis token`: a bearer token for scripts. */
import { Command, Option } from 'commander';
import type { Scope } from '../server/http/session.ts';
import { withWorkspace, type DataOption } from './context.ts';
import { wholeNumber } from './numbers.ts';
import { printJson } from './output.ts';

export function tokenCommand(): Command {
  return new Command('token')
    .description('print a bearer token for the HTTP API')
    .addOption(
      new Option('--scope <scope>', 'all: a researcher’s rights; prescreen: prescreens alone')
        .choices(['all', 'prescreen'])
        .default('all'),
    )
    .option('--days <n>', 'days until it ends', wholeNumber(1), 90)
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (options: DataOption & { days: number; scope: Scope; json?: boolean }) => {
      const { Sessions } = await import('../server/http/session.ts');
      const expires = Date.now() + options.days * 24 * 3600 * 1000;
      const token = await withWorkspace(options, async ({ db }) =>
        (await Sessions.open(db)).token(expires, options.scope),
      );
      if (options.json) printJson({ token, expires, scope: options.scope });
      else console.log(token);
    });
}
