/** @file Arrow: rewards → prescreen result. Reads the scores that are there; computes nothing on images. */
import type { PrescreenResult, RewardResult } from '../../contract/prescreen.ts';
import type { Database } from '../../db/open.ts';
import { findModel, type Model } from '../../db/queries/models.ts';
import { checkpointsOf } from '../../db/queries/prescreens.ts';
import { findPromptSet, listPrompts, type Prompt, type PromptSet } from '../../db/queries/prompts.ts';
import { findReward, listScores, type Reward } from '../../db/queries/rewards.ts';
import { BadInput } from '../engine/files/bad-input.ts';
import { checkGates, parseGate } from './gates.ts';
import { screenReward, type ScreenModel } from './screen.ts';

export interface ScreenRequest {
  prompts: string;
  baseline: string;
  candidates: readonly string[];
  rewards: readonly string[];
  /** The renders' seed. */
  seed?: number;
  require?: readonly string[];
}

/** Of the bootstrap. */
const bootstrapSeed = 0;

/** @throws BadInput when a name is unknown or a gate does not parse */
export async function readResult(db: Database, request: ScreenRequest): Promise<Omit<PrescreenResult, 'problems'>> {
  const { seed = 0, require = [] } = request;
  const gates = require.map((text) => parseGate(text, request.rewards));
  const { promptSet, baseline, candidates, rewards } = await requireScreenNames(db, request);
  const prompts = await listPrompts(db, promptSet.id);
  const checkpoints = new Map(
    (
      await checkpointsOf(
        db,
        candidates.map(({ id }) => id),
      )
    ).map((row) => [row.modelId, row]),
  );
  const rewardResults: RewardResult[] = [];
  for (const reward of rewards) {
    const modelScores = async (model: Model): Promise<ScreenModel> => {
      const checkpoint = checkpoints.get(model.id);
      return {
        model: model.name,
        checkpoint:
          checkpoint === undefined
            ? null
            : { run: checkpoint.run, step: checkpoint.step, deviceSeconds: checkpoint.deviceSeconds },
        scores: await scoresInOrder(db, { promptSet, prompts, model, reward, seed }),
      };
    };
    const input = {
      reward: reward.name,
      kind: reward.kind,
      baseline: await modelScores(baseline),
      candidates: await Promise.all(candidates.map(modelScores)),
    };
    rewardResults.push(
      screenReward(
        input,
        prompts.map(({ category }) => category),
        bootstrapSeed,
      ),
    );
  }
  const results = checkGates(gates, rewardResults);
  return {
    promptSet: promptSet.name,
    prompts: prompts.length,
    baseline: baseline.name,
    seed,
    rewards: rewardResults,
    requirements: results,
    passed: results.every(({ met }) => met),
  };
}

/** @throws BadInput for the first name that is unknown or named twice */
export async function requireScreenNames(
  db: Database,
  request: ScreenRequest,
): Promise<{ promptSet: PromptSet; baseline: Model; candidates: Model[]; rewards: Reward[] }> {
  const promptSet = await findPromptSet(db, request.prompts);
  if (promptSet === undefined) throw new BadInput(`There is no prompt set named "${request.prompts}".`);
  if (request.candidates.length === 0) throw new BadInput('A prescreen needs at least one candidate.');
  if (request.rewards.length === 0) throw new BadInput('A prescreen needs at least one reward.');
  for (const names of [[request.baseline, ...request.candidates], request.rewards]) {
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) throw new BadInput(`"${twice}" is named twice.`);
  }
  const models: Model[] = [];
  for (const name of [request.baseline, ...request.candidates]) {
    const model = await findModel(db, name);
    if (model === undefined) throw new BadInput(`There is no model named "${name}".`);
    models.push(model);
  }
  const rewards: Reward[] = [];
  for (const name of request.rewards) {
    const reward = await findReward(db, name);
    if (reward === undefined)
      throw new BadInput(`There is no reward named "${name}"; add it with visavis rewards add.`);
    rewards.push(reward);
  }
  return { promptSet, baseline: models[0]!, candidates: models.slice(1), rewards };
}

async function scoresInOrder(
  db: Database,
  {
    promptSet,
    prompts,
    model,
    reward,
    seed,
  }: { promptSet: PromptSet; prompts: readonly Prompt[]; model: Model; reward: Reward; seed: number },
): Promise<Float64Array> {
  const rows = await listScores(db, { promptSetId: promptSet.id, modelId: model.id, reward });
  const byPrompt = new Map(rows.filter((row) => row.seed === seed).map((row) => [row.promptId, row.value]));
  return Float64Array.from(prompts, ({ id }) => byPrompt.get(id) ?? NaN);
}
