/**
 * @file Several servers on one PostgreSQL and one bucket, each with a folder of its own, behind one proxy: anybody is served by any of them, one is killed, all are restarted
 * one after the other, and nobody's vote is lost or counted twice. Slow: it starts and ends servers.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, inject, it, onTestFinished, vi } from 'vitest';
import type { AssignmentView, VoteResult } from '../../contract/annotate.ts';
import { openDatabase } from '../../db/open.ts';
import { TestClient } from '../support/clients.ts';
import { newPostgresDatabase } from '../support/databases.ts';
import { projectRoot, temporaryFolder } from '../support/folders.ts';
import { freePort } from '../support/postgres.ts';
import { roundRobin } from '../support/round-robin.ts';
import { startS3, type S3Server } from '../support/s3.ts';
import { openStudyOf } from '../support/studies.ts';

const postgresUrl = inject('postgresUrl');

interface Server {
  child: ChildProcess;
  port: number;
  /** The one-time link of its start. */
  link: string;
}

async function serve(database: string, store: S3Server, publicUrl: string): Promise<Server> {
  const port = await freePort();
  const child = spawn(process.execPath, [join(projectRoot, 'bin', 'visavis.js'), 'serve', '--port', String(port)], {
    env: {
      ...process.env,
      ...{
        DATABASE_URL: database,
        VISAVIS_DATA: temporaryFolder(),
        VISAVIS_PUBLIC_URL: publicUrl,
        VISAVIS_WORKER: 'off',
      },
      ...{ VISAVIS_STORE: store.location, ...store.env },
      VISAVIS_NEW_ANNOTATORS_PER_HOUR: '40',
    },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  child.stdout.on('data', (chunk) => (output += String(chunk)));
  child.stderr.on('data', (chunk) => (output += String(chunk)));
  for (;;) {
    const link = /Research: {2}\S+?(\/research\/\S+)/.exec(output)?.[1];
    if (link !== undefined) return { child, port, link };
    if (child.exitCode !== null) throw new Error(`serve ended: ${output}`);
    await sleep(20);
  }
}

const ended = (child: ChildProcess) =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise<void>((resolve) => child.once('exit', () => resolve()));

/** Somebody who votes until nothing is left, comes back after every disconnection, and sends again what was not acknowledged. */
async function annotate(url: string, token: string, name: string, counted: Set<string>): Promise<void> {
  let client: TestClient | undefined;
  const patiently = async <T>(ask: (client: TestClient) => Promise<T>): Promise<T> => {
    for (const until = Date.now() + 60_000; ;) {
      try {
        client ??= await TestClient.connect(url, token, name);
        return await ask(client);
      } catch (error) {
        const { code, message } = error as Error & { code?: string };
        if (Date.now() > until || (message !== 'disconnected' && code !== 'unavailable' && code !== undefined))
          throw error;
        client?.close();
        client = undefined;
        await sleep(20 + Math.random() * 60);
      }
    }
  };
  for (;;) {
    const assignment = await patiently<AssignmentView | null>((here) => here.next());
    if (assignment === null) break;
    for (const { url: path } of [assignment.left, assignment.right]) await seen(`${url}${path}`);
    for (const criterion of assignment.criteria) {
      const voteId = randomUUID();
      const result = await patiently<VoteResult>((here) => here.vote(assignment.id, criterion, 'left', voteId));
      if (result.counted) counted.add(voteId);
      // Else all of it would be over before a server has started.
      await sleep(100 + Math.random() * 100);
    }
  }
  client!.close();
}

/** The image comes, whichever server is asked for it. */
async function seen(url: string): Promise<void> {
  for (const until = Date.now() + 30_000; ;) {
    const response = await fetch(url).catch(() => undefined);
    const bytes = response?.ok ? await response.arrayBuffer().catch(() => undefined) : undefined;
    if (bytes !== undefined && Buffer.from(bytes).subarray(1, 4).toString() === 'PNG') return;
    if (Date.now() > until) throw new Error(`${url} answers ${response?.status}`);
    await sleep(50);
  }
}

describe.skipIf(postgresUrl === '')('three servers', () => {
  it('serve anybody; one is killed and all are restarted in turn, and every pair has its k votes', async () => {
    const location = await newPostgresDatabase(postgresUrl);
    const s3 = await startS3();
    onTestFinished(() => s3.close());
    for (const [name, value] of Object.entries({ VISAVIS_STORE: s3.location, ...s3.env })) vi.stubEnv(name, value);
    const db = await openDatabase(location);
    const pairs = 250;
    const { token, name } = await openStudyOf(db, { pairs });
    vi.unstubAllEnvs();
    const proxy = await roundRobin([]);
    const start = () => serve(location, s3, proxy.url);
    const servers = [await start(), await start(), await start()];
    const listen = () => (proxy.targets = servers.map(({ port }) => port));
    listen();

    const counted = new Set<string>();
    const people = Array.from({ length: 24 }, (_, i) => annotate(proxy.url, token, `person-${i}`, counted));
    const over = Promise.all(people);
    const votes = () => counted.size;
    const until = async (n: number) => {
      while (votes() < n) await Promise.race([sleep(10), over]);
    };
    await until(60);
    servers[1]!.child.kill('SIGKILL');
    await until(150);
    servers[1] = await start();
    listen();
    const before = votes();
    // A rolling restart: each ends as a deployment ends it, with its connections.
    for (const i of [0, 1, 2]) {
      servers[i]!.child.kill('SIGTERM');
      await ended(servers[i]!.child);
      expect(servers[i]!.child.exitCode).toBe(0);
      servers[i] = await start();
      listen();
    }
    // People voted all the while.
    expect(votes() - before).toBeGreaterThan(50);
    await over;

    const slots = await db.selectFrom('slot').select(['vote_id']).execute();
    const ids = slots.map(({ vote_id }) => vote_id);
    expect(ids).toHaveLength(pairs * 3 * 3);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).not.toContain(null);
    expect(counted.size).toBe(ids.length);
    for (const id of counted) expect(ids).toContain(id);
    // Everybody's connections were spread over them.
    expect([...proxy.served.values()].filter((n) => n >= 4).length).toBeGreaterThanOrEqual(4);

    // A link of one server signs in at another, once; the session holds at all of them.
    const redeem = (port: number, link: string) =>
      fetch(`http://127.0.0.1:${port}/research/login`, {
        method: 'POST',
        redirect: 'manual',
        headers: { Origin: proxy.url },
        body: new URLSearchParams({ key: new URL(link, proxy.url).searchParams.get('key')! }),
      });
    const [a, b] = [servers[0]!, servers[1]!];
    const first = await redeem(b.port, a.link);
    const cookie = first.headers.get('set-cookie')?.split(';')[0] ?? '';
    expect(cookie).not.toBe('');
    expect((await redeem(a.port, a.link)).headers.get('set-cookie')).toBeNull();
    for (const { port } of servers) {
      const answer = await fetch(`http://127.0.0.1:${port}/api/studies/${name}`, { headers: { cookie } });
      expect(answer.status).toBe(200);
      expect((await answer.json()) as object).toMatchObject({ name });
    }
    // Limits are shared: 24 of 40 newcomers are here already, whoever let them in.
    for (let i = 0; i < 30; i++)
      await TestClient.connect(`http://127.0.0.1:${servers[i % 3]!.port}`, token, `late-${i}`).then(
        (client) => client.close(),
        () => undefined,
      );
    // Somebody whose server was killed while they joined was counted twice.
    const joined = (await db.selectFrom('annotator').select('id').execute()).length;
    expect(joined).toBeLessThanOrEqual(40);
    expect(joined).toBeGreaterThanOrEqual(37);
    for (const { child } of servers) child.kill('SIGTERM');
    await proxy.close();
    await db.destroy();
  }, 180_000);
});
