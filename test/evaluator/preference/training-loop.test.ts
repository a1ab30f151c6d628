/**
 * @file What the loop does around the network: which pairs, noise and timesteps a batch holds, how gradients become a step,
 * when a run is stopped, and what its folder keeps. The network is a function that the test knows.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSafeTensors } from '../../../evaluator/engine/onnx/safetensors.ts';
import { untrainedAdapter } from '../../../evaluator/preference/adapter-file.ts';
import { AdamW } from '../../../evaluator/preference/adamw.ts';
import { Batches, type BatchSource } from '../../../evaluator/preference/batches.ts';
import { Diverged, LossWatch } from '../../../evaluator/preference/loss-watch.ts';
import type { ObjectiveName } from '../../../evaluator/preference/objectives/objectives.ts';
import { adapterProduct } from '../../../evaluator/preference/product.ts';
import { claimRunFolder, filesOf, openLog } from '../../../evaluator/preference/run-folder.ts';
import type { Batch, StepResult } from '../../../evaluator/preference/training-session.ts';
import { TrainingState } from '../../../evaluator/preference/training-state.ts';
import { trainingStep, type StepSettings } from '../../../evaluator/preference/training-step.ts';
import { temporaryFolder } from '../../support/folders.ts';

/** Winner i has latent 10 + i, loser i −10 − i, caption i the state i; the VAE's own noise adds a thousandth of itself. */
function source(count: number): BatchSource {
  return {
    pairs: Array.from({ length: count }, (_, i) => ({ caption: `${i}`, winner: `w${i}`, loser: `l${i}` })),
    shape: { channels: 1, height: 2, width: 2, conditions: { encoder_hidden_states: [2, 3] } },
    latent: (key, noise, out) => {
      const value = (10 + Number(key.slice(1))) * (key.startsWith('w') ? 1 : -1);
      for (let i = 0; i < out.length; i++) out[i] = value + noise[i]! / 1000;
    },
    conditions: (caption) => ({ encoder_hidden_states: new Float32Array(6).fill(Number(caption)) }),
  } as BatchSource;
}
const settings = { objective: 'dpo', batch: 3, accumulate: 2, seed: 5 } as const;
const pairOf = (batch: Batch, i: number) => Math.round(batch.winner[i * 4]!) - 10;

