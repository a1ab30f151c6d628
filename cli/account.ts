/** @file `visavis account`: who may sign in to the research page. */
import { Argument, Command, Option } from 'commander';
import { roleSchema, type AccountView, type Role } from '../contract/access.ts';
import { addressOf, defaultHost, defaultPort, serverConfig } from '../server/config.ts';
import { withWorkspace, type DataOption } from './context.ts';
import { portNumber } from './numbers.ts';
import { printJson, printTable } from './output.ts';

interface Options extends DataOption {
  json?: boolean;
}

const roles = roleSchema.options;

export function accountCommand(): Command {
  const account = new Command('account').description('who may sign in to the research page, and what they may do');
  account
    .command('add <name>')
    .description('make an account and print a link for its first sign-in')
    .addOption(
      new Option(
        '--role <role>',
        'owner: everything; researcher: studies and prescreens; viewer: reads finished results',
      )
        .choices(roles)
        .default('researcher'),
    )
    .option('--port <port>', 'the server’s port', portNumber, defaultPort)
    .option('--host <host>', 'the server’s address', defaultHost)
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (name: string, options: Options & { role: Role; port: number; host: string }) => {
      const { createAccount, linkOf, viewOf } = await import('../server/access/accounts.ts');
      const { commandLine } = await import('../server/access/audit.ts');
      const { Sessions } = await import('../server/http/session.ts');
      const { made, path } = await withWorkspace(options, async ({ db }) => {
        const made = await createAccount(db, { name, role: options.role }, commandLine);
        return { made, path: await linkOf(await Sessions.open(db), made) };
      });
      const url = addressOf(serverConfig(options)) + path;
      if (options.json) printJson({ ...viewOf(made), url });
      else console.log(url);
    });
  account
    .command('list')
    .description('the accounts, by name')
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (options: Options) => {
      const { allAccounts } = await import('../server/access/accounts.ts');
      const accounts = await withWorkspace(options, ({ db }) => allAccounts(db));
      if (options.json) printJson(accounts);
      else
        printTable(
          ['name', 'role', 'signs in with', '', 'id'],
          accounts.map((view) => [view.name, view.role, waysOf(view), view.disabled ? 'disabled' : '', view.id]),
        );
    });
  change('role', 'give an account another role', (role) => ({ role: role! }), true);
  change('disable', 'end an account’s sessions and tokens, and let it in no more', () => ({ disabled: true }));
  change('enable', 'let an account in again', () => ({ disabled: false }));
  return account;

  function change(
    verb: string,
    description: string,
    changeOf: (role: Role | undefined) => { role?: Role; disabled?: boolean },
    takesRole = false,
  ): void {
    const command = account.command(verb).description(description).argument('<name>', 'its name or id');
    if (takesRole) command.addArgument(new Argument('<role>', 'what it may do').choices(roles));
    command
      .option('--data <dir>', 'data directory')
      .option('--json', 'print JSON')
      .action(async (name: string, ...rest: unknown[]) => {
        const options = (takesRole ? rest[1] : rest[0]) as Options;
        const { changeAccount, viewOf } = await import('../server/access/accounts.ts');
        const { commandLine } = await import('../server/access/audit.ts');
        const changed = await withWorkspace(options, async ({ db }) =>
          viewOf(await changeAccount(db, name, changeOf(takesRole ? (rest[0] as Role) : undefined), commandLine)),
        );
        if (options.json) printJson(changed);
        else console.log(`${changed.name}: ${changed.role}${changed.disabled ? ', disabled' : ''}`);
      });
  }
}

function waysOf({ hasPassword, hasOpenid }: AccountView): string {
  const ways = [...(hasPassword ? ['password'] : []), ...(hasOpenid ? ['OpenID'] : [])];
  return ways.length === 0 ? 'a link' : ways.join(', ');
}
