/** @file PostgreSQL servers of the tests' own, from Debian's package. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface PostgresServer {
  /** Of the database postgres. */
  url: string;
  /** As a machine that loses power, when `immediate`. */
  stop(mode?: 'fast' | 'immediate'): void;
  start(): void;
  /** Stops it and removes its files. */
  remove(): void;
}

/** Undefined where the package is not installed. @param durable whether a commit waits for the disk, as outside of tests */
export async function startPostgres({ durable = false } = {}): Promise<PostgresServer | undefined> {
  const bin = binaries();
  if (bin === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'visavis-postgres-'));
  chmodSync(folder, 0o777);
  const data = join(folder, 'data');
  const port = await freePort();
  // It refuses to run as root.
  const asPostgres =
    process.getuid?.() === 0 ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups'] : [];
  const command = (...argv: string[]) => [...asPostgres, ...argv] as [string, ...string[]];
  const run = (...argv: string[]) => {
    const [program, ...rest] = command(...argv);
    execFileSync(program, rest, { cwd: folder, stdio: 'ignore' });
  };
  const control = (...argv: string[]) => command(join(bin, 'pg_ctl'), '-D', data, '-w', ...argv);
  const settings = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=300 -c fsync=${durable ? 'on' : 'off'}`;
  const server: PostgresServer = {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    stop(mode = 'immediate') {
      const [program, ...argv] = control('-m', mode, 'stop');
      spawnSync(program, argv, { cwd: folder, stdio: 'ignore' });
    },
    start() {
      const [program, ...argv] = control('-l', join(data, 'log'), '-o', settings, 'start');
      execFileSync(program, argv, { cwd: folder, stdio: 'ignore' });
    },
    remove() {
      server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  run(join(bin, 'initdb'), '-D', data, '-A', 'trust', '-U', 'postgres', '--no-sync');
  server.start();
  return server;
}

/** The path of a program of PostgreSQL's, as pg_dump. */
export function postgresProgram(name: string): string {
  return join(binaries()!, name);
}

function binaries(): string | undefined {
  const root = '/usr/lib/postgresql';
  if (!existsSync(root)) return undefined;
  return readdirSync(root)
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(root, version, 'bin'))
    .find((folder) => existsSync(join(folder, 'initdb')));
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