describe('batches', () => {
  it('an epoch holds every pair once; the next is shuffled anew; every pair brings its own loser and caption', () => {
    const batches = new Batches(source(12), settings, 1000);
    const order: number[] = [];
    for (let step = 0; step < 4; step++) {
      for (let part = 0; part < 2; part++) {
        const batch = batches.at(step, part);
        for (let i = 0; i < 3; i++) {
          const pair = pairOf(batch, i);
          expect(Math.round(batch.loser[i * 4]!)).toBe(-10 - pair);
          expect([...batch.conditions['encoder_hidden_states']!.subarray(i * 6, (i + 1) * 6)]).toEqual(
            Array(6).fill(pair),
          );
          order.push(pair);
        }
      }
    }
    const [first, second] = [order.slice(0, 12), order.slice(12)];
    for (const epoch of [first, second]) expect([...epoch].sort((x, y) => x - y)).toEqual([...Array(12).keys()]);
    expect(first).not.toEqual(second);
    expect(first).not.toEqual([...Array(12).keys()]);
  });

  it('a batch depends on seed, step and part alone, in whatever order they are asked for', () => {
    const [one, other] = [new Batches(source(7), settings, 1000), new Batches(source(7), settings, 1000)];
    const forward = [0, 1, 2, 3].map((step) => one.at(step, 1));
    const backward = [3, 2, 1, 0].map((step) => other.at(step, 1)).reverse();
    expect(forward).toEqual(backward);
    const noises = [one.at(0, 0), one.at(0, 1), one.at(1, 0), one.at(1, 1)].map(({ noise }) => [...noise].join());
    expect(new Set(noises).size).toBe(4);
    const seeded = new Batches(source(7), { ...settings, seed: 6 }, 1000).at(0, 0);
    expect([...seeded.noise]).not.toEqual([...one.at(0, 0).noise]);
  });

  it('noise, z and the images’ own noise are unit noise, and different', () => {
    const batches = new Batches(source(64), { ...settings, batch: 64, accumulate: 1 }, 1000);
    let [sum, squares, n, same] = [0, 0, 0, 0];
    for (let step = 0; step < 20; step++) {
      const { noise, z } = batches.at(step, 0);
      for (const values of [noise, z]) for (const x of values) [sum, squares, n] = [sum + x, squares + x * x, n + 1];
      noise.forEach((x, i) => (same += Number(x === z[i])));
    }
    // 10,240 draws: the mean within 5/√n, the variance within 5·√(2/n)
    expect(Math.abs(sum / n)).toBeLessThan(0.05);
    expect(Math.abs(squares / n - 1)).toBeLessThan(0.07);
    expect(same).toBe(0);
    const { winner, loser } = batches.at(0, 0);
    const own = [...winner.map((x) => x - Math.round(x)), ...loser.map((x) => x - Math.round(x))].map((x) => x * 1000);
    expect(own.some((x) => Math.abs(x) > 1)).toBe(true);
    expect(new Set(own.map((x) => x.toFixed(2))).size).toBeGreaterThan(250);
  });

  it.each([
    ['dpo', 50, 0],
    ['ncp-dpo', 50, 1],
    ['sft', 3, 0],
  ] as [ObjectiveName, number, number][])(
    '%s draws t from a schedule of %d steps, from %d on, evenly',
    (objective, T, from) => {
      const batches = new Batches(source(10), { objective, batch: 10, accumulate: 1, seed: 1 }, T);
      const counts = new Map<number, number>();
      for (let step = 0; step < 400; step++)
        for (const t of batches.at(step, 0).timesteps) counts.set(t, (counts.get(t) ?? 0) + 1);
      expect([...counts.keys()].sort((x, y) => x - y)).toEqual(Array.from({ length: T - from }, (_, i) => from + i));
      const expected = 4000 / (T - from);
      for (const n of counts.values()) expect(Math.abs(n - expected)).toBeLessThan(6 * Math.sqrt(expected));
    },
  );
});

const stepSettings: StepSettings = {
  objective: 'dpo',
  batch: 2,
  accumulate: 2,
  beta: 10,
  clip: 1e9,
  learningRate: 0.1,
  warmup: 4,
};
/** A network whose results are listed, a part after the other. */
function loop(results: StepResult[], change: Partial<StepSettings> = {}) {
  const asked: [number, number][] = [];
  const own = { ...stepSettings, ...change };
  const gradients: number[][] = [];
  const rates: number[] = [];
  const state = {
    average: null,
    step: 0,
    deviceSeconds: 0,
    parameters: [Float32Array.of(1, 1), Float32Array.of(1)],
    optimizer: {
      update: (_: unknown, given: readonly Float32Array[], { learningRate }: { learningRate: number }) => {
        gradients.push(given.flatMap((g) => [...g]));
        rates.push(learningRate);
      },
    } as unknown as AdamW,
  };
  const batches = {
    at: (step: number, part: number) => {
      asked.push([step, part]);
      return {} as Batch;
    },
  };
  const session = { run: () => Promise.resolve(results.shift()!) };
  const watch = new LossWatch(own);
  const step = () => trainingStep({ settings: own, batches, session, state, watch });
  return { step, asked, gradients, rates, state };
}
const result = (loss: number, gradient: number[], errors = [0, 0, 0, 0], reference = [0, 0, 0, 0]): StepResult => ({
  loss,
  modelErrors: Float32Array.from(errors),
  referenceErrors: Float32Array.from(reference),
  gradients: [Float32Array.from(gradient.slice(0, 2)), Float32Array.from(gradient.slice(2))],
});

