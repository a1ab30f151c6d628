/**
 * @file The trainer with real networks: reference cases, resuming, filters, and that its adapter renders as it was trained.
 * Slow: every case runs a U-Net forward and backward.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { count } from '../../../evaluator/engine/autodiff/graph.ts';
import { mergeAdapters, readAdapter } from '../../../evaluator/engine/diffusion/lora.ts';
import { encodePng } from '../../../evaluator/engine/images/png.ts';
import { readPipelineFolder, unetOf } from '../../../evaluator/engine/diffusion/folder.ts';
import { readModel } from '../../../evaluator/engine/onnx/model-file.ts';
import { readSafeTensors } from '../../../evaluator/engine/onnx/safetensors.ts';
import { createSession } from '../../../evaluator/engine/onnx/session.ts';
import { AdamW, adamWDefaults } from '../../../evaluator/preference/adamw.ts';
import { encodeAdapter } from '../../../evaluator/preference/adapter-file.ts';
import { filterPairs, inspectPairs, type Keep } from '../../../evaluator/preference/filter.ts';
import { parametersOf, readParameter, type Parameter } from '../../../evaluator/preference/network-parameters.ts';
import { objectiveOf, type ObjectiveName } from '../../../evaluator/preference/objectives/objectives.ts';
import { openPreferences } from '../../../evaluator/preference/preference-rows.ts';
import { addNoise, noiseSchedule } from '../../../evaluator/preference/reverse-step.ts';
import { runTraining } from '../../../evaluator/preference/run-training.ts';
import type { TrainingSettings } from '../../../evaluator/preference/trainer.ts';
import { TrainingSession } from '../../../evaluator/preference/training-session.ts';
import { bounds, verifyCases } from '../../../evaluator/preference/verify.ts';
import { writePairs } from '../../../evaluator/preference/write-pairs.ts';
import { Random } from '../../../evaluator/statistics/random.ts';
import { starter } from '../../../evaluator/starter/starter.ts';
import { drawScene } from '../../../evaluator/starter/drawing.ts';
import { randomScene } from '../../../evaluator/starter/scene.ts';
import { golden as goldenFolder, temporaryFolder } from '../../support/folders.ts';

const device = { kind: 'cpu' } as const;

describe('reference cases', () => {
  for (const kind of ['sd', 'sdxl']) {
    it(`${kind}: errors, losses, gradients and five steps of the paper’s objectives are within float32's reach`, async () => {
      const verified = await verifyCases(
        join(goldenFolder, `train-${kind}`),
        join(goldenFolder, `${kind}-tiny/unet/model.onnx`),
        device,
      );
      // The others' losses and slopes have cases in objectives.test.ts.
      const ofThePaper = ['sft', 'dpo', 'cpo', 'ncp-sft', 'ncp-dpo', 'ncp-cpo'];
      expect(verified.map(({ name }) => name)).toEqual(expect.arrayContaining(ofThePaper));
      for (const { name, ...errors } of verified)
        for (const key of Object.keys(bounds) as (keyof typeof bounds)[])
          expect(errors[key], `${name} ${key}`).toBeLessThanOrEqual(bounds[key]);
    }, 120_000);
  }
});

const moreCases = {
  // PEFT's adapters on convolutions, with and without stride, feed-forward layers and those of the timestep
  'train-modules': ['dpo', 'ncp-dpo'],
  'train-more': [
    ...['ipo', 'mapo', 'dmpo', 'kto', 'dspo', 'ncp-ipo', 'ncp-dmpo', 'ncp-kto', 'ncp-dspo'],
    ...['dpo-safeguard', 'ncp-dpo-safeguard'],
  ],
};
describe('cases of our own', () => {
  it.each(Object.entries(moreCases))(
    '%s: whole steps of %j',
    async (name, expected) => {
      const verified = await verifyCases(
        join(goldenFolder, name),
        join(goldenFolder, 'sd-tiny/unet/model.onnx'),
        device,
      );
      expect(verified.map((one) => one.name)).toEqual(expected);
      for (const { name, ...errors } of verified)
        for (const key of Object.keys(bounds) as (keyof typeof bounds)[])
          expect.soft(errors[key], `${name} ${key}`).toBeLessThanOrEqual(bounds[key]);
    },
    180_000,
  );
});

describe('a whole network', () => {
  const folder = join(goldenFolder, 'train-whole');
  const unet = join(goldenFolder, 'sd-tiny/unet/model.onnx');

  it('errors, gradients of every weight and five steps are PyTorch’s', async () => {
    const { tensors } = await readSafeTensors(join(folder, 'inputs.safetensors'));
    const { timesteps, cases } = JSON.parse(readFileSync(join(folder, 'cases.json'), 'utf8')) as WholeCases;
    const data = (name: string) => tensors.get(name)!.data;
    const batch = {
      ...{ winner: data('winner'), loser: data('loser'), noise: data('noise'), z: data('z'), timesteps },
      conditions: { encoder_hidden_states: data('encoder_hidden_states') },
    };
    const [, channels, height, width] = tensors.get('winner')!.shape as [number, number, number, number];
    const states = tensors.get('encoder_hidden_states')!.shape.slice(1);
    const shape = { channels, height, width, conditions: { encoder_hidden_states: states } };
    const described = parametersOf(await readModel(unet), unet);
    for (const { name, beta, firstErrors, trajectory, parameters: golden } of cases) {
      const session = await TrainingSession.create(
        unet,
        shape,
        { objective: objectiveOf(name), features: 'down', rank: 1, alpha: 1, beta, lambda: 1, pairs: 2 },
        noiseSchedule(),
        device,
        { isWhole: true },
      );
      expect(described.map((one) => one.name).sort()).toEqual(Object.keys(golden).sort());
      const parameters: Float32Array[] = [];
      for (const one of described) parameters.push(await readParameter(one, unet));
      const first = parameters.map((values) => values.slice());
      const optimizer = new AdamW(parameters.map(({ length }) => length));
      const norm = (values: Iterable<number>) => Math.hypot(...values);
      const largest = Math.max(...Object.values(golden).map(({ gradNorm }) => gradNorm));
      for (const [step, { loss }] of trajectory.entries()) {
        const result = await session.run(batch, parameters);
        expect(result.loss / loss, `${name} step ${step}`).toBeCloseTo(1, 3);
        if (step === 0) {
          const expected = [...firstErrors.modelWinner, ...firstErrors.modelLoser];
          expected.forEach((error, i) => expect(result.modelErrors[i]! / error).toBeCloseTo(1, 4));
          described.forEach((one, i) => {
            const { gradNorm, gradFirst } = golden[one.name]!;
            const gradient = result.gradients[i]!;
            // 1e-3 of its own size, or 1e-6 of the largest where rounding is all there is
            const near = 1e-3 * gradNorm + 1e-6 * largest;
            expect(Math.abs(norm(gradient) - gradNorm), one.name).toBeLessThan(near);
            gradFirst.forEach((value, k) =>
              expect(Math.abs(gradient[placeOf(one, golden[one.name]!.shape, k)]! - value), one.name).toBeLessThan(
                near,
              ),
            );
          });
        }
        optimizer.update(parameters, result.gradients, { learningRate: 1e-4, ...adamWDefaults });
      }
      described.forEach((one, i) => {
        const { gradNorm, changeNorm } = golden[one.name]!;
        // Adam makes whole steps of a gradient that is rounding alone.
        if (gradNorm < 1e-5 * largest) return;
        const change = norm(parameters[i]!.map((value, k) => value - first[i]![k]!));
        expect(Math.abs(change / changeNorm - 1), one.name).toBeLessThan(2e-2);
      });
      await session.release();
    }
  }, 120_000);

  it('what is trained is written as a pipeline, the same wherever the run was stopped, and can be trained again', async () => {
    const preferences = await writePreferences();
    const [whole, parts] = [join(preferences, 'whole'), join(preferences, 'parts')];
    const change: Partial<TrainingSettings> = {
      ...{ adapter: 'none', objective: 'dpo', beta: 100, learningRate: 1e-4, steps: 3, checkpointEvery: 2 },
      ...{ warmup: 0, batch: 1, accumulate: 1 },
    };
    const made = await trainIn(whole, preferences, change);
    expect(made).toMatchObject({ adapter: undefined, pipeline: join(whole, 'pipeline') });
    const controller = new AbortController();
    await trainIn(parts, preferences, change, controller.signal, () => controller.abort());
    await trainIn(parts, preferences, change);
    const network = (run: string, at = 'pipeline') => readFileSync(unetOf(join(run, at)));
    expect(network(parts).equals(network(whole))).toBe(true);
    const before = network(whole, 'checkpoints/step-000002');
    expect(before.equals(network(whole))).toBe(false);
    // Every file of the pipeline is there, and nothing of it was written to.
    await readPipelineFolder(join(whole, 'pipeline'));
    const decoder = join('vae_decoder', 'model.onnx');
    expect(readFileSync(join(whole, 'pipeline', decoder)).equals(readFileSync(join(starter.pipeline, decoder)))).toBe(
      true,
    );
    // One step is AdamW's: every weight moves by at most lr (and the decay), whatever layer it is of.
    const own = unetOf(join(whole, 'pipeline'));
    const [was, is] = [await weightsOf(unetOf(starter.pipeline)), await weightsOf(own)];
    expect([...is.keys()].sort()).toEqual([...was.keys()].sort());
    for (const [name, values] of is) {
      const old = was.get(name)!;
      const furthest = values.reduce((most, value, k) => Math.max(most, Math.abs(value - old[k]!)), 0);
      expect(furthest, name).toBeGreaterThan(0);
      expect(furthest, name).toBeLessThan(3 * 1.01e-4 + 3e-6);
    }
    // A pipeline that was trained whole is trained again, from what it has become.
    const again = { ...change, steps: 1, learningRate: 1e-30 };
    const request = { pipeline: join(whole, 'pipeline'), preferences, cacheFolder: join(preferences, 'cache'), device };
    await runTraining({ ...request, out: join(preferences, 'again'), settings: { ...settings, ...again } });
    const same = await weightsOf(unetOf(join(preferences, 'again', 'pipeline')));
    for (const [name, values] of is) expect(Buffer.compare(bytesOf(values), bytesOf(same.get(name)!)), name).toBe(0);
    // Nothing is learnt yet: the network that was written, read by the reference, and the graph's own weights agree.
    const [row] = readFileSync(join(preferences, 'again', 'log.jsonl'), 'utf8').split('\n');
    expect((JSON.parse(row!) as { loss: number }).loss).toBeCloseTo(Math.LN2, 4);
  }, 120_000);
});

interface WholeCases {
  timesteps: number[];
  cases: {
    name: ObjectiveName;
    beta: number;
    firstErrors: { modelWinner: number[]; modelLoser: number[] };
    trajectory: { loss: number }[];
    parameters: Record<string, { shape: number[]; gradNorm: number; gradFirst: number[]; changeNorm: number }>;
  }[];
}

/** Where torch's k-th number is: a product's weight is kept turned. */
function placeOf({ node, dims }: Parameter, shape: readonly number[], k: number): number {
  return node.endsWith('/MatMul') ? (k % shape[1]!) * dims[1]! + Math.floor(k / shape[1]!) : k;
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array) => new Uint8Array(buffer, byteOffset, byteLength);

