/** @file `visavis login`: a new sign-in link for a researcher who is locked out, or the end of all sessions. */
import { Command } from 'commander';
import { addressOf, defaultHost, defaultPort, serverConfig } from '../server/config.ts';
import { withWorkspace, type DataOption } from './context.ts';
import { portNumber } from './numbers.ts';
import { printJson } from './output.ts';

interface Options extends DataOption {
  port: number;
  host: string;
  signOutEverywhere?: boolean;
  json?: boolean;
}

export function loginCommand(): Command {
  return new Command('login')
    .description('print an owner’s link, or an account’s, good for one sign-in within a day')
    .argument('[account]', 'whom it signs in, by name or id; an owner without an account')
    .option('--sign-out-everywhere', 'end every session and every token first')
    .option('--port <port>', 'the server’s port', portNumber, defaultPort)
    .option('--host <host>', 'the server’s address', defaultHost)
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (name: string | undefined, options: Options) => {
      const { Sessions } = await import('../server/http/session.ts');
      const { linkOf, requireAccount } = await import('../server/access/accounts.ts');
      const { commandLine } = await import('../server/access/audit.ts');
      const path = await withWorkspace(options, async ({ db }) => {
        const sessions = await Sessions.open(db);
        if (options.signOutEverywhere) await sessions.signOutEverywhere(commandLine);
        return name === undefined ? sessions.createLink() : linkOf(sessions, await requireAccount(db, name));
      });
      const url = addressOf(serverConfig(options)) + path;
      if (options.json) printJson({ url });
      else console.log(url);
      if (options.signOutEverywhere) console.error('Every session and every token has ended.');
    });
}
