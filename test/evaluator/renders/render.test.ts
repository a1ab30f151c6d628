/**
 * @file Rendering a set: interrupted, sharded, failing, and folders that cannot be rendered with. Slow: it starts
 * processes that render.
 */
import { spawn } from 'node:child_process';
import { cpSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Database } from '../../../db/open.ts';
import { findModel } from '../../../db/queries/models.ts';
import { findPromptSet } from '../../../db/queries/prompts.ts';
import { listRenders } from '../../../db/queries/renders.ts';
import { Pipeline } from '../../../evaluator/engine/diffusion/pipeline.ts';
import { readText } from '../../../evaluator/engine/images/png.ts';
import { ImageStore } from '../../../evaluator/engine/images/store.ts';
import { encodeSafeTensors, readSafeTensors } from '../../../evaluator/engine/onnx/safetensors.ts';
import { addModel } from '../../../evaluator/models/add.ts';
import { importPrompts } from '../../../evaluator/prompts/import.ts';
import { renderPromptSet, type RenderRequest } from '../../../evaluator/renders/render.ts';
import { starter } from '../../../evaluator/starter/starter.ts';
import { freshSqlite } from '../../support/databases.ts';
import { projectRoot, temporaryFolder } from '../../support/folders.ts';
import { changeNetwork, copyOfStarter, externalise } from '../../support/pipelines.ts';

const count = 200;

async function setUp(prompts = count, last = '') {
  const { db, location } = await freshSqlite();
  const folder = join(location, '..');
  const file = join(temporaryFolder(), 'prompts.txt');
  await writeFile(file, [...Array.from({ length: prompts }, (_, i) => `prompt number ${i}`), last].join('\n'));
  await importPrompts(db, { file, name: 'prompts' });
  await addModel(db, { name: 'model', pipeline: starter.pipeline, adapters: [], steps: 1, guidance: 1 });
  const images = new ImageStore(folder);
  const render = (change: Partial<RenderRequest> = {}) =>
    renderPromptSet(db, images, {
      prompts: 'prompts',
      model: 'model',
      seed: 0,
      devices: [{ kind: 'cpu' }],
      batch: 1,
      ...change,
    });
  return { db, images, folder, render };
}

async function hashes(db: Database): Promise<string[]> {
  const [set, model] = [(await findPromptSet(db, 'prompts'))!, (await findModel(db, 'model'))!];
  return (await listRenders(db, { promptSetId: set.id, modelId: model.id })).map(
    (render) => `${render.position} ${render.imageSha256}`,
  );
}