describe('a step', () => {
  it('averages losses and gradients over its parts, and counts', async () => {
    const { step, asked, gradients, state } = loop([
      result(1, [2, 0, 4]),
      result(3, [4, -2, 0]),
      result(5, [0, 0, 0]),
      result(5, [0, 0, 0]),
    ]);
    expect(await step()).toMatchObject({ step: 1, loss: 2, gradientNorm: expect.closeTo(Math.sqrt(9 + 1 + 4), 6) });
    expect(gradients[0]).toEqual([3, -1, 2]);
    await step();
    expect(asked).toEqual([
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ]);
    expect(state.step).toBe(2);
    expect(state.deviceSeconds).toBeGreaterThan(0);
  });

  it('clips the gradient’s global norm, and leaves a shorter one alone', async () => {
    const clipped = loop([result(1, [3, 0, 4])], { accumulate: 1, clip: 1 });
    const row = await clipped.step();
    expect(row.gradientNorm).toBeCloseTo(5, 6);
    expect(clipped.gradients[0]).toEqual([expect.closeTo(0.6, 6), 0, expect.closeTo(0.8, 6)]);
    const alone = loop([result(1, [3, 0, 4])], { accumulate: 1, clip: 5 });
    await alone.step();
    expect(alone.gradients[0]).toEqual([3, 0, 4]);
  });

  it('the learning rate grows over the warm-up and then stays', async () => {
    const parts = Array.from({ length: 6 }, () => result(1, [1, 1, 1]));
    const { step, rates } = loop(parts, { accumulate: 1 });
    const logged: number[] = [];
    for (let i = 0; i < 6; i++) logged.push((await step()).learningRate);
    expect(rates).toEqual([0.025, 0.05, 0.075, 0.1, 0.1, 0.1].map((x) => expect.closeTo(x, 12)));
    expect(logged).toEqual(rates);
    const none = loop([result(1, [1, 1, 1])], { accumulate: 1, warmup: 0 });
    await none.step();
    expect(none.rates).toEqual([0.1]);
  });

  it('says how many pairs are ordered as people did, and by how much', async () => {
    // Pair 1: model gap .2 − .5 = −.3, reference 0: logit .3. Pair 2: model gap 0, reference .4 − .3 = .1: logit .1.
    // Pair 3: .7 against .5: −.2. Pair 4: .1 against .5: .4. Three of four are ordered as people did.
    const parts = [
      result(1, [0, 0, 1], [0.2, 0.6, 0.5, 0.6], [0, 0.4, 0, 0.3]),
      result(1, [0, 0, 1], [0.7, 0.1, 0.5, 0.5], [0, 0, 0, 0]),
    ];
    const row = await loop(parts).step();
    expect(row.implicitAccuracy).toBe(0.75);
    expect(row.margin).toBeCloseTo((10 * (0.3 + 0.1 - 0.2 + 0.4)) / 4, 5);
  });

  it('CPO compares without the reference; SFT compares nothing', async () => {
    const one = () => result(1, [0, 0, 1], [0.2, 0.6, 0.5, 0.5], [9, 9, 0, 0]);
    expect(await loop([one()], { objective: 'cpo', accumulate: 1 }).step()).toMatchObject({
      implicitAccuracy: 0.5,
      margin: expect.closeTo((10 * (0.3 - 0.1)) / 2, 5),
    });
    expect(await loop([one()], { objective: 'ncp-sft', accumulate: 1 }).step()).toMatchObject({
      implicitAccuracy: null,
      margin: null,
    });
  });

  it.each([
    [NaN, 1],
    [Infinity, 1],
    [1, NaN],
  ])('a loss of %d with a gradient of %d ends the run before the adapter is touched', async (loss, gradient) => {
    const { step, gradients, state } = loop([result(loss, [gradient, 0, 0])], { accumulate: 1 });
    await expect(step()).rejects.toThrow(
      'Stopped at step 1: the loss or its gradient is no number. Try a lower --learning-rate (it is 0.1), a longer --warmup (4) or a smaller --beta (10); the last checkpoint is kept.',
    );
    expect(gradients).toEqual([]);
    expect(state.step).toBe(0);
  });
});

describe('the loss watch', () => {
  const watched = (losses: number[]) => {
    const watch = new LossWatch(stepSettings);
    losses.forEach((loss, i) => watch.check(i + 1, loss));
  };
  const steady = (n: number, loss: number) => Array<number>(n).fill(loss);
  it('ends a run whose mean over 20 steps is above 20 times the first 20’s', () => {
    expect(() => watched([...steady(20, 1), ...steady(20, 20)])).not.toThrow();
    expect(() => watched([...steady(20, 1), ...steady(19, 20), 20.5])).toThrow(
      /^Stopped at step 40: the loss rose from 1\.00 to 20\.0\. /,
    );
    expect(() => watched([...steady(20, 1), ...steady(20, 21)])).toThrow(Diverged);
  });
  it('one wild loss is not a divergence, and too few steps say nothing', () => {
    expect(() => watched([...steady(20, 1), 350, ...steady(30, 1)])).not.toThrow();
    expect(() => watched([...steady(10, 1), ...steady(9, 1e9)])).not.toThrow();
  });
  it('a run that began near 0 is measured against a tenth of ln 2', () => {
    expect(() => watched([...steady(20, 1e-9), ...steady(20, 1.386)])).not.toThrow();
    expect(() => watched([...steady(20, 1e-9), ...steady(20, 1.387)])).toThrow(Diverged);
  });
});

