/**
 * @file Pre-screening end to end: the command line with its exit codes, HTTP with its limits, and the study that
 * follows. Slow: it renders, scores and kills processes.
 */
import { execFile, spawn } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../../db/open.ts';
import { findModel } from '../../../db/queries/models.ts';
import { findPromptSet } from '../../../db/queries/prompts.ts';
import { listRenders } from '../../../db/queries/renders.ts';
import { findReward, listScores } from '../../../db/queries/rewards.ts';
import { prescreenSchema, prescreenResultSchema, type Prescreen } from '../../../contract/prescreen.ts';
import { Sessions } from '../../../server/http/session.ts';
import type { RunningServer } from '../../../server/start.ts';
import { encodePng } from '../../../evaluator/engine/images/png.ts';
import { starter } from '../../../evaluator/starter/starter.ts';
import { testServer } from '../../support/clients.ts';
import { projectRoot, temporaryFolder } from '../../support/folders.ts';

const dataFolder = temporaryFolder();
const prompts = 6;

async function visavis(...argv: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const file = join(projectRoot, 'bin', 'visavis.js');
  const env = { ...process.env, DATABASE_URL: undefined };
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [file, ...argv, '--data', dataFolder], {
      env,
    });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const failed = error as { code: number; stdout: string; stderr: string };
    return { code: failed.code, stdout: failed.stdout, stderr: failed.stderr };
  }
}
/** SIGKILL as soon as the condition holds. */
async function killedWhen(argv: readonly string[], condition: () => Promise<boolean>): Promise<void> {
  const file = join(projectRoot, 'bin', 'visavis.js');
  const child = spawn(process.execPath, [file, ...argv, '--data', dataFolder], {
    env: { ...process.env, DATABASE_URL: undefined },
    stdio: 'ignore',
  });
  const ended = new Promise<string | null>((resolve) => child.once('exit', (_code, signal) => resolve(signal)));
  try {
    while (child.exitCode === null && !(await condition())) await setTimeout(5);
  } finally {
    child.kill('SIGKILL');
  }
  expect(await ended).toBe('SIGKILL');
}

const screenArguments = ['prescreen', '--prompts', 'p', '--baseline', 'base', '--reward', 'reward', '--device', 'cpu'];

