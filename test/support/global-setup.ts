/**
 * @file Before any test: the build is made anew when a source is newer, so that what runs dist runs these sources; and one
 * PostgreSQL server is started for all tests, from Debian's package, where there is one.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { TestProject } from 'vitest/node';
import { projectRoot } from './folders.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Of a server in which each test makes a database of its own; empty where there is none. */
    postgresUrl: string;
  }
}

export default async function setup(project: TestProject): Promise<(() => void) | undefined> {
  // A mutation run changes the sources in memory, and runs nothing that is built.
  if (process.env['VISAVIS_MUTATION_TESTS'] === undefined)
    execFileSync(process.execPath, [join(projectRoot, 'scripts', 'ensure.mjs'), '--build'], { stdio: 'inherit' });
  const bin = binaries();
  if (bin === undefined) {
    console.warn('No PostgreSQL found (Debian: apt-get install postgresql): database tests run on SQLite alone.');
    project.provide('postgresUrl', '');
    return undefined;
  }
  const folder = mkdtempSync(join(tmpdir(), 'visavis-postgres-'));
  chmodSync(folder, 0o777);
  const data = join(folder, 'data');
  const port = await freePort();
  const asPostgres =
    process.getuid?.() === 0 ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups'] : [];
  const run = (...command: string[]) => {
    const [program, ...argv] = [...asPostgres, ...command];
    execFileSync(program!, argv, { cwd: folder, stdio: 'ignore' });
  };
  run(join(bin, 'initdb'), '-D', data, '-A', 'trust', '-U', 'postgres', '--no-sync');
  run(
    join(bin, 'pg_ctl'),
    '-D',
    data,
    '-w',
    '-l',
    join(data, 'log'),
    '-o',
    `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=300 -c fsync=off`,
    'start',
  );
  project.provide('postgresUrl', `postgres://postgres@127.0.0.1:${port}/postgres`);
  const stop = () => {
    const [program, ...argv] = [...asPostgres, join(bin, 'pg_ctl'), '-D', data, '-m', 'immediate', 'stop'];
    spawnSync(program!, argv, { cwd: folder, stdio: 'ignore' });
    rmSync(folder, { recursive: true, force: true });
  };
  return stop;
}

function binaries(): string | undefined {
  const root = '/usr/lib/postgresql';
  if (!existsSync(root)) return undefined;
  return readdirSync(root)
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(root, version, 'bin'))
    .find((folder) => existsSync(join(folder, 'initdb')));
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