async function weightsOf(file: string): Promise<Map<string, Float32Array>> {
  const all = new Map<string, Float32Array>();
  for (const one of parametersOf(await readModel(file), file)) all.set(one.name, await readParameter(one, file));
  return all;
}

describe('filter', () => {
  // x beats y, then z; y beats z; w ties with v; p beats q, r beats p: p is contradictory.
  const lines = [
    ['one', 'x', 'y', 1, 1],
    ['one', 'z', 'x', 0, 2],
    ['one', 'y', 'z', 1, 3],
    ['two', 'w', 'v', 0.5, 4],
    ['two', 'w', 'u', 1, 5],
    ['three', 'p', 'q', 1, 6],
    ['three', 'r', 'p', 1, 7],
  ].map(([caption, a, b, label, at]) =>
    JSON.stringify({ caption, image_0_uid: a, image_1_uid: b, label_0: label, created_at: at, ranking_id: at }),
  );
  async function source() {
    const file = join(temporaryFolder(), 'pairs.jsonl');
    writeFileSync(file, lines.join('\n'));
    return openPreferences(file);
  }
  async function kept(keep: Keep, rows: 'first' | 'latest' | 'all' = 'first', minWins = 1) {
    const pairs = filterPairs((await source()).rows, { keep, rows, minWins });
    return pairs.map(({ winner, loser }) => `${winner.row.images[winner.side]}>${loser.row.images[loser.side]}`);
  }

  it('keeps absolute winners: no loss, no tie', async () => {
    expect(await kept('absolute-winners')).toEqual(['x>y', 'r>p']);
    expect(await kept('absolute-winners', 'latest')).toEqual(['x>z', 'r>p']);
    expect(await kept('absolute-winners', 'all')).toEqual(['x>y', 'x>z', 'r>p']);
    expect(await kept('absolute-winners', 'first', 2)).toEqual(['x>y']);
  });
  it('builds the mini sets along the chain of latest losers', async () => {
    expect(await kept('x>y')).toEqual(['x>z', 'r>p']);
    expect(await kept('x>y,x>z')).toEqual(['x>z', 'r>p', 'r>q']);
    expect(await kept('x>y,y>z')).toEqual(['x>z', 'r>p', 'p>q']);
  });
  it('inspects ties, winners and contradictions', async () => {
    expect(inspectPairs((await source()).rows)).toMatchObject({
      pairs: 7,
      ties: 1,
      prompts: 3,
      contradictoryImages: 2,
      absoluteWinners: 2,
      promptsWithWinner: 2,
    });
  });
  it('bad rows are refused with their line', async () => {
    const file = join(temporaryFolder(), 'bad.jsonl');
    writeFileSync(file, JSON.stringify({ caption: 'c', image_0_uid: 'a', image_1_uid: 'b', label_0: 0.3 }));
    await expect(openPreferences(file)).rejects.toThrow('line 1: label_0 is 0.3');
  });
});

