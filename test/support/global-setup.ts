/**
 * @file Before any test: the build is made anew when a source is newer, so that what runs dist runs these sources; and one
 * PostgreSQL server is started for all tests, where there is one.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { projectRoot } from './folders.ts';
import { startPostgres } from './postgres.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Of a server in which each test makes a database of its own; empty where there is none. */
    postgresUrl: string;
  }
}

export default async function setup(project: TestProject): Promise<(() => void) | undefined> {
  // A mutation run changes the sources in memory, and runs nothing that is built.
  if (process.env['VISAVIS_MUTATION_TESTS'] === undefined)
    execFileSync(process.execPath, [join(projectRoot, 'scripts', 'ensure.mjs'), '--build'], {
      stdio: 'inherit',
      // Else Vite would build Svelte's development version.
      env: { ...process.env, NODE_ENV: 'production' },
    });
  const server = await startPostgres();
  if (server === undefined)
    console.warn('No PostgreSQL found (Debian: apt-get install postgresql): database tests run on SQLite alone.');
  project.provide('postgresUrl', server?.url ?? '');
  return server?.remove;
}
