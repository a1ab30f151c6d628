/** @file `visavis serve`: the server alone. */
import { Command } from 'commander';
import { defaultHost, defaultPort, serverConfig } from '../server/config.ts';
import { interruptSignal, withWorkspace, type DataOption, type Workspace } from './context.ts';
import { portNumber } from './numbers.ts';

export interface ServeOptions extends DataOption {
  port: number;
  host: string;
}

export function serveCommand(): Command {
  return new Command('serve')
    .description('serve the annotation and research pages')
    .option('--port <port>', 'port to listen on', portNumber, defaultPort)
    .option('--host <host>', 'address to listen on', defaultHost)
    .option('--data <dir>', 'data directory')
    .action((options: ServeOptions) =>
      withWorkspace(options, (workspace) => serveUntilStopped(workspace, options, [])),
    );
}

/** @param annotators paths of annotator links to print beside the researcher's */
export async function serveUntilStopped(
  { db }: Workspace,
  options: ServeOptions,
  annotators: readonly string[],
): Promise<void> {
  const { startServer } = await import('../server/start.ts');
  const server = await startServer(db, serverConfig(options));
  for (const path of annotators) console.log(`Annotate:  ${server.url}${path}`);
  console.log(`Research:  ${await server.researcherLink()}`);
  const signal = interruptSignal();
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  await server.close();
}
