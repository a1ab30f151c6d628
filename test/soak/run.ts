/** @file The soak test. Run: npm run soak [-- --minutes 10] [-- postgres] */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openDatabase } from '../../db/open.ts';
import { countedVotes } from '../../db/queries/counted-votes.ts';
import { findStudy } from '../../db/queries/studies.ts';
import { recount } from '../../server/study/recount.ts';
import { TestClient } from '../support/clients.ts';
import { startPostgres } from '../support/postgres.ts';
import { openStudyOf } from '../support/studies.ts';

const people = 50;
const k = 3;
const breakEveryMs = 15_000;
/** From question to answer: a tenth of a person's time. */
const thinkMs = () => 200 + Math.random() * 800;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: 'string', default: '10' } },
});
const minutes = Number(values.minutes);
const dataFolder = mkdtempSync(join(tmpdir(), 'visavis-soak-'));
const postgres = positionals[0] === 'postgres' ? await startPostgres({ durable: true }) : undefined;
const location = postgres?.url ?? join(dataFolder, 'visavis.db');
const db = await openDatabase(location);
// So many that the time runs out before the pairs do.
const pairs = Math.ceil(minutes * 300);
const fixture = await openStudyOf(db, { pairs, dataFolder, votesPerPair: k });
console.log(
  `${people} annotators, ${pairs} pairs, ${minutes} minutes, on ${postgres === undefined ? 'SQLite' : 'PostgreSQL'}`,
);

const port = await freePort();
const url = `http://127.0.0.1:${port}`;
let server = await serve();
const begun = Date.now();
const until = begun + minutes * 60_000;
const calmFrom = begun + (minutes * 60_000 * 2) / 3;
const acknowledged = new Set<string>();
let [lost, surplus, breaks] = [0, 0, 0];

const voting = Promise.all(Array.from({ length: people }, (_, i) => annotate(`person-${i}`)));
const memory: number[] = [];
while (Date.now() < until) {
  await sleep(Math.min(breakEveryMs, Math.max(0, until - Date.now())));
  if (Date.now() < calmFrom) await breakSomething();
  else memory.push(residentMegabytes(server));
}
await voting;
server.kill('SIGTERM');
await new Promise((resolve) => server.once('exit', resolve));

const study = (await findStudy(db, fixture.name))!;
const votes = await countedVotes(db, study.id, 'people');
const places = new Map<string, Set<string>>();
for (const { pair, criterion, annotator } of votes) {
  const place = `${pair} ${criterion}`;
  places.set(place, (places.get(place) ?? new Set()).add(annotator));
}
const problems: string[] = [];
if (votes.length !== pairs * 3 * k) problems.push(`${votes.length} votes count instead of ${pairs * 3 * k}`);
for (const [place, who] of places) if (who.size !== k) problems.push(`${place} has ${who.size} annotators`);
const stored = new Set((await db.selectFrom('slot').select('vote_id').execute()).map(({ vote_id }) => vote_id));
for (const id of acknowledged) if (!stored.has(id)) problems.push(`the acknowledged vote ${id} is gone`);
const { corrected } = await recount(db, fixture.name);
if (corrected.length > 0) problems.push(`${corrected.join(', ')} disagreed with the votes`);
const growth = memory.at(-1)! / memory[0]!;
if (growth > 1.25) problems.push(`memory grew by ${((growth - 1) * 100).toFixed(0)} % while nothing was broken`);
console.log(
  `${votes.length} votes count, ${surplus} surplus, ${lost} lines lost, ${breaks} times broken; memory ${memory[0]!.toFixed(0)} → ${memory.at(-1)!.toFixed(0)} MiB`,
);
for (const problem of problems.slice(0, 20)) console.log(`PROBLEM: ${problem}`);
await db.destroy();
postgres?.remove();
rmSync(dataFolder, { recursive: true, force: true });
process.exit(problems.length === 0 ? 0 : 1);

/** Votes until nothing is left; after the time is up without thinking. A vote whose answer was lost is sent again. */
async function annotate(name: string): Promise<void> {
  let unsent: { assignmentId: string; criterion: string; voteId: string } | undefined;
  for (;;) {
    let client: TestClient | undefined;
    try {
      client = await TestClient.connect(url, fixture.token, name);
      for (;;) {
        if (unsent !== undefined) {
          await send(client, unsent);
          unsent = undefined;
        }
        const assignment = await client.next();
        if (assignment === null) {
          if (Date.now() > until) return;
          await sleep(1000);
          continue;
        }
        for (const criterion of assignment.criteria) {
          if (Date.now() < until) await sleep(thinkMs());
          unsent = { assignmentId: assignment.id, criterion, voteId: randomUUID() };
          await send(client, unsent);
          unsent = undefined;
        }
        if (Math.random() < 0.01) break;
      }
    } catch (error) {
      const { code } = error as { code?: string };
      // Refused for good: what was unsent is settled.
      if (code === 'already-voted' || code === 'not-found') unsent = undefined;
      else if (code === 'key-required') throw error;
      lost += 1;
    } finally {
      client?.close();
    }
    await sleep(100 + Math.random() * 900);
  }
}

async function send(client: TestClient, vote: { assignmentId: string; criterion: string; voteId: string }) {
  const { counted } = await client.vote(vote.assignmentId, vote.criterion, 'left', vote.voteId);
  if (counted) acknowledged.add(vote.voteId);
  else surplus += 1;
}

async function breakSomething(): Promise<void> {
  breaks += 1;
  if (postgres !== undefined && breaks % 2 === 0) {
    postgres.stop('immediate');
    await sleep(1000);
    postgres.start();
    return;
  }
  server.kill(breaks % 3 === 0 ? 'SIGTERM' : 'SIGKILL');
  await new Promise((resolve) => server.once('exit', resolve));
  server = await serve();
}

async function serve(): Promise<ChildProcess> {
  const env = {
    ...process.env,
    VISAVIS_GRACE_SECONDS: '2',
    VISAVIS_LEASE_SECONDS: '20',
    DATABASE_URL: postgres?.url ?? '',
  };
  const argv = ['bin/visavis.js', 'serve', '--port', String(port), '--data', dataFolder];
  const child = spawn(process.execPath, argv, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk) => String(chunk).includes('Research:') && resolve());
    child.once('exit', (code) => reject(new Error(`serve ended with ${String(code)}`)));
  });
  return child;
}

function residentMegabytes(child: ChildProcess): number {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024;
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port: free } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return free;
}