describe('a run’s folder', () => {
  const asked = { objective: 'dpo', beta: 2500, steps: 10, maxSeconds: null, checkpointEvery: 5, unetSha256: 'abc' };
  it('keeps its settings; a longer run or closer checkpoints continue it, anything else is refused by name', async () => {
    const out = join(temporaryFolder(), 'run');
    await claimRunFolder(out, asked);
    expect(JSON.parse(readFileSync(filesOf(out).settings, 'utf8'))).toEqual(asked);
    expect(existsSync(join(out, 'checkpoints'))).toBe(true);
    await claimRunFolder(out, asked);
    await claimRunFolder(out, { ...asked, steps: 20, maxSeconds: 3, checkpointEvery: 1 });
    await expect(claimRunFolder(out, { ...asked, beta: 7 })).rejects.toThrow(
      `${out} holds a run with beta = 2500, not 7; continue it with its own settings or choose another --out.`,
    );
    await expect(claimRunFolder(out, { ...asked, unetSha256: 'abd' })).rejects.toThrow('unetSha256 = "abc", not "abd"');
  });

  it('a run from before a setting existed goes on without it, and is no run with it', async () => {
    const out = join(temporaryFolder(), 'run');
    await claimRunFolder(out, asked);
    await claimRunFolder(out, { ...asked, safeguard: null });
    await expect(claimRunFolder(out, { ...asked, safeguard: 0.5 })).rejects.toThrow('safeguard = null, not 0.5');
  });

  it('the log goes on after the step that the run continues from', async () => {
    const out = temporaryFolder();
    const { log } = filesOf(out);
    const write = async (step: number, line: string) => {
      const handle = await openLog(out, step);
      await handle.write(line);
      await handle.close();
      return readFileSync(log, 'utf8');
    };
    expect(await write(0, '{"step":1}\n{"step":2}\n{"step":3,"é"')).toBe('{"step":1}\n{"step":2}\n{"step":3,"é"');
    expect(await write(2, '{"step":3}\n')).toBe('{"step":1}\n{"step":2}\n{"step":3}\n');
    expect(await write(3, '{"step":4}\n')).toBe('{"step":1}\n{"step":2}\n{"step":3}\n{"step":4}\n');
    expect(await write(1, '')).toBe('{"step":1}\n');
    expect(await write(0, '')).toBe('');
  });

  it('names its files', () => {
    expect(filesOf('/x')).toMatchObject({
      log: '/x/log.jsonl',
      state: '/x/state.safetensors',
      adapter: '/x/pytorch_lora_weights.safetensors',
      pipeline: '/x/pipeline',
    });
    expect(filesOf('/x').checkpoint(40)).toBe('/x/checkpoints/step-000040');
  });
});

describe('the moving average', () => {
  it('grows into its decay as diffusers’ EMAModel, and is what a run makes', async () => {
    const described = { parameters: [{ name: 'm.A', dims: [1, 1] }] };
    const state = await TrainingState.open(temporaryFolder(), described, { optimizer: 'adamw', ema: 0.2 }, [
      Float32Array.of(10),
    ]);
    // 0 first, then 2/11, then 3/12 which is more than 0.2.
    const expected = [4, 4 + (9 / 11) * (15 - 4), 0];
    expected[2] = expected[1]! + 0.8 * (3 - expected[1]!);
    for (const [i, value] of [4, 15, 3].entries()) {
      state.parameters[0]![0] = value;
      state.average!.update(state.parameters, i + 1);
      expect(state.result[0]![0]).toBeCloseTo(expected[i]!, 5);
      expect(state.parameters[0]![0]).toBe(value);
    }
  });
});

