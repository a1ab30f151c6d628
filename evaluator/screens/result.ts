/** @file Arrow: rewards → screen. Reads the scores that are there; computes nothing on images. */
import type { Database } from '../../db/open.ts';
import { findModel, type Model } from '../../db/queries/models.ts';
import { checkpointsOf } from '../../db/queries/prescreens.ts';
import { findPromptSet, listPrompts, type Prompt, type PromptSet } from '../../db/queries/prompts.ts';
import { findReward, listScores, type Reward } from '../../db/queries/rewards.ts';
import { BadInput } from '../engine/files/bad-input.ts';
import { checkRequirements, parseRequirement, type RequirementResult } from './gates.ts';
import { screenReward, type RewardScreen, type ScreenModel } from './screen.ts';

export interface ScreenRequest {
  prompts: string;
  baseline: string;
  candidates: readonly string[];
  rewards: readonly string[];
  /** The renders' seed. */
  seed?: number;
  require?: readonly string[];
}
export interface Screen {
  promptSet: string;
  prompts: number;
  baseline: string;
  seed: number;
  rewards: RewardScreen[];
  requirements: RequirementResult[];
  passed: boolean;
}

/** Of the bootstrap. */
const bootstrapSeed = 0;

/** @throws BadInput when a name is unknown or a requirement does not parse */
export async function prescreen(db: Database, request: ScreenRequest): Promise<Screen> {
  const { seed = 0, require = [] } = request;
  const requirements = require.map((text) => parseRequirement(text, request.rewards));
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
  const screens: RewardScreen[] = [];
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
    screens.push(
      screenReward(
        input,
        prompts.map(({ category }) => category),
        bootstrapSeed,
      ),
    );
  }
  const results = checkRequirements(requirements, screens);
  return {
    promptSet: promptSet.name,
    prompts: prompts.length,
    baseline: baseline.name,
    seed,
    rewards: screens,
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
  if (request.candidates.length === 0) throw new BadInput('A screen needs at least one candidate.');
  if (request.rewards.length === 0) throw new BadInput('A screen needs at least one reward.');
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