describe('rendering a set', () => {
  let uninterrupted: string[];

  it('200 prompts give 200 renders with their provenance', async () => {
    const { db, images, render } = await setUp();
    expect(await render()).toEqual({ rendered: count, failed: [], skipped: 0, stopped: false });
    uninterrupted = await hashes(db);
    expect(uninterrupted).toHaveLength(count);
    const row = await db.selectFrom('render').selectAll().limit(1).executeTakeFirstOrThrow();
    expect(JSON.parse(row.provenance)).toMatchObject({
      seed: 0,
      sampler: 'ddim',
      steps: 1,
      guidance: 1,
      device: 'cpu',
      library: expect.stringContaining('onnxruntime-node'),
      pipelineSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(JSON.parse(readText(await images.read(row.image_sha256), 'visavis')!)).toMatchObject({
      prompt: expect.stringContaining('prompt number'),
      seed: 0,
    });
  });

  it('a prompt that the text encoder does not read to its end is said before the first render', async () => {
    const { render } = await setUp(2, `a${' b'.repeat(21)} c d`);
    const notes: string[] = [];
    await render({ onNote: (note) => notes.push(note) });
    expect(notes).toEqual([
      expect.stringMatching(
        /^1 of 3 prompts is longer than the text encoder's 24 tokens and cut; of "a b .* does not read "c d"\.$/,
      ),
    ]);
    await render({ onNote: (note) => notes.push(note), seed: 1, limit: 2 });
    expect(notes).toHaveLength(1);
  });

  it('interrupted five times it ends with the same bytes', async () => {
    const { db, render } = await setUp();
    let left = count;
    for (const after of [3, 41, 17, 60, 1]) {
      const controller = new AbortController();
      const summary = await render({
        signal: controller.signal,
        onProgress: ({ done }) => done >= after && controller.abort(),
      });
      expect(summary.stopped).toBe(true);
      expect(summary.rendered).toBeGreaterThanOrEqual(after);
      left -= summary.rendered;
    }
    expect(await render()).toMatchObject({ rendered: left, skipped: count - left });
    expect(await hashes(db)).toEqual(uninterrupted);
  });

  it('killed by a signal it keeps what was finished and goes on', async () => {
    const { db, folder, render } = await setUp();
    const child = spawn(
      process.execPath,
      [
        join(projectRoot, 'bin', 'visavis.js'),
        'render',
        '--prompts',
        'prompts',
        '--model',
        'model',
        '--device',
        'cpu',
        '--data',
        folder,
      ],
      { env: { ...process.env, DATABASE_URL: undefined }, stdio: 'ignore' },
    );
    await expect.poll(async () => (await hashes(db)).length, { timeout: 30_000, interval: 20 }).toBeGreaterThan(5);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    const kept = (await hashes(db)).length;
    expect(await render()).toMatchObject({ rendered: count - kept, skipped: kept });
    expect(await hashes(db)).toEqual(uninterrupted);
  });

  it.each([[['1/2', '2/2']], [['0/2', '1/2']], [['1/3', '2/3', '3/3']]])(
    'shards %j together are one run',
    async (shards) => {
      const { db, render } = await setUp();
      for (const shard of shards) {
        const [index, total] = shard.split('/').map(Number) as [number, number];
        await render({ shard: { index, count: total } });
      }
      expect(await hashes(db)).toEqual(uninterrupted);
    },
  );

  it('one failed prompt is recorded, does not stop the others, and its record goes when it succeeds', async () => {
    const { db, render } = await setUp(3);
    const folder = copyOfStarter();
    await changeNetwork(folder, 'unet', (model) => {
      const bias = model.graph.initializer.find((tensor) => tensor.name === 'conv_out.bias')!;
      bias.rawData = new Uint8Array(new Float32Array(bias.dims[0]!).fill(NaN).buffer);
    });
    await addModel(db, { name: 'broken', pipeline: folder, adapters: [], steps: 1, guidance: 1 });
    const summary = await render({ model: 'broken' });
    expect(summary).toMatchObject({ rendered: 0, stopped: false });
    expect(summary.failed).toHaveLength(3);
    expect(summary.failed[0]!.message).toContain('are not finite');
    const rows = await db.selectFrom('render_failure').selectAll().execute();
    expect(rows).toHaveLength(3);
    expect(await render()).toMatchObject({ rendered: 3, failed: [] });
  });

  it('a model whose files changed is refused', async () => {
    const { db, render } = await setUp(2);
    const folder = copyOfStarter();
    await addModel(db, { name: 'own', pipeline: folder, adapters: [], steps: 1 });
    await changeNetwork(folder, 'vae_decoder', (model) => (model.producerName = 'somebody else'));
    await expect(render({ model: 'own' })).rejects.toThrow(/model\.onnx has changed since the model "own" was added/);
  });
});

describe('folders that cannot be rendered with', () => {
  const load = (folder: string, adapters: { file: string; scale: number }[] = []) =>
    Pipeline.load({ folder, adapters }, { kind: 'cpu' });
  const one = { sampler: 'ddim', steps: 1, guidance: 1, negativePrompt: null, width: 64, height: 64 };
  const hooks = { shouldStop: () => false, onStep: () => undefined };

  it('a missing network', async () => {
    const folder = copyOfStarter();
    rmSync(join(folder, 'unet', 'model.onnx'));
    await expect(load(folder)).rejects.toThrow(`${folder} has no unet/model.onnx`);
  });

  it('a network cut short', async () => {
    const folder = copyOfStarter();
    truncateSync(join(folder, 'unet', 'model.onnx'), 1_000_000);
    await expect(load(folder)).rejects.toThrow(/onnxruntime cannot load .*unet\/model\.onnx/);
    await expect(load(folder, [{ file: starter.models[0].adapter, scale: 1 }])).rejects.toThrow(
      'is no complete ONNX file (1000000 bytes)',
    );
  });

  it('weights beside the network give the same image, with and without an adapter', async () => {
    const folder = copyOfStarter();
    await externalise(folder, 'unet');
    for (const adapters of [[], [{ file: starter.models[0].adapter, scale: 1 }]]) {
      const [inside, outside] = [await load(starter.pipeline, adapters), await load(folder, adapters)];
      const [a] = await inside.generate(['a red circle'], [1], one, hooks);
      const [b] = await outside.generate(['a red circle'], [1], one, hooks);
      expect(b!.pixels).toEqual(a!.pixels);
    }
  });

  it('weights beside the network that are cut short or missing', async () => {
    const folder = copyOfStarter();
    const data = await externalise(folder, 'unet');
    truncateSync(data, 1_000_000);
    await expect(load(folder)).rejects.toThrow(/onnxruntime cannot load .*unet\/model\.onnx/);
    await expect(load(folder, [{ file: starter.models[0].adapter, scale: 1 }])).rejects.toThrow(
      /model\.onnx_data is cut short|cannot load/,
    );
    rmSync(data);
    await expect(load(folder, [{ file: starter.models[0].adapter, scale: 1 }])).rejects.toThrow(
      /model\.onnx_data, which is missing|cannot load/,
    );
  });

  it('a text encoder of another model', async () => {
    const folder = copyOfStarter();
    // The U-Net is told to expect wider embeddings than the encoder makes.
    await changeNetwork(folder, 'unet', (model) => {
      const port = model.graph.input.find((input) => input.name === 'encoder_hidden_states')!;
      port.type!.tensorType!.shape!.dim[2] = { dimValue: 768 };
    });
    await expect(load(folder).then((pipeline) => pipeline.generate(['x'], [0], one, hooks))).rejects.toThrow(
      /makes 64 numbers a token, the U-Net takes 768|cannot load/,
    );
  });

  it('an adapter of another model', async () => {
    const { tensors } = await readSafeTensors(starter.models[0].adapter);
    const wide = new Map(
      [...tensors].map(([key, tensor]) => [
        key,
        key.includes('.down.')
          ? { shape: [tensor.shape[0]!, tensor.shape[1]! * 2], data: new Float32Array(tensor.data.length * 2) }
          : tensor,
      ]),
    );
    const file = join(temporaryFolder(), 'wide.safetensors');
    await writeFile(file, encodeSafeTensors(wide));
    await expect(load(starter.pipeline, [{ file, scale: 1 }])).rejects.toThrow('is it an adapter of another model?');
    writeFileSync(file, encodeSafeTensors(tensors).subarray(0, 5000));
    await expect(load(starter.pipeline, [{ file, scale: 1 }])).rejects.toThrow(
      /is no complete safetensors file|is cut short/,
    );
  });

  it('latents that are not finite', async () => {
    const folder = copyOfStarter();
    await changeNetwork(folder, 'unet', (model) => {
      const bias = model.graph.initializer.find((tensor) => tensor.name === 'conv_out.bias')!;
      bias.rawData = new Uint8Array(new Float32Array(bias.dims[0]!).fill(NaN).buffer);
    });
    await expect(load(folder).then((pipeline) => pipeline.generate(['x'], [0], one, hooks))).rejects.toThrow(
      'are not finite',
    );
  });

  it('a scheduler that cannot be', async () => {
    const folder = copyOfStarter();
    writeFileSync(
      join(folder, 'scheduler', 'scheduler_config.json'),
      '{"_class_name": "DDIMScheduler", "thresholding": true}',
    );
    await expect(load(folder)).rejects.toThrow('asks for thresholding = true, which visavis cannot do');
    cpSync(join(starter.pipeline, 'scheduler'), join(folder, 'scheduler'), { recursive: true });
    writeFileSync(join(folder, 'tokenizer', 'vocab.json'), '{"a": 0}');
    await expect(load(folder)).rejects.toThrow('it is no CLIP vocabulary');
  });
});