describe('the state of a run', () => {
  const described = {
    parameters: [
      { name: 'm.to_q.A', dims: [4, 1100] },
      { name: 'm.to_q.B', dims: [8, 4] },
    ],
  };
  const own = { optimizer: 'adamw', ema: null, seed: 3, rank: 4, alpha: 8 } as const;
  const open = async (
    out: string,
    settings: { optimizer: 'adamw' | 'adamw8bit'; seed: number } = own,
    shapes = described,
  ) => TrainingState.open(out, shapes, { ...own, ...settings }, untrainedAdapter(shapes, { ...own, ...settings }));

  it('begins with A of standard deviation 1/rank and B of zeros, by the seed', async () => {
    const { parameters, step, deviceSeconds } = await open(temporaryFolder());
    expect([step, deviceSeconds]).toEqual([0, 0]);
    const [a, b] = parameters as [Float32Array, Float32Array];
    const deviation = Math.sqrt(a.reduce((sum, x) => sum + x * x, 0) / a.length);
    // 4,400 draws: within 5 standard errors
    expect(Math.abs(deviation - 0.25)).toBeLessThan(0.25 * 5 * Math.sqrt(1 / 8800));
    expect(b.every((x) => x === 0)).toBe(true);
    const again = await open(temporaryFolder());
    const other = await open(temporaryFolder(), { ...own, seed: 4 });
    expect(again.parameters).toEqual(parameters);
    expect(other.parameters[0]).not.toEqual(a);
  });

  it.each(['adamw', 'adamw8bit'] as const)(
    '%s: what is saved is what comes back, moments and all',
    async (optimizer) => {
      const out = temporaryFolder();
      mkdirSync(join(out, 'checkpoints'));
      const update = (state: TrainingState, scale: number) => {
        const gradients = state.parameters.map((values) => values.map((_, i) => scale * Math.sin(i + 1)));
        state.optimizer.update(state.parameters, gradients, {
          learningRate: 0.01,
          beta1: 0.9,
          beta2: 0.99,
          epsilon: 1e-8,
          weightDecay: 0,
        });
        state.step += 1;
        state.deviceSeconds += 1.5;
      };
      const whole = await open(out, { ...own, optimizer });
      update(whole, 1);
      update(whole, -2);
      await whole.save();
      const back = await open(out, { ...own, optimizer, seed: 99 });
      expect([back.step, back.deviceSeconds, back.optimizer.step]).toEqual([2, 3, 2]);
      expect(back.parameters).toEqual(whole.parameters);
      for (const state of [whole, back]) update(state, 0.5);
      expect(back.parameters).toEqual(whole.parameters);
    },
  );

  it('a checkpoint is diffusers’ adapter: A as it is, B times α/rank', async () => {
    const out = temporaryFolder();
    mkdirSync(join(out, 'checkpoints'));
    const product = adapterProduct(out, described, own);
    const parameters = await product.untrained();
    parameters[1]!.fill(0.5);
    await product.writeCheckpoint(0, parameters);
    const { tensors } = await readSafeTensors(`${filesOf(out).checkpoint(0)}.safetensors`);
    expect([...tensors.keys()].sort()).toEqual(['unet.m.to_q.lora.down.weight', 'unet.m.to_q.lora.up.weight']);
    expect(tensors.get('unet.m.to_q.lora.down.weight')).toEqual({ shape: [4, 1100], data: parameters[0] });
    expect(tensors.get('unet.m.to_q.lora.up.weight')).toEqual({ shape: [8, 4], data: new Float32Array(32).fill(1) });
  });

  it('a state of another run is refused', async () => {
    const out = temporaryFolder();
    await (await open(out)).save();
    const larger = { parameters: [{ name: 'm.to_q.A', dims: [4, 1200] }] };
    await expect(open(out, own, larger)).rejects.toThrow('does not hold "parameter m.to_q.A"');
    const renamed = { parameters: [{ name: 'n.to_q.A', dims: [4, 1100] }] };
    await expect(open(out, own, renamed)).rejects.toThrow('it is damaged or of another run');
    writeFileSync(filesOf(out).state, 'nonsense');
    await expect(open(out)).rejects.toThrow(filesOf(out).state);
  });
});
