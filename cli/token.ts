/** @file `visavis token`: bearer tokens for scripts; list, revoke. */
import { Command, Option } from 'commander';
import { tokenScopes, type TokenScope } from '../contract/access.ts';
import { withWorkspace, type DataOption } from './context.ts';
import { wholeNumber } from './numbers.ts';
import { printJson, printTable } from './output.ts';

interface Options extends DataOption {
  json?: boolean;
}

export function tokenCommand(): Command {
  const token = new Command('token')
    .description('print a bearer token for the HTTP API')
    .addOption(
      new Option(
        '--scope <scope>',
        'all: an owner’s rights; read: studies, finished results, prescreens; draft: that, and drafts of studies; prescreen: prescreens alone',
      )
        .choices(tokenScopes)
        .default('all'),
    )
    .option('--days <n>', 'days until it ends', wholeNumber(1), 90)
    .option('--label <text>', 'what it is for, shown by token list', '')
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (options: Options & { days: number; scope: TokenScope; label: string }) => {
      const { Sessions } = await import('../server/http/session.ts');
      const { createToken } = await import('../server/access/tokens.ts');
      const { fromCommandLine } = await import('../server/access/audit.ts');
      const { scope, label } = options;
      const expires = Date.now() + options.days * 24 * 3600 * 1000;
      const { id, token } = await withWorkspace(options, async ({ db }) =>
        createToken(db, await Sessions.open(db), { expires, scope, label }, fromCommandLine),
      );
      if (options.json) printJson({ token, id, expires, scope, label });
      else console.log(token);
    });
  token
    .command('list')
    .description('the tokens that were made, newest first')
    .action(async (_own: object, command: Command) => {
      const options = command.optsWithGlobals<Options>();
      const { allTokens } = await import('../server/access/tokens.ts');
      const tokens = await withWorkspace(options, ({ db }) => allTokens(db));
      if (options.json) printJson(tokens);
      else
        printTable(
          ['id', 'scope', 'for', 'made', 'ends', 'revoked'],
          tokens.map(({ id, scope, label, createdAt, expiresAt, revokedAt }) => [
            id,
            scope,
            label,
            new Date(createdAt).toISOString(),
            new Date(expiresAt).toISOString(),
            revokedAt === null ? '' : new Date(revokedAt).toISOString(),
          ]),
        );
    });
  token
    .command('revoke <id>')
    .description('end a token; servers that run know within a second')
    .action(async (id: string, _own: object, command: Command) => {
      const options = command.optsWithGlobals<Options>();
      const { revokeToken } = await import('../server/access/tokens.ts');
      const { commandLine } = await import('../server/access/audit.ts');
      await withWorkspace(options, ({ db }) => revokeToken(db, id, commandLine));
      if (options.json) printJson({ id, revoked: true });
      else console.log(`The token ${id} is good no longer.`);
    });
  return token;
}
