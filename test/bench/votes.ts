/**
 * @file Votes a second through the socket with durable commits, against raw better-sqlite3 inserts (one durable commit
 * each) on the same disk in the same run. Clients are in a process of their own.
 * Run: npx tsx test/bench/votes.ts [clients]
 */
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '../../db/open.ts';
import { loadSqlite } from '../../db/sqlite-driver.ts';
import { testServer } from '../support/clients.ts';
import { openStudyOf } from '../support/studies.ts';
import { TestClient } from '../support/clients.ts';

const clients = Number(process.argv[2] ?? 24);
if (process.send !== undefined) {
  await vote(process.env['BENCH_URL']!, process.env['BENCH_TOKEN']!);
} else {
  await measure();
}

async function measure(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'visavis-bench-'));
  const raw = new (loadSqlite())(join(folder, 'raw.db'));
  raw.pragma('journal_mode = WAL');
  raw.pragma('synchronous = FULL');
  raw.exec('create table vote (id text primary key, body text)');
  const insert = raw.prepare('insert into vote values (?, ?)');
  const limitStarted = performance.now();
  let inserts = 0;
  while (performance.now() - limitStarted < 3000) insert.run(String(inserts++), 'x'.repeat(200));
  const limit = inserts / 3;
  raw.close();

  const db = await openDatabase(join(folder, 'visavis.db'));
  const fixture = await openStudyOf(db, { pairs: 1000 });
  const server = await testServer(db, fixture.dataFolder, { leaseMs: 600_000 });
  const child = fork(process.argv[1]!, [String(clients)], {
    env: { ...process.env, BENCH_URL: server.url, BENCH_TOKEN: fixture.token },
  });
  child.once('exit', (code) => code === 0 || process.exit(1));
  const result = await new Promise<{ votes: number; seconds: number; p50: number; p95: number }>((resolve) =>
    child.once('message', resolve as never),
  );
  await server.close();
  await db.destroy();
  rmSync(folder, { recursive: true, force: true });
  const rate = result.votes / result.seconds;
  console.log(
    `raw inserts ${limit.toFixed(0)}/s; votes ${rate.toFixed(0)}/s with ${clients} clients (${(rate / limit).toFixed(2)} of raw), with every assignment:next between them; vote p50 ${result.p50.toFixed(1)} ms, p95 ${result.p95.toFixed(1)} ms`,
  );
}

async function vote(url: string, token: string): Promise<void> {
  const started = performance.now();
  const times: number[] = [];
  await Promise.all(
    Array.from({ length: clients }, async (_, i) => {
      const client = await TestClient.connect(url, token, `person-${i}`);
      while (performance.now() - started < 10_000) {
        const assignment = await client.next();
        if (assignment === null) break;
        for (const criterion of assignment.criteria) {
          const sent = performance.now();
          await client.vote(assignment.id, criterion, 'left');
          times.push(performance.now() - sent);
        }
      }
      client.close();
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  times.sort((a, b) => a - b);
  process.send!({
    votes: times.length,
    seconds,
    p50: times[Math.floor(times.length * 0.5)],
    p95: times[Math.floor(times.length * 0.95)],
  });
}
