/**
 * @file Votes through the socket with durable commits, each with its share of assignment:next (one for three votes). Clients are
 * in a process of their own; the same clients against handlers that only answer are the ceiling, in the same run.
 * Run: npx tsx test/bench/votes.ts [sqlite|postgres] [--clients 8,24,64,200] [--large] [--dashboard] [--disconnect 10000]
 *
 * --large: 50,000 pairs, 100,000 votes cast before. --dashboard: a research page watches meanwhile.
 * --disconnect N: N annotators connect, idle and leave at once, instead.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { sql } from 'kysely';
import { Server } from 'socket.io';
import { io } from 'socket.io-client';
import type { AssignmentView } from '../../contract/annotate.ts';
import { isPostgres } from '../../db/engine.ts';
import { openDatabase, type Database } from '../../db/open.ts';
import { onCommit } from '../../db/transactions.ts';
import { Sessions } from '../../server/http/session.ts';
import { recount } from '../../server/study/recount.ts';
import { TestClient, testServer } from '../support/clients.ts';
import { startPostgres } from '../support/postgres.ts';
import { openStudyOf } from '../support/studies.ts';

const secondsEach = 10;

interface Load {
  votes: number;
  seconds: number;
  p50: number;
  p95: number;
}

if (process.send !== undefined) await runChild();
else await measure();

async function measure(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      clients: { type: 'string', default: '8,24,64,200' },
      large: { type: 'boolean', default: false },
      dashboard: { type: 'boolean', default: false },
      disconnect: { type: 'string' },
    },
  });
  const onPostgres = positionals[0] === 'postgres';
  const postgres = onPostgres ? await startPostgres({ durable: true }) : undefined;
  const folder = mkdtempSync(join(tmpdir(), 'visavis-bench-'));
  try {
    for (const clients of values.clients.split(',').map(Number)) {
      const location =
        postgres === undefined ? join(folder, `${clients}.db`) : await newDatabase(postgres.url, clients);
      const db = await openDatabase(location);
      if (values.disconnect !== undefined) {
        await disconnectAll(db, Number(values.disconnect));
        await db.destroy();
        break;
      }
      await line(db, clients, values);
      await db.destroy();
    }
  } finally {
    postgres?.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function newDatabase(url: string, clients: number): Promise<string> {
  const admin = await openDatabase(url);
  await sql.raw(`create database bench_${clients}`).execute(admin);
  await admin.destroy();
  return url.replace(/\/postgres$/, `/bench_${clients}`);
}

async function line(db: Database, clients: number, { large, dashboard }: { large: boolean; dashboard: boolean }) {
  const begun = performance.now();
  const fixture = await openStudyOf(db, { pairs: large ? 50_000 : 2000 });
  if (large)
    console.log(`study of 50,000 pairs with its images made in ${((performance.now() - begun) / 1000).toFixed(1)} s`);
  if (large) await castBefore(db, 100_000);
  const ceiling = await emptyHandler(clients);
  const idle = await loopDelay(() => sleep(2000));

  const server = await testServer(db, fixture.dataFolder, { leaseMs: 900_000 });
  const watching = dashboard ? await watch(server.url, await Sessions.open(db), fixture.name) : undefined;
  let commits = 0;
  let jobs = 0;
  onCommit(db, (commit) => {
    commits += 1;
    jobs += commit.jobs;
  });
  const [cpu, bytes] = [process.cpuUsage(), written()];
  let load: Load | undefined;
  const busy = await loopDelay(async () => {
    load = await drive(server.url, fixture.token, clients);
  });
  const used = process.cpuUsage(cpu);
  watching?.disconnect();
  await server.close();
  const { votes, corrected } = await recount(db, fixture.name);
  if (corrected.length > 0) throw new Error(`the tally disagreed with ${votes} votes`);
  const { votes: cast, seconds, p50, p95 } = load!;
  const rate = cast / seconds;
  const per = (total: number) => (total / cast).toFixed(3);
  console.log(
    [
      `${isPostgres(db) ? 'PostgreSQL' : 'SQLite'}, ${clients} clients: ${rate.toFixed(0)} votes/s`,
      `(${(rate / ceiling).toFixed(2)} of ${ceiling.toFixed(0)}/s against handlers that only answer)`,
      `p50 ${p50.toFixed(1)} p95 ${p95.toFixed(1)} ms`,
      `server CPU ${per((used.user + used.system) / 1000)} ms`,
      isPostgres(db) ? '' : `${per((written() - bytes) / 1000)} kB written`,
      `${per(commits)} commits a vote, ${(jobs / commits).toFixed(1)} jobs each`,
      `loop delay p99.9 ${busy.toFixed(1)} ms (idle ${idle.toFixed(1)})`,
    ]
      .filter(Boolean)
      .join(', '),
  );
}

/** Votes of one person a pair, written straight into the tables: 100,000 through the socket would take minutes. */
async function castBefore(db: Database, votes: number): Promise<void> {
  await sql`insert into annotator (id, study_id, population, participant, created_at)
            select 'early', id, 'people', 'early', 1 from study`.execute(db);
  await sql`insert into assignment (id, study_id, pair_id, seat_id, annotator_id, side_a, state, voted,
                                    created_at, expires_at)
            select 'x' || id, study_id, pair_id, id, 'early', side_a, 'done', 1, 1, 2
            from seat where seat_index = 0 and position < ${votes / 3}`.execute(db);
  await sql`insert into vote (id, study_id, assignment_id, annotator_id, seat_id, criterion, choice, response_time_ms, counted,
                              remaining, created_at)
            select 'v' || a.id || c.name, a.study_id, a.id, 'early', a.seat_id, c.name, 'left', 900, 1, '[]', 1
            from assignment a,
                 (select 'appeal' as name union all select 'general' union all select 'alignment') c`.execute(db);
}

