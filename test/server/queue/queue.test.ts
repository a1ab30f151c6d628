/**
 * @file The queue: what becomes of slices whose work fails, is cancelled or loses its worker; and a team of processes with their
 * own folders, one database and one bucket, that are killed on the way. pg-boss runs under Node 22.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { openDatabase, type Database } from '../../../db/open.ts';
import { allJobs } from '../../../server/queue/jobs.ts';
import { encodePng } from '../../../evaluator/engine/images/png.ts';
import { visavis } from '../../support/command.ts';
import { newPostgresDatabase } from '../../support/databases.ts';
import { projectRoot, temporaryFolder } from '../../support/folders.ts';
import { node22 } from '../../support/node22.ts';
import { startPostgres } from '../../support/postgres.ts';
import { Team } from '../../support/queue.ts';
import { startS3, type S3Server } from '../../support/s3.ts';
import { openStudyOf } from '../../support/studies.ts';

const postgresUrl = inject('postgresUrl');
const assets = join(projectRoot, 'evaluator', 'starter', 'assets');
const minutes = 60_000;

it.skipIf(node22() === process.execPath)('says in one sentence what it needs', async () => {
  const folder = temporaryFolder();
  const local = await visavis(folder, 'worker', '--queue', '--until-empty');
  expect(local.code).toBe(2);
  expect(local.stderr).toMatch(/^visavis: A queue lies in the team's PostgreSQL; set DATABASE_URL/);
  expect(local.stderr.trim().split('\n')).toHaveLength(1);
  const old = await new Promise<string>((resolve) =>
    execFile(
      process.execPath,
      [join(projectRoot, 'bin', 'visavis.js'), 'worker', '--queue'],
      { env: { ...process.env, DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' } },
      (_error, _stdout, stderr) => resolve(stderr),
    ),
  );
  expect(old).toBe(
    `visavis: A queue needs Node 22.12 or newer, as pg-boss does; this is ${process.versions.node}. Everything without --queue runs here.\n`,
  );
});

describe.skipIf(postgresUrl === '')('a worker', () => {
  interface Outcome<T> {
    seen: T;
    ran: string[];
    logged: string[];
  }
  async function play<T>(scenario: string): Promise<Outcome<T>> {
    const script = fileURLToPath(new URL('./scenarios.ts', import.meta.url));
    const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
    const location = await newPostgresDatabase(postgresUrl);
    return new Promise((resolve, reject) =>
      execFile(node22(), ['--import', tsx, script, scenario, location], (error, stdout, stderr) => {
        if (error === null) resolve(JSON.parse(stdout) as Outcome<T>);
        else reject(new Error(stderr));
      }),
    );
  }
  type Slices = { state: string; error: string | null; result: unknown; done: number }[];

  it('records what cannot be done, tries again what may go, and does the rest', async () => {
    const { seen, ran, logged } = await play<{ job: { state: string; error: string }; slices: Slices }>('poison');
    expect(seen.slices.map(({ state, error }) => [state, error])).toEqual([
      ['done', null],
      ['failed', 'There is no such thing.'],
      ['failed', 'out of luck'],
      ['done', null],
    ]);
    expect(seen.job).toMatchObject({ state: 'failed', error: 'There is no such thing.' });
    const tries = [0, 1, 2, 3].map((i) => ran.filter((name) => name === `a job ${i}`).length);
    expect(tries).toEqual([1, 3, 3, 1]);
    expect(logged.filter((line) => line.includes('slice 2'))).toEqual(Array(3).fill('a job, slice 2: out of luck'));
    expect(logged).toHaveLength(6);
  });

  it('takes a job on one kind of device, the first or the one asked for', async () => {
    const { seen } = await play<{ kinds: string[]; before: string; pinned: string[] }>('kinds');
    expect(seen.before).toBe('waiting');
    const [apart, together] = seen.kinds.join(' ').split(' | ');
    expect(apart).toBe('cpu cpu cpu cpu cpu cpu cuda cuda');
    expect(new Set(together!.split(' '))).toEqual(new Set([seen.pinned[1]]));
    expect(together!.split(' ')).toHaveLength(4);
    expect(seen.pinned[0]).toBe('cpu');
  });

  it('stops at once when the job is cancelled, and begins nothing more of it', async () => {
    const { seen, ran } = await play<{ job: { state: string }; slices: Slices; again: { isNew: boolean } }>('cancel');
    expect(ran).toEqual(['a job 0', 'soon']);
    expect(seen.job.state).toBe('cancelled');
    expect(seen.slices.map(({ state }) => state)).toEqual(['cancelled', 'cancelled', 'cancelled']);
    expect(seen.again.isNew).toBe(true);
  });

  it('gives the slice back when it is told to end, with how far it was', async () => {
    const { seen, ran } = await play<{
      between: { job: { state: string; workers: string[] }; slices: Slices };
      job: { state: string; done: number; items: number };
    }>('drain');
    expect(seen.between.slices[0]).toMatchObject({ state: 'waiting', done: 3, result: { upTo: 3 } });
    expect(seen.between.job).toMatchObject({ state: 'running', workers: [] });
    expect(ran.toSorted()).toEqual(['a job 0', 'a job 0', 'a job 1']);
    expect(seen.job).toMatchObject({ state: 'done', done: 21, items: 21 });
  });

  it('has the same work in the queue once', async () => {
    const { seen, ran } = await play<{ sameId: boolean; isNew: boolean[] }>('same');
    expect(seen).toEqual({ sameId: true, isNew: [true, false, true, true] });
    expect(ran).toHaveLength(4);
  });

  it('does what people wait for first, and brings a pre-screening together after its last slice', async () => {
    const { seen, ran } = await play<{ title: string; state: string; done: number }[]>('order');
    expect(ran.map((name) => name.split(' ')[0])).toEqual([
      ...['render', 'render', 'train', 'train', 'prescreen', 'prescreen', 'prescreen'],
    ]);
    expect(ran.at(-1)).toBe('prescreen 2');
    expect(seen.every(({ state }) => state === 'done')).toBe(true);
  });

  it('takes the highest priority, in whichever queue it waits', async () => {
    const { ran } = await play<object>('ahead');
    const order = ran.map((name) => name.split(' ')[0]);
    expect(order).toEqual(['report', ...Array<string>(3).fill('render'), ...Array<string>(4).fill('prescreen')]);
  });

  it('leaves what is too large for it, or has its images elsewhere, to others', async () => {
    const { seen, ran, logged } = await play<object>('large');
    // A worker that could not have it does not wait for it either.
    expect(seen).toEqual({ between: 'waiting', nobody: 0, state: 'done' });
    expect(ran).toEqual(['a job 0']);
    expect(logged.length).toBeLessThanOrEqual(3);
  });

  it('keeps what it computes without a word for longer than the queue waits for one', async () => {
    const { seen, ran } = await play<object>('busy');
    expect(ran).toEqual(['a job 0']);
    expect(seen).toEqual({ state: 'done', given: [{ state: 'completed', retry_count: 0 }] });
  });

  it('goes on with a training where the last one of the same work was cancelled', async () => {
    const { seen } = await play<unknown[]>('again');
    expect(seen).toEqual([null, { step: 7 }]);
  });

  it('has a job whole or not at all', async () => {
    const { seen, ran } = await play<{ error: string; jobs: unknown[] }>('whole');
    expect(seen.error).toMatch(/integer/);
    expect([seen.jobs, ran]).toEqual([[], []]);
  });
});

describe.skipIf(postgresUrl === '')('a team', () => {
  let s3: S3Server;
  beforeAll(async () => {
    s3 = await startS3();
    node22();
  }, minutes);
  afterAll(() => s3.close());

  const prompts = (count: number) => {
    const file = join(temporaryFolder(), 'prompts.tsv');
    const rows = Array.from({ length: count }, (_, i) => `scene ${i} with a red circle\tStudio\tBasic`);
    writeFileSync(file, ['Prompt\tCategory\tChallenge', ...rows].join('\n'));
    return file;
  };
  const model = ['--pipeline', join(assets, 'pipeline'), '--sampler', 'ddim', '--steps', '6', '--guidance', '3'];
  const imagesOf = async (db: Database, name = 'm') => {
    const rows = await db
      .selectFrom('render as r')
      .innerJoin('prompt as p', 'p.id', 'r.prompt_id')
      .innerJoin('model as m', 'm.id', 'r.model_id')
      .select(['p.position', 'r.image_sha256'])
      .where('m.name', '=', name)
      .orderBy('p.position')
      .execute();
    return rows.map((row) => row.image_sha256);
  };
  const waitFor = async (what: () => Promise<boolean> | boolean) => {
    for (const until = Date.now() + minutes; !(await what());) {
      if (Date.now() > until) throw new Error('It does not happen.');
      await sleep(50);
    }
  };

  it(
    'renders and scores every image once, with the bytes of one machine, though workers are killed',
    async () => {
      const count = 100;
      const file = prompts(count);
      const alone = temporaryFolder();
      for (const argv of [
        ['prompts', 'import', file, '--name', 'p'],
        ['models', 'add', 'm', ...model],
        ['rewards', 'add', 'r', '--kind', 'pickscore', '--network', join(assets, 'reward')],
        ['render', '--prompts', 'p', '--model', 'm', '--device', 'cpu', '--threads', '1'],
        ['score', '--prompts', 'p', '--model', 'm', '--reward', 'r', '--device', 'cpu'],
      ])
        expect((await visavis(alone, ...argv)).code).toBe(0);

      const location = await newPostgresDatabase(postgresUrl);
      const team = new Team(location, s3);
      const desk = temporaryFolder();
      await team.run(['prompts', 'import', file, '--name', 'p'], desk);
      // Workers know the folder by its hashes: the researcher's is not theirs.
      await team.run(['models', 'add', 'm', ...model], desk);
      await team.run(['rewards', 'add', 'r', '--kind', 'pickscore', '--network', join(assets, 'reward')], desk);
      const db = await openDatabase(location);
      const rendered = async () => (await imagesOf(db)).length;
      const asked = team.start(['render', '--prompts', 'p', '--model', 'm', '--queue', '--json'], desk);
      await waitFor(() => asked.stderr.includes('job'));
      const workers = [team.worker(), team.worker(), team.worker()];
      await waitFor(async () => (await rendered()) >= 12);
      workers[0]!.child.kill('SIGKILL');
      await waitFor(async () => (await rendered()) >= 25);
      workers[1]!.child.kill('SIGTERM');
      expect((await workers[1]!.ended).code).toBe(0);
      expect((await workers[2]!.ended).code).toBe(0);
      const summary = await asked.ended;
      expect(summary.code).toBe(0);
      expect(JSON.parse(summary.stdout)).toEqual({ rendered: count, skipped: 0, failed: [], stopped: false });

      const single = await openDatabase(join(alone, 'visavis.db'));
      expect(await imagesOf(db)).toEqual(await imagesOf(single));
      // Each image is looked for before it is put: what was rendered twice was looked for twice.
      const puts = s3.asked.filter((line) => line.startsWith('PUT images/'));
      const looks = s3.asked.filter((line) => line.startsWith('HEAD images/'));
      expect(new Set(puts).size).toBe(puts.length);
      expect(puts).toHaveLength(count);
      const [slice] = await db.selectFrom('slice').select('items').execute();
      expect(looks.length - count).toBeLessThanOrEqual(slice!.items);

      const score = ['score', '--prompts', 'p', '--model', 'm', '--reward', 'r', '--queue', '--json'];
      // Four images come only after the job was planned.
      const four = db.selectFrom('render').select('id').orderBy('id').limit(4);
      const late = await db.deleteFrom('render').where('id', 'in', four).returningAll().execute();
      const scoring = team.start(score, desk);
      await waitFor(() => scoring.stderr.includes('job'));
      await db.insertInto('render').values(late).execute();
      const joining = team.start(score, desk);
      await waitFor(() => joining.stderr.includes('the same work is in the queue already'));
      const scorer = team.worker();
      expect(JSON.parse((await scoring.ended).stdout)).toMatchObject({ scored: count - 4, failed: [] });
      expect((await scorer.ended).code).toBe(0);
      // Whoever joined asked for all that there was: what the job had not planned is one of their own.
      await waitFor(() => joining.stderr.includes('visavis: job'));
      const last = team.worker();
      expect(JSON.parse((await joining.ended).stdout)).toMatchObject({ scored: count, failed: [] });
      expect((await last.ended).code).toBe(0);
      const scoresOf = async (of: Database) =>
        (
          await of
            .selectFrom('score as s')
            .innerJoin('render as r', 'r.id', 's.render_id')
            .innerJoin('prompt as p', 'p.id', 'r.prompt_id')
            .select('s.value')
            .orderBy('p.position')
            .execute()
        ).map(({ value }) => value);
      const [theirs, ours] = [await scoresOf(db), await scoresOf(single)];
      expect(theirs).toHaveLength(count);
      theirs.forEach((value, i) => expect(Math.abs(value - ours[i]!)).toBeLessThan(1e-4));
      await single.destroy();

      // Nothing is missing any more: no job, no worker.
      const nothing = await team.run(['render', '--prompts', 'p', '--model', 'm', '--queue', '--json'], desk);
      expect(JSON.parse(nothing.stdout)).toMatchObject({ rendered: 0, skipped: count });
      await db.destroy();
    },
    5 * minutes,
  );

  it('reports as the machine that is asked would', async () => {
    const location = await newPostgresDatabase(postgresUrl);
    const team = new Team(location, s3);
    const db = await openDatabase(location);
    for (const [name, value] of Object.entries({ VISAVIS_STORE: s3.location, ...s3.env })) vi.stubEnv(name, value);
    const { name } = await openStudyOf(db, { pairs: 5 });
    vi.unstubAllEnvs();
    const asked = team.start(['report', name, '--queue', '--json']);
    await waitFor(() => asked.stderr.includes('job'));
    const worker = team.worker();
    const { code, stdout } = await asked.ended;
    expect((await worker.ended).code).toBe(0);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual(JSON.parse((await team.run(['report', name, '--json'])).stdout));
    expect((await team.run(['report', name, '--queue', '--html', 'x.html'])).stderr).toMatch(/--html is written here/);
    await db.destroy();
  }, 60_000);

  it(
    'pre-screens as one machine does, with the same gates and exit code',
    async () => {
      const location = await newPostgresDatabase(postgresUrl);
      const team = new Team(location, s3);
      const desk = temporaryFolder();
      const alone = temporaryFolder();
      const both = (argv: string[]) => Promise.all([team.run(argv, desk), visavis(alone, ...argv)]);
      await both(['prompts', 'import', prompts(24), '--name', 'p']);
      await both(['models', 'add', 'base', ...model]);
      await both(['models', 'add', 'dpo', ...model, '--adapter', join(assets, 'adapters', 'dpo.safetensors')]);
      await both(['rewards', 'add', 'r', '--kind', 'pickscore', '--network', join(assets, 'reward')]);
      const argv = ['prescreen', '--prompts', 'p', '--baseline', 'base', '--candidate', 'dpo', '--reward', 'r'];
      const gate = ['--require', 'r.winRate>=0.999', '--json'];
      const asked = team.start([...argv, ...gate, '--queue'], desk);
      await waitFor(() => asked.stderr.includes('job'));
      const workers = [team.worker(), team.worker()];
      const [there, here] = [await asked.ended, await visavis(alone, ...argv, ...gate, '--device', 'cpu')];
      for (const { ended } of workers) expect((await ended).code).toBe(0);
      expect([there.code, here.code]).toEqual([3, 3]);
      const result = (stdout: string) => {
        const { rewards, requirements, problems } = JSON.parse(stdout) as Record<string, unknown>;
        return { rewards, requirements, problems };
      };
      const rounded = (value: unknown): unknown =>
        JSON.parse(JSON.stringify(value), (_key, x: unknown) => (typeof x === 'number' ? Number(x.toPrecision(4)) : x));
      expect(rounded(result(there.stdout))).toEqual(rounded(result(here.stdout)));
    },
    3 * minutes,
  );

  it(
    'moves a training to another machine, to the same bytes, and goes on after a restart of the database',
    async () => {
      const data = await trainingData();
      const train = (out: string) => [
        ...[
          'train',
          '--objective',
          'dpo',
          '--pipeline',
          join(assets, 'pipeline'),
          '--preferences',
          join(data, 'pairs.jsonl'),
        ],
        ...[
          '--rank',
          '4',
          '--alpha',
          '4',
          '--learning-rate',
          '1e-3',
          '--batch',
          '2',
          '--steps',
          '300',
          '--checkpoint-every',
          '25',
        ],
        ...['--threads', '1', '--out', out],
      ];
      const alone = join(temporaryFolder(), 'run');
      expect((await visavis(temporaryFolder(), ...train(alone), '--device', 'cpu')).code).toBe(0);

      const server = (await startPostgres())!;
      try {
        const team = new Team(server.url, s3);
        const out = join(temporaryFolder(), 'run');
        const asked = team.start([...train(out), '--queue']);
        await waitFor(() => asked.stderr.includes('job'));
        const first = team.worker();
        const db = await openDatabase(server.url);
        const done = async () => (await allJobs(db).catch(() => []))[0]?.done ?? 0;
        await waitFor(async () => (await done()) >= 30);
        first.child.kill('SIGKILL');
        expect((await allJobs(db))[0]!.state).toBe('running');
        const second = team.worker();
        await waitFor(async () => (await done()) >= 160);
        server.stop('fast');
        await sleep(1500);
        server.start();
        const { code, stderr } = await asked.ended;
        expect(stderr).not.toMatch(/Error/);
        expect(code).toBe(0);
        expect((await second.ended).code).toBe(0);
        const { worker } = await db.selectFrom('slice').select('worker').executeTakeFirstOrThrow();
        expect(worker).toContain(` ${second.child.pid} `);
        const hash = (folder: string, name: string) =>
          createHash('sha256')
            .update(readFileSync(join(folder, name)))
            .digest('hex');
        for (const name of ['pytorch_lora_weights.safetensors', 'checkpoints/step-000075.safetensors'])
          expect(hash(out, name)).toBe(hash(alone, name));
        expect(readFileSync(join(out, 'log.jsonl'), 'utf8').trim().split('\n')).toHaveLength(300);
        await db.destroy();
      } finally {
        server.remove();
      }
    },
    5 * minutes,
  );

  it(
    'trains a whole U-Net, whose pipeline and checkpoints come back as they would be here',
    async () => {
      const data = await trainingData();
      const train = (out: string) => [
        ...['train', '--objective', 'dpo', '--adapter', 'none', '--pipeline', join(assets, 'pipeline')],
        ...['--preferences', join(data, 'pairs.jsonl'), '--learning-rate', '1e-4', '--batch', '1', '--steps', '2'],
        ...['--checkpoint-every', '1', '--threads', '1', '--out', out, '--json'],
      ];
      const alone = join(temporaryFolder(), 'run');
      expect((await visavis(temporaryFolder(), ...train(alone), '--device', 'cpu')).code).toBe(0);
      const team = new Team(await newPostgresDatabase(postgresUrl), s3);
      const out = join(temporaryFolder(), 'run');
      const asked = team.start([...train(out), '--queue']);
      await waitFor(() => asked.stderr.includes('job'));
      const worker = team.worker();
      const { code, stdout } = await asked.ended;
      expect((await worker.ended).code).toBe(0);
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ step: 2, stopped: false, pipeline: join(out, 'pipeline') });
      for (const name of ['pipeline', 'checkpoints/step-000001', 'checkpoints/step-000002']) {
        const [there, here] = [out, alone].map((run) => readFileSync(join(run, name, 'unet', 'model.onnx')));
        expect(there!.equals(here!), name).toBe(true);
        expect(readFileSync(join(out, name, 'model_index.json'), 'utf8')).toContain('StableDiffusionPipeline');
      }
    },
    3 * minutes,
  );
});

/** Six pairs of patterns. @returns the folder of pairs.jsonl */
async function trainingData(): Promise<string> {
  const data = temporaryFolder();
  mkdirSync(join(data, 'images'));
  const rows: string[] = [];
  for (let i = 0; i < 6; i++) {
    for (const side of [0, 1]) {
      const pixels = Uint8Array.from({ length: 64 * 64 * 3 }, (_, k) => (k * (i + 2) + side * 90) % 256);
      writeFileSync(join(data, 'images', `${i}-${side}.png`), await encodePng(pixels, 64, 64));
    }
    rows.push(
      JSON.stringify({
        caption: `a red circle ${i}`,
        image_0: `images/${i}-0.png`,
        image_1: `images/${i}-1.png`,
        label_0: i % 2,
      }),
    );
  }
  writeFileSync(join(data, 'pairs.jsonl'), rows.join('\n'));
  return data;
}
