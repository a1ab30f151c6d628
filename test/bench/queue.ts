/**
 * @file The queue against one machine that does nothing else: 300 starter images by three workers of one thread each (own processes
 * and folders, one PostgreSQL, one bucket), one killed and one terminated on the way; beside them the same images by two devices of one
 * process, as far as this machine's cores go.
 * Run: npx tsx test/bench/queue.ts [--steps 20] [--calm]. --calm: nobody is killed.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openDatabase } from '../../db/open.ts';
import { projectRoot } from '../support/folders.ts';
import { startPostgres } from '../support/postgres.ts';
import { Team } from '../support/queue.ts';
import { startS3 } from '../support/s3.ts';

const { values } = parseArgs({
  options: { steps: { type: 'string', default: '20' }, calm: { type: 'boolean', default: false } },
});
const count = 300;
const folder = mkdtempSync(join(tmpdir(), 'visavis-queue-'));
const file = join(folder, 'prompts.tsv');
const rows = Array.from({ length: count }, (_, i) => `scene ${i} with a red circle\tStudio\tBasic`);
writeFileSync(file, ['Prompt\tCategory\tChallenge', ...rows].join('\n'));
const pipeline = join(projectRoot, 'evaluator', 'starter', 'assets', 'pipeline');
const postgres = (await startPostgres({ durable: true }))!;
const s3 = await startS3();
try {
  const team = new Team(postgres.url, s3);
  const desk = join(folder, 'desk');
  const add = (name: string) =>
    team.run(['models', 'add', name, '--pipeline', pipeline, '--sampler', 'ddim', '--steps', values.steps], desk);
  await team.run(['prompts', 'import', file, '--name', 'p'], desk);
  await add('alone');
  await add('together');
  const db = await openDatabase(postgres.url);
  const rendered = async (model: string) => {
    const query = db
      .selectFrom('render as r')
      .innerJoin('model as m', 'm.id', 'r.model_id')
      .where('m.name', '=', model);
    return Number((await query.select((e) => e.fn.countAll<number>().as('n')).executeTakeFirstOrThrow()).n);
  };

  // Two devices of one thread each in one process: all that two cores can do.
  let started = performance.now();
  const alone = ['render', '--prompts', 'p', '--model', 'alone', '--device', 'cpu,cpu', '--threads', '1'];
  const { code, stderr } = await team.run(alone, desk);
  if (code !== 0) throw new Error(stderr);
  const ideal = (performance.now() - started) / 1000;

  const asked = team.start(['render', '--prompts', 'p', '--model', 'together', '--queue'], desk);
  while (!asked.stderr.includes('job')) await sleep(20);
  started = performance.now();
  const workers = [team.worker(), team.worker(), team.worker()];
  if (!values.calm) {
    while ((await rendered('together')) < count / 5) await sleep(50);
    workers[0]!.child.kill('SIGKILL');
    while ((await rendered('together')) < (2 * count) / 5) await sleep(50);
    workers[1]!.child.kill('SIGTERM');
    // The killed one and the terminated one are replaced, as a cluster does.
    workers.push(team.worker());
  }
  await asked.ended;
  const seconds = (performance.now() - started) / 1000;
  await Promise.all(workers.map((worker) => worker.ended));
  const heartbeat = values.calm ? 0 : 10;
  console.log(
    `${count} images of ${values.steps} steps: ${ideal.toFixed(1)} s by one process on two cores, ${seconds.toFixed(1)} s by the queue${values.calm ? '' : ' with a worker killed and one terminated'}: ${((seconds - heartbeat) / ideal).toFixed(2)} × after one heartbeat of ${heartbeat} s, ${(seconds / ideal).toFixed(2)} × with it.`,
  );
  await db.destroy();
} finally {
  await s3.close();
  postgres.remove();
  rmSync(folder, { recursive: true, force: true });
}