async function watch(url: string, sessions: Sessions, name: string) {
  const socket = io(`${url}/research`, {
    auth: { token: sessions.token(Date.now() + 3600_000) },
    transports: ['websocket'],
  });
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  socket.emit('study:watch', { name });
  return socket;
}

/** Votes a second when nothing is looked up and nothing kept. */
async function emptyHandler(clients: number): Promise<number> {
  const http = createServer();
  const server = new Server(http);
  const image = { url: '/annotate/images/0123456789abcdef012345', width: 8, height: 8 };
  const assignment: AssignmentView = {
    id: crypto.randomUUID(),
    criteria: ['appeal', 'general', 'alignment'],
    questions: 3,
    prompt: 'prompt 1',
    left: image,
    right: image,
    ties: false,
    expiresAt: 1,
    done: 1,
    total: 2,
  };
  server.of('/annotate').on('connection', (socket) => {
    socket.on('assignment:next', (_: unknown, answer: (a: object) => void) => answer({ ok: true, data: assignment }));
    socket.on('vote:cast', (_: unknown, answer: (a: object) => void) =>
      answer({ ok: true, data: { counted: true, remaining: ['general'], prompt: 'prompt 1' } }),
    );
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  const { votes, seconds } = await drive(`http://127.0.0.1:${port}`, 'token', clients, 4);
  await server.close();
  return votes / seconds;
}

async function loopDelay(during: () => Promise<unknown>): Promise<number> {
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  await during();
  histogram.disable();
  // The timer itself takes a millisecond.
  return histogram.percentile(99.9) / 1e6 - 1;
}

/** Bytes that this process has sent to the disk, in bytes; Linux alone says. */
function written(): number {
  return Number(/^write_bytes: (\d+)/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);
}

function drive(url: string, token: string, clients: number, seconds = secondsEach): Promise<Load> {
  const env = { ...process.env, BENCH_URL: url, BENCH_TOKEN: token };
  const child = fork(process.argv[1]!, ['vote', String(clients), String(seconds)], { env });
  child.once('exit', (code) => code === 0 || process.exit(1));
  return new Promise((resolve) => child.once('message', (load) => resolve(load as Load)));
}

async function disconnectAll(db: Database, people: number): Promise<void> {
  const fixture = await openStudyOf(db, { pairs: 2000, votesPerPair: 9 });
  const server = await testServer(db, fixture.dataFolder, { leaseMs: 900_000 });
  global.gc?.();
  const before = process.memoryUsage().rss;
  const env = { ...process.env, BENCH_URL: server.url, BENCH_TOKEN: fixture.token };
  const child = fork(process.argv[1]!, ['idle', String(people)], { env });
  await new Promise((resolve) => child.once('message', resolve));
  await sleep(2000);
  const memory = (process.memoryUsage().rss - before) / people / 1024;
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  child.kill('SIGKILL');
  await sleep(10_000);
  histogram.disable();
  console.log(
    `${people} idle annotators: ${memory.toFixed(1)} KiB each; all leave at once: the loop was held for at most ${(histogram.max / 1e6 - 1).toFixed(0)} ms`,
  );
  await server.close();
}

async function runChild(): Promise<void> {
  const [, , what, count, seconds] = process.argv;
  const [url, token] = [process.env['BENCH_URL']!, process.env['BENCH_TOKEN']!];
  if (what === 'idle') {
    for (let begun = 0; begun < Number(count); begun += 200)
      await Promise.all(
        Array.from({ length: 200 }, async (_, i) => {
          const client = await TestClient.connect(url, token, `person-${begun + i}`);
          await client.next();
        }),
      );
    process.send!('ready');
    return;
  }
  process.send!(await vote(url, token, Number(count), Number(seconds) * 1000));
  process.exit(0);
}

async function vote(url: string, token: string, clients: number, ms: number): Promise<Load> {
  const connected = await Promise.all(
    Array.from({ length: clients }, (_, i) => TestClient.connect(url, token, `person-${i}`)),
  );
  const started = performance.now();
  const times: number[] = [];
  await Promise.all(
    connected.map(async (client) => {
      while (performance.now() - started < ms) {
        const assignment = await client.next();
        if (assignment === null) break;
        for (const criterion of assignment.criteria) {
          const sent = performance.now();
          await client.vote(assignment.id, criterion, 'left');
          times.push(performance.now() - sent);
        }
      }
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.floor(times.length * share)]!;
  return { votes: times.length, seconds, p50: at(0.5), p95: at(0.95) };
}