/** Twelve pairs: a drawn scene against another. */
async function writePreferences(): Promise<string> {
  const folder = temporaryFolder();
  const random = new Random(3);
  const lines: string[] = [];
  for (let i = 0; i < 12; i++) {
    const scenes = [randomScene(random), randomScene(random)];
    for (const [side, scene] of scenes.entries())
      writeFileSync(
        join(folder, `${i}-${side}.png`),
        await encodePng(Uint8Array.from(drawScene(scene, 64, 'full', random)), 64, 64),
      );
    lines.push(
      JSON.stringify({ caption: scenes[0]!.caption, image_0: `${i}-0.png`, image_1: `${i}-1.png`, label_0: 1 }),
    );
  }
  writeFileSync(join(folder, 'manifest.jsonl'), lines.join('\n'));
  return folder;
}

const settings: TrainingSettings = {
  objective: 'ncp-dpo',
  adapter: 'lora',
  features: 'down',
  rank: 4,
  alpha: 8,
  targetModules: null,
  beta: 1e5,
  lambda: 1,
  learningRate: 1e-3,
  warmup: 2,
  steps: 6,
  batch: 2,
  accumulate: 2,
  optimizer: 'adamw',
  clip: 1,
  checkpointEvery: 4,
  seed: 1,
  maxSeconds: null,
  gradientCheckpointing: false,
  safeguard: null,
  ema: null,
};
function trainIn(
  out: string,
  preferences: string,
  change: Partial<TrainingSettings> = {},
  signal?: AbortSignal,
  onStep?: () => void,
) {
  const request = { pipeline: starter.pipeline, preferences, out, cacheFolder: join(out, '..', 'cache'), device };
  return runTraining({ ...request, settings: { ...settings, ...change }, signal, onStep });
}