describe('prescreen', () => {
  let db: Database;
  let server: RunningServer;
  let token: string;

  beforeAll(async () => {
    const lines = readFileSync(starter.prompts, 'utf8')
      .split('\n')
      .slice(0, prompts + 1);
    writeFileSync(join(dataFolder, 'prompts.tsv'), lines.join('\n'));
    const settings = ['--pipeline', starter.pipeline, '--sampler', 'ddim', '--steps', '2', '--guidance', '1'];
    for (const argv of [
      ['prompts', 'import', join(dataFolder, 'prompts.tsv'), '--name', 'p'],
      ['models', 'add', 'base', ...settings],
      ['models', 'add', 'dpo', ...settings, '--adapter', starter.models[1].adapter],
      ['rewards', 'add', 'reward', '--kind', starter.reward.kind, '--network', starter.reward.network],
    ])
      expect(await visavis(...argv)).toMatchObject({ code: 0 });
    db = await openDatabase(join(dataFolder, 'visavis.db'));
    server = await testServer(db, dataFolder);
    token = (await Sessions.open(db)).token(Date.now() + 600_000, 'prescreen');
  }, 120_000);
  afterAll(async () => {
    await server?.close();
    await db?.destroy();
  });

  const call = (path: string, init: RequestInit = {}) =>
    fetch(`${server.url}/api${path}`, {
      ...init,
      headers: { Authorization: `Bearer ${token}`, ...(init.headers as object) },
    });
  const post = (body: object, headers: Record<string, string> = {}) =>
    call('/prescreens', {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'Content-Type': 'application/json', ...headers },
    });

  it('renders and scores what is missing, prints JSON, and ends with 0 or 3', async () => {
    const passed = await visavis(...screenArguments, '--candidate', 'dpo', '--json', '--require', 'reward.winRate>=0');
    expect(passed.code, passed.stderr).toBe(0);
    const screen = prescreenResultSchema.parse(JSON.parse(passed.stdout));
    expect(screen.rewards[0]!.candidates[0]!.winRate.n).toBe(prompts);
    const xml = join(dataFolder, 'junit.xml');
    const failed = await visavis(
      ...screenArguments,
      '--candidate',
      'dpo',
      '--require',
      'reward.winRate>1',
      '--junit',
      xml,
    );
    expect(failed.code).toBe(3);
    expect(failed.stderr).toContain('does not meet reward.winRate>1');
    expect(failed.stderr).not.toContain('score dpo');
    expect(readFileSync(xml, 'utf8')).toContain('failures="1"');
    expect((await visavis(...screenArguments, '--candidate', 'nobody')).code).toBe(2);
    const again = await visavis(
      'score',
      '--prompts',
      'p',
      '--model',
      'dpo',
      '--reward',
      'reward',
      '--device',
      'cpu',
      '--json',
    );
    expect(JSON.parse(again.stdout)).toMatchObject({ scored: 0, skipped: prompts });
  }, 120_000);

  it('killed in the middle of rendering and of scoring, the same command does only the rest', async () => {
    // All of them, so that scoring takes fifteen batches and the second kill finds it on the way.
    const count = 120;
    await visavis('prompts', 'import', starter.prompts, '--name', 'many');
    const argv = screenArguments.with(2, 'many').concat('--candidate', 'dpo');
    const promptSet = (await findPromptSet(db, 'many'))!;
    const [base, dpo, reward] = [
      await findModel(db, 'base'),
      await findModel(db, 'dpo'),
      await findReward(db, 'reward'),
    ];
    const renders = (model: typeof base) => listRenders(db, { promptSetId: promptSet.id, modelId: model!.id });
    const scores = (model: typeof base) =>
      listScores(db, { promptSetId: promptSet.id, modelId: model!.id, reward: reward! });
    const rendered = async () => (await renders(base)).length + (await renders(dpo)).length;

    await killedWhen(argv, async () => (await renders(dpo)).length >= 3);
    const before = await rendered();
    expect(before).toBeGreaterThanOrEqual(count + 3);
    expect(before).toBeLessThan(2 * count);
    expect((await scores(base)).length).toBe(0);
    await killedWhen(argv, async () => (await scores(base)).length >= 8);
    const kept = await scores(base);
    expect(kept.length).toBeLessThan(count);
    expect((await scores(dpo)).length).toBe(0);

    const again = await visavis(...argv, '--json');
    expect(again.code, again.stderr).toBe(0);
    const rest = count - kept.length;
    expect(again.stderr).toContain(`score base with reward: ${rest}/${rest} images`);
    expect(again.stderr).not.toContain('render');
    const whole = await scores(base);
    expect([whole.length, (await scores(dpo)).length, await rendered()]).toEqual([count, count, 2 * count]);
    expect(whole).toEqual(expect.arrayContaining(kept));
    expect(prescreenResultSchema.parse(JSON.parse(again.stdout)).rewards[0]!.candidates[0]!.winRate.n).toBe(count);
  }, 120_000);

  it('a folder of checkpoints becomes a series with its times', async () => {
    const run = join(dataFolder, 'inbox', 'run');
    mkdirSync(join(run, 'checkpoints'), { recursive: true });
    for (const [i, step] of [10, 20].entries())
      cpSync(starter.models[i]!.adapter, join(run, 'checkpoints', `step-0000${step}.safetensors`));
    writeFileSync(
      join(run, 'log.jsonl'),
      [10, 20].map((step) => JSON.stringify({ step, deviceSeconds: step / 2 })).join('\n'),
    );
    const { code, stdout, stderr } = await visavis(
      ...screenArguments,
      '--checkpoints',
      run,
      '--json',
      '--svg',
      join(dataFolder, 'chart.svg'),
    );
    expect(code, stderr).toBe(0);
    const { candidates, best } = prescreenResultSchema.parse(JSON.parse(stdout)).rewards[0]!;
    expect(candidates.map(({ model, checkpoint }) => [model, checkpoint?.deviceSeconds])).toEqual([
      ['run@10', 5],
      ['run@20', 10],
    ]);
    expect(best).not.toBeNull();
    expect(readFileSync(join(dataFolder, 'chart.svg'), 'utf8')).toContain('median reward');
  }, 120_000);

  it('over HTTP: images in, a screen out, the same key once, and a study of the best two', async () => {
    const form = new FormData();
    form.set(
      'request',
      JSON.stringify({ prompts: 'p', baseline: 'base', upload: { name: 'uploaded' }, rewards: ['reward'] }),
    );
    for (let i = 0; i < prompts; i++) {
      const png = await encodePng(new Uint8Array(64 * 64 * 3).fill(40 * i), 64, 64);
      form.append('images', new Blob([new Uint8Array(png)]), `0000${i}.png`);
    }
    const submitted = await call('/prescreens', { method: 'POST', body: form });
    expect(submitted.status).toBe(202);
    const { id } = (await submitted.json()) as Prescreen;
    const request = { prompts: 'p', baseline: 'base', candidates: ['dpo'], rewards: ['reward'] };
    const first = (await (await post(request, { 'Idempotency-Key': 'k1' })).json()) as Prescreen;
    const second = await post(request, { 'Idempotency-Key': 'k1' });
    expect([second.status, ((await second.json()) as Prescreen).id]).toEqual([200, first.id]);
    expect((await post({ ...request, seed: 1 }, { 'Idempotency-Key': 'k1' })).status).toBe(409);
    const worker = await visavis('worker', '--once', '--device', 'cpu');
    expect(worker.code, worker.stderr).toBe(0);
    const done = prescreenSchema.parse(await (await call(`/prescreens/${id}`)).json());
    expect(done, JSON.stringify(done.error)).toMatchObject({ state: 'done', exitCode: 0 });
    expect(done.result!.rewards[0]!.candidates[0]!.model).toBe('uploaded');
    expect((await call(`/prescreens/${id}/chart.svg`)).headers.get('content-type')).toContain('svg');
    const table = await call(`/prescreens/${id}/figures/win-rates-1.csv`);
    expect(table.headers.get('content-disposition')).toBe('attachment; filename="win-rates-1.csv"');
    const { value, low } = done.result!.rewards[0]!.candidates[0]!.winRate;
    expect((await table.text()).split('\n')[1]).toMatch(new RegExp(`^uploaded,,,,${value},${low},`));
    expect((await call(`/prescreens/${id}/figures/win-rates-9.svg`)).status).toBe(404);
    expect((await call(`/prescreens/${id}/figures/win-rates-1.gif`)).status).toBe(400);
    const study = await call(`/prescreens/${first.id}/study`, {
      method: 'POST',
      body: JSON.stringify({ name: 'best' }),
      headers: { 'Content-Type': 'application/json' },
    });
    expect([study.status, await study.json()]).toMatchObject([201, { name: 'best', pairs: prompts }]);
    const report = JSON.parse((await visavis('report', 'best', '--json')).stdout) as { rewards: { reward: string }[] };
    expect(report.rewards[0]).toMatchObject({
      reward: 'reward',
      winRate: { n: prompts },
      agreementWithPeople: { n: 0 },
    });
  }, 120_000);

  it('refuses other scopes, paths outside the inbox, and images that are none', async () => {
    expect((await call('/studies')).status).toBe(401);
    const outside = {
      prompts: 'p',
      baseline: 'base',
      adapter: { name: 'x', path: '../visavis.db' },
      rewards: ['reward'],
    };
    mkdirSync(join(dataFolder, 'inbox'), { recursive: true });
    const refused = await post(outside);
    expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining('inbox')]);
    for (const [name, bytes, words] of [
      ['00000.png', 'no image', 'no PNG'],
      ['../evil.png', 'x', 'not named by'],
      ['00099.png', '\x89PNG\r\n', 'no prompt'],
    ] as const) {
      const form = new FormData();
      form.set(
        'request',
        JSON.stringify({ prompts: 'p', baseline: 'base', upload: { name: 'u2' }, rewards: ['reward'] }),
      );
      form.append('images', new Blob([Buffer.from(bytes, 'latin1')]), name);
      const answer = await call('/prescreens', { method: 'POST', body: form });
      expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining(words)]);
    }
  });
});
