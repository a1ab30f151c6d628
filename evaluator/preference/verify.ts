/**
 * @file Compares the trainer with reference cases computed in float64 by PyTorch: inputs.safetensors, cases.json, the first
 * gradient and the adapter after five AdamW steps of each case.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { BadInput } from '../engine/files/bad-input.ts';
import type { Device } from '../engine/onnx/device.ts';
import { readSafeTensors, type SafeTensor } from '../engine/onnx/safetensors.ts';
import { readJson } from '../engine/files/read-json.ts';
import { AdamW, adamWDefaults } from './adamw.ts';
import { lossNames, objectiveNames, objectiveOf, type FeatureName } from './objectives/objectives.ts';
import { noiseSchedule } from './reverse-step.ts';
import { TrainingSession, type Batch } from './training-session.ts';

export interface VerifiedCase {
  name: string;
  /** Largest relative error of the per-sample errors. */
  errorsError: number;
  /** Largest relative error of the five losses. */
  lossError: number;
  /** Largest gradient error over the largest gradient entry. */
  gradientError: number;
  /** L2 norm of the adapter's error over that of its change in five steps. */
  adapterError: number;
}
/** What a float32 trainer must reach. */
export const bounds = { errorsError: 1e-4, lossError: 1e-3, gradientError: 1e-3, adapterError: 2e-2 } as const;

const errorsSchema = z.array(z.number());
const casesSchema = z.object({
  timesteps: z.array(z.int()),
  rank: z.int().positive(),
  alpha: z.number(),
  /** As --target-modules; absent: attention's projections. */
  targetModules: z.array(z.string()).optional(),
  cases: z.array(
    z.object({
      name: z.string(),
      objective: z.enum(lossNames),
      perceptual: z.boolean(),
      features: z.enum(['down', 'mid', 'multi']).nullable(),
      beta: z.number(),
      lambda_: z.number(),
      /** μ of --safeguard. */
      safeguard: z.number().min(0).max(1).optional(),
      firstErrors: z.object({
        modelWinner: errorsSchema,
        modelLoser: errorsSchema,
        refWinner: errorsSchema,
        refLoser: errorsSchema,
      }),
      trajectory: z.array(z.object({ loss: z.number() })).min(1),
    }),
  ),
});
type Case = z.infer<typeof casesSchema>['cases'][number];

const learningRate = 1e-3;

/** @param unet the U-Net's .onnx file. @throws BadInput when the folder has another layout or does not fit the network */
export async function verifyCases(
  folder: string,
  unet: string,
  device: Device,
  onCase?: (verified: VerifiedCase) => void,
): Promise<VerifiedCase[]> {
  const parsed = casesSchema.safeParse(await readJson(join(folder, 'cases.json')));
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    throw new BadInput(`${join(folder, 'cases.json')}: ${path.join('.')}: ${message}.`);
  }
  const file = join(folder, 'inputs.safetensors');
  const { tensors } = await readSafeTensors(file);
  const tensor = (name: string): SafeTensor => {
    const found = tensors.get(name);
    if (found === undefined) throw new BadInput(`${file} has no tensor "${name}".`);
    return found;
  };
  const [pairs, channels, height, width] = tensor('winner').shape as [number, number, number, number];
  const conditions = ['encoder_hidden_states', 'text_embeds', 'time_ids'].filter((name) => tensors.has(name));
  const shape = {
    channels,
    height,
    width,
    conditions: Object.fromEntries(conditions.map((name) => [name, tensor(name).shape.slice(1)])),
  };
  const batch: Batch = {
    winner: tensor('winner').data,
    loser: tensor('loser').data,
    noise: tensor('noise').data,
    z: tensor('z').data,
    timesteps: parsed.data.timesteps,
    conditions: Object.fromEntries(conditions.map((name) => [name, tensor(name).data])),
  };
  const verified: VerifiedCase[] = [];
  for (const one of parsed.data.cases) {
    const { rank, alpha, targetModules } = parsed.data;
    const asked = one.perceptual ? (`ncp-${one.objective}` as const) : one.objective;
    const name = objectiveNames.find((known) => known === asked);
    if (name === undefined) throw new BadInput(`${folder}: there is no objective ${asked} (case ${one.name}).`);
    const spec = { objective: objectiveOf(name), features: (one.features ?? 'down') as FeatureName, rank, alpha };
    const session = await TrainingSession.create(
      unet,
      shape,
      {
        ...spec,
        ...(targetModules === undefined ? {} : { targetModules }),
        beta: one.beta,
        lambda: one.lambda_,
        safeguard: one.safeguard ?? null,
        pairs,
        everyError: true,
      },
      noiseSchedule(),
      device,
    );
    try {
      const result = await verifyCase(folder, one, session, batch, (parameter) => tensor(`lora.${parameter}`));
      verified.push(result);
      onCase?.(result);
    } finally {
      await session.release();
    }
  }
  return verified;
}

async function verifyCase(
  folder: string,
  { name, firstErrors, trajectory }: Case,
  session: TrainingSession,
  batch: Batch,
  start: (parameter: string) => SafeTensor,
): Promise<VerifiedCase> {
  const names = session.training.parameters.map((parameter) => parameter.name);
  const parameters = names.map((parameter) => Float32Array.from(start(parameter).data));
  const read = async (suffix: string) => (await readSafeTensors(join(folder, `${name}.${suffix}.safetensors`))).tensors;
  const [gradients, after] = [await read('grad'), await read('after5')];
  const optimizer = new AdamW(parameters.map(({ length }) => length));
  let [errorsError, lossError, gradientError] = [0, 0, 0];
  for (const [step, { loss }] of trajectory.entries()) {
    const result = await session.run(batch, parameters);
    lossError = Math.max(lossError, Math.abs(result.loss - loss) / Math.abs(loss));
    if (step === 0) {
      const { modelWinner, modelLoser, refWinner, refLoser } = firstErrors;
      const expected = [...modelWinner, ...modelLoser, ...refWinner, ...refLoser];
      const computed = [...result.modelErrors, ...result.referenceErrors!];
      errorsError = Math.max(...expected.map((error, i) => Math.abs(computed[i]! - error) / Math.abs(error)));
      const golden = names.map((parameter) => gradients.get(parameter)!.data);
      gradientError = largest(result.gradients, golden) / largest(golden);
    }
    optimizer.update(parameters, result.gradients, { learningRate, ...adamWDefaults });
  }
  const golden = names.map((parameter) => after.get(parameter)!.data);
  const began = names.map((parameter) => start(parameter).data);
  return {
    name,
    errorsError,
    lossError,
    gradientError,
    adapterError: distance(parameters, golden) / distance(golden, began),
  };
}

function largest(a: readonly Float32Array[], b?: readonly Float32Array[]): number {
  let most = 0;
  a.forEach((values, p) => values.forEach((value, i) => (most = Math.max(most, Math.abs(value - (b?.[p]![i] ?? 0))))));
  return most;
}

function distance(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  let sum = 0;
  a.forEach((values, p) => values.forEach((value, i) => (sum += (value - b[p]![i]!) ** 2)));
  return Math.sqrt(sum);
}
