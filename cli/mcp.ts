/** @file `visavis mcp`: a Model Context Protocol server on stdin and stdout, over the HTTP API of a visavis server. */
import { Command } from 'commander';
import { BadInput } from '../evaluator/engine/files/bad-input.ts';
import { defaultPort } from '../server/config.ts';
import { interruptSignal } from './context.ts';

export function mcpCommand(): Command {
  return new Command('mcp')
    .description('let a program of yours draft studies and read progress and reports (Model Context Protocol, stdio)')
    .option(
      '--url <address>',
      'the server; VISAVIS_URL',
      process.env['VISAVIS_URL'] || `http://127.0.0.1:${defaultPort}`,
    )
    .option('--token <token>', 'a token of scope draft or read; VISAVIS_TOKEN')
    .action(async ({ url, token = process.env['VISAVIS_TOKEN'] || undefined }: { url: string; token?: string }) => {
      if (!URL.canParse(url)) throw new BadInput(`--url is "${url}"; it must be the address of a visavis server.`);
      if (token === undefined)
        throw new BadInput('A token is needed: visavis token --scope draft, then --token or VISAVIS_TOKEN.');
      const { StdioServerTransport } = await import('@modelcontextprotocol/sdk/server/stdio.js');
      const { mcpServer } = await import('../server/mcp/mcp.ts');
      const { connect } = await import('../sdk/client.ts');
      const server = mcpServer(connect({ url, token }));
      const ended = new Promise<void>((resolve) => {
        server.server.onclose = resolve;
        process.stdin.once('end', resolve);
        interruptSignal().addEventListener('abort', () => resolve(), { once: true });
      });
      await server.connect(new StdioServerTransport());
      await ended;
      await server.close();
    });
}
