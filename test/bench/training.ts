/**
 * A DPO and an NCP-DPO step on the starter U-Net (32 pairs, rank 16) as a ratio to one forward pass of the same batch in the
 * same run, and the resident memory over many steps. Usage: npx tsx test/bench/training.ts [steps]
 */
import { join } from 'node:path';
import { createSession } from '../../evaluator/onnx/session.ts';
import { objectiveOf } from '../../evaluator/preference/objectives.ts';
import { noiseSchedule } from '../../evaluator/preference/reverse-step.ts';
import { TrainingSession } from '../../evaluator/preference/training-session.ts';
import { starter } from '../../evaluator/starter/starter.ts';
import { Random } from '../../evaluator/statistics/random.ts';

const pairs = 32;
const steps = Number(process.argv[2] ?? 20);
const unet = join(starter.pipeline, 'unet', 'model.onnx');
const random = new Random(0);
const draw = (n: number) => Float32Array.from({ length: n }, () => random.uniform() * 2 - 1);
const median = (values: number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;
const timed = async (run: () => Promise<unknown>) => {
  const started = performance.now();
  await run();
  return performance.now() - started;
};

const forward = await createSession({ file: unet }, { kind: 'cpu' });
const samples = 2 * pairs;
const feeds = {
  sample: { type: 'float32' as const, data: draw(samples * 256), dims: [samples, 4, 8, 8] },
  timestep: { type: 'float32' as const, data: Float32Array.of(500), dims: [] },
  encoder_hidden_states: { type: 'float32' as const, data: draw(samples * 24 * 64), dims: [samples, 24, 64] },
};
for (const name of ['dpo', 'ncp-dpo'] as const) {
  const session = await TrainingSession.create(
    unet,
    { channels: 4, height: 8, width: 8, conditions: { encoder_hidden_states: [24, 64] } },
    { objective: objectiveOf(name), features: 'down', rank: 16, alpha: 16, beta: 2500, lambda: 1, pairs },
    noiseSchedule(),
    { kind: 'cpu' },
  );
  const parameters = session.training.parameters.map(({ dims }) => draw(dims[0] * dims[1]).map((x) => x * 0.02));
  const [winner, loser, noise, z] = [0, 1, 2, 3].map(() => draw(pairs * 256)) as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const timesteps = Array.from({ length: pairs }, () => 1 + random.below(999));
  const batch = { winner, loser, noise, z, timesteps, conditions: { encoder_hidden_states: draw(pairs * 24 * 64) } };
  await session.run(batch, parameters);
  const [full, bare]: [number[], number[]] = [[], []];
  const memory: string[] = [];
  for (let step = 0; step < steps; step++) {
    full.push(await timed(() => session.run(batch, parameters)));
    if (step < 20) bare.push(await timed(() => forward.run(feeds)));
    if (step % Math.ceil(steps / 5) === 0)
      memory.push(`${step}: ${Math.round(process.memoryUsage().rss / 2 ** 20)} MiB`);
  }
  console.log(
    `${name}: ${median(full).toFixed(0)} ms a step of ${pairs} pairs, ${(median(full) / median(bare)).toFixed(2)} forward passes (${median(bare).toFixed(0)} ms); ${memory.join(', ')}`,
  );
  await session.release();
}