describe('training', () => {
  for (const [optimizer, ema] of [
    ['adamw', 0.5],
    ['adamw8bit', null],
  ] as const) {
    it(`${optimizer}: stopped anywhere and continued it gives the same bytes; parquet is the same data`, async () => {
      const preferences = await writePreferences();
      const [whole, parts] = [join(preferences, 'whole'), join(preferences, 'parts')];
      await trainIn(whole, preferences, { optimizer, ema });
      const controller = new AbortController();
      let steps = 0;
      const stopped = await trainIn(parts, preferences, { optimizer, ema }, controller.signal, () => {
        if (++steps === 3) controller.abort();
      });
      expect(stopped).toMatchObject({ step: 3, stopped: true, adapter: undefined });
      // As after a kill: rows that the state knows nothing of.
      writeFileSync(join(parts, 'log.jsonl'), `${readFileSync(join(parts, 'log.jsonl'), 'utf8')}{"step":4,"lo`);
      const source = await openPreferences(preferences);
      const file = join(preferences, 'pairs.parquet');
      await writePairs(file, source, filterPairs(source.rows, { keep: 'absolute-winners', rows: 'all', minWins: 1 }));
      await trainIn(parts, file, { optimizer, ema });
      const adapter = (folder: string) => readFileSync(join(folder, 'pytorch_lora_weights.safetensors'));
      expect(adapter(parts).equals(adapter(whole))).toBe(true);
      const log = readFileSync(join(parts, 'log.jsonl'), 'utf8').trim().split('\n');
      expect(log.map((line) => (JSON.parse(line) as { step: number }).step)).toEqual([1, 2, 3, 4, 5, 6]);
      expect(existsSync(join(whole, 'checkpoints', 'step-000004.safetensors'))).toBe(true);
    }, 120_000);
  }

  it.each([
    // (0 − ½)², since an untrained adapter changes nothing
    ['ipo', 10, 2e-4, 0.25],
    ['ncp-ipo', 1e4, 1e-4, 0.25],
    // KL(½ ‖ 0.99)
    ['dmpo', 10, 2e-4, Math.log(0.25 / 0.0099) / 2],
    ['kto', 100, 2e-4, 0.5],
    ['dspo', 0.05, 1e-3, undefined],
    ['ncp-kto', 1e5, 1e-4, 0.5],
    ['ncp-dmpo', 1e4, 1e-4, Math.log(0.25 / 0.0099) / 2],
    ['mapo', 0.1, 1e-3, undefined],
  ] as const)(
    '%s lowers its loss on the same pairs',
    async (objective, beta, learningRate, untrained) => {
      const preferences = await writePreferences();
      const out = join(preferences, 'out');
      await trainIn(out, preferences, { objective, beta, learningRate, steps: 16, warmup: 0, batch: 6 });
      const rows = readFileSync(join(out, 'log.jsonl'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { loss: number; implicitAccuracy: number });
      const mean = (part: typeof rows) => part.reduce((sum, { loss }) => sum + loss, 0) / part.length;
      if (untrained !== undefined) expect(rows[0]!.loss).toBeCloseTo(untrained, 5);
      // Steps differ in their timesteps: many are compared with where it began.
      expect(mean(rows.slice(-8))).toBeLessThan(untrained ?? mean(rows.slice(0, 4)));
      expect(rows.every(({ implicitAccuracy }) => implicitAccuracy >= 0 && implicitAccuracy <= 1)).toBe(true);
    },
    120_000,
  );

  it('a layer that is not there is refused, with the names of those that are', async () => {
    const preferences = await writePreferences();
    const run = trainIn(join(preferences, 'out'), preferences, { targetModules: ['to_q', 'conv9'] });
    await expect(run).rejects.toThrow(/has no layer named conv9; its layers end in .*conv1, .*to_out\.0, to_q/);
  }, 60_000);

  it('what is lost between a checkpoint and its state is made again, the same', async () => {
    const preferences = await writePreferences();
    const [whole, killed] = [join(preferences, 'whole'), join(preferences, 'killed')];
    const change = { steps: 3, checkpointEvery: 1, batch: 1, accumulate: 1 };
    await trainIn(whole, preferences, change);
    // A folder where the second state is written: the run ends there, after its second checkpoint.
    let steps = 0;
    const ended = trainIn(killed, preferences, change, undefined, () => {
      if (++steps === 2) mkdirSync(join(killed, 'state.safetensors.part'));
    });
    await expect(ended).rejects.toThrow('EISDIR');
    rmSync(join(killed, 'state.safetensors.part'), { recursive: true, force: true });
    await trainIn(killed, preferences, change);
    const checkpoints = (run: string) =>
      readdirSync(join(run, 'checkpoints')).map((name) => [name, readFileSync(join(run, 'checkpoints', name), 'hex')]);
    expect(checkpoints(killed)).toHaveLength(3);
    expect(checkpoints(killed)).toEqual(checkpoints(whole));
  }, 60_000);

  it('another run in the same folder, and missing images, are refused', async () => {
    const preferences = await writePreferences();
    const out = join(preferences, 'out');
    await trainIn(out, preferences, { steps: 1 });
    await expect(trainIn(out, preferences, { steps: 2, beta: 7 })).rejects.toThrow(
      'holds a run with beta = 100000, not 7',
    );
    await expect(trainIn(out, preferences, { steps: 2, targetModules: ['to_q'] })).rejects.toThrow(
      'holds a run with targetModules = null, not ["to_q"]',
    );
    rmSync(join(preferences, '3-0.png'));
    await expect(trainIn(join(preferences, 'other'), preferences, { steps: 1 })).rejects.toThrow('3-0.png');
  }, 60_000);

  it('a diverging run stops with its step and what to try', async () => {
    const preferences = await writePreferences();
    const run = trainIn(join(preferences, 'out'), preferences, {
      objective: 'sft',
      learningRate: 1e18,
      steps: 30,
      warmup: 0,
    });
    await expect(run).rejects.toThrow(/Stopped at step \d+.*--learning-rate/);
  }, 60_000);

  it.each([
    { targetModules: null, modules: 32 },
    // conv1 and conv2 of 8 residual blocks, one downsampler, one embedding, to_k twice and ff.net.2 in 4 transformer blocks
    {
      targetModules: ['conv1', 'conv2', 'downsamplers.0.conv', 'time_embedding.linear_2', 'to_k', 'ff.net.2'],
      modules: 30,
    },
  ])(
    'the adapter that is saved predicts what the training graph predicted: $targetModules',
    async ({ targetModules, modules }) => {
      const pairs = 2;
      const spec = {
        objective: objectiveOf('dpo'),
        features: 'down',
        rank: 4,
        alpha: 8,
        targetModules,
        beta: 2500,
        lambda: 1,
        pairs,
      } as const;
      const shape = { channels: 8, height: 8, width: 8, conditions: { encoder_hidden_states: [24, 64] } };
      const unet = join(starter.pipeline, 'unet', 'model.onnx');
      const schedule = noiseSchedule();
      const session = await TrainingSession.create(unet, shape, spec, schedule, device);
      expect(session.training.parameters).toHaveLength(2 * modules);
      const random = new Random(8);
      const draw = (n: number) => Float32Array.from({ length: n }, () => random.uniform() * 2 - 1);
      const parameters = session.training.parameters.map(({ dims }) => draw(count(dims)).map((x) => x * 0.1));
      const size = 8 * 8 * 8;
      const [winner, loser, noise, z] = [0, 1, 2, 3].map(() => draw(pairs * size)) as [
        Float32Array,
        Float32Array,
        Float32Array,
        Float32Array,
      ];
      const states = draw(pairs * 24 * 64);
      const timesteps = [400, 400];
      const { modelErrors } = await session.run(
        { winner, loser, noise, z, timesteps, conditions: { encoder_hidden_states: states } },
        parameters,
      );
      const file = join(temporaryFolder(), 'adapter.safetensors');
      writeFileSync(file, encodeAdapter(session.training, parameters, spec.alpha / spec.rank));
      const merged = await createSession(
        await mergeAdapters(unet, 'unet', [{ adapter: await readAdapter(file), scale: 1 }]),
        device,
      );
      const sample = new Float32Array(pairs * size);
      for (let i = 0; i < pairs; i++)
        addNoise(
          schedule,
          winner.subarray(i * size, (i + 1) * size),
          noise.subarray(i * size, (i + 1) * size),
          400,
          sample.subarray(i * size, (i + 1) * size),
        );
      const { out_sample: output } = await merged.run({
        sample: { type: 'float32', data: sample, dims: [pairs, 8, 8, 8] },
        timestep: { type: 'float32', data: Float32Array.of(400), dims: [] },
        encoder_hidden_states: { type: 'float32', data: states, dims: [pairs, 24, 64] },
      });
      const prediction = output!.data as Float32Array;
      for (let i = 0; i < pairs; i++) {
        let sum = 0;
        for (let k = i * size; k < (i + 1) * size; k++) sum += (noise[k]! - prediction[k]!) ** 2;
        expect(sum / size / modelErrors[i]!).toBeCloseTo(1, 4);
      }
    },
    60_000,
  );

  it.each(['', 'ncp-'] as const)(
    '%scpo under the safeguard at μ = 1 descends with its winner alone: SFT’s gradient, times the slope of its logistic',
    async (form) => {
      const shape = { channels: 8, height: 8, width: 8, conditions: { encoder_hidden_states: [24, 64] } };
      const unet = join(starter.pipeline, 'unet', 'model.onnx');
      const random = new Random(12);
      const draw = (n: number) => Float32Array.from({ length: n }, () => random.uniform() * 2 - 1);
      const latents = () => draw(8 * 8 * 8);
      const winner = latents();
      // Near the winner, so that both sides' gradients agree.
      const loser = winner.map((x) => x * 1.1);
      const batch = {
        ...{ winner, loser, noise: latents(), z: latents(), timesteps: [300] },
        conditions: { encoder_hidden_states: draw(24 * 64) },
      };
      const beta = 2;
      const open = (loss: 'cpo' | 'sft', safeguard: number | null) => {
        const objective = objectiveOf(`${form}${loss}`);
        const spec = { objective, features: 'multi', rank: 4, alpha: 4, beta, lambda: 0, pairs: 1, safeguard } as const;
        return TrainingSession.create(unet, shape, spec, noiseSchedule(), device);
      };
      const sessions = [await open('cpo', 1), await open('cpo', null), await open('sft', null)];
      const parameters = sessions[0]!.training.parameters.map(({ dims }) => draw(count(dims)).map((x) => x * 0.1));
      const [guarded, plain, supervised] = await Promise.all(sessions.map((session) => session.run(batch, parameters)));
      expect(guarded!.loss).toBe(plain!.loss);
      const [ownError, otherError] = guarded!.modelErrors;
      const slope = beta / (1 + Math.exp(-beta * (ownError! - otherError!)));
      for (const [i, gradient] of supervised!.gradients.entries()) {
        const scale = slope * gradient.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
        const furthest = gradient.reduce(
          (most, value, k) => Math.max(most, Math.abs(guarded!.gradients[i]![k]! - slope * value)),
          0,
        );
        expect(furthest).toBeLessThan(1e-3 * scale);
      }
      await Promise.all(sessions.map((session) => session.release()));
    },
    60_000,
  );

  it('an adapter that is added to its weights has the loss and the gradients of one that runs beside them', async () => {
    const shape = { channels: 8, height: 8, width: 8, conditions: { encoder_hidden_states: [24, 64] } };
    const unet = join(starter.pipeline, 'unet', 'model.onnx');
    const random = new Random(9);
    const draw = (n: number) => Float32Array.from({ length: n }, () => random.uniform() * 2 - 1);
    const latents = () => draw(8 * 8 * 8);
    const batch = {
      ...{ winner: latents(), loser: latents(), noise: latents(), z: latents(), timesteps: [300] },
      conditions: { encoder_hidden_states: draw(24 * 64) },
    };
    const open = (rank: number) =>
      TrainingSession.create(
        unet,
        shape,
        // A small β: at 2500 the loss is the rounding of two errors' difference.
        { objective: objectiveOf('dpo'), features: 'down', rank, alpha: rank, beta: 1, lambda: 1, pairs: 1 },
        noiseSchedule(),
        device,
      );
    // Rank 4 runs beside every layer of the starter; rank 32, the same adapter with zeros, is added to all of them.
    const [beside, added] = [await open(4), await open(32)];
    const products = (session: TrainingSession) =>
      session.training.graph.nodes.filter(({ opType }) => opType === 'MatMul').length;
    expect(products(beside)).toBeGreaterThan(products(added));
    const small = beside.training.parameters.map(({ dims }) => draw(count(dims)).map((x) => x * 0.1));
    const isA = (i: number) => beside.training.parameters[i]!.name.endsWith('.A');
    /** Places of the small adapter's numbers in the large one's. */
    const placeOf = (i: number, k: number) => (isA(i) ? k : Math.floor(k / 4) * 32 + (k % 4));
    const large = small.map((values, i) => {
      const { dims } = added.training.parameters[i]!;
      const wide = new Float32Array(count(dims));
      values.forEach((value, k) => (wide[placeOf(i, k)] = value));
      return wide;
    });
    const [one, other] = [await beside.run(batch, small), await added.run(batch, large)];
    one.modelErrors.forEach((error, i) => expect(other.modelErrors[i]! / error).toBeCloseTo(1, 5));
    expect(other.loss / one.loss).toBeCloseTo(1, 5);
    for (const [i, gradient] of one.gradients.entries()) {
      const scale = gradient.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      gradient.forEach((value, k) =>
        expect(Math.abs(other.gradients[i]![placeOf(i, k)]! - value)).toBeLessThan(1e-3 * scale),
      );
    }
    await Promise.all([beside.release(), added.release()]);
  }, 60_000);
});
