/**
 * @file Arrow: prescreen result → pairs. Its two best models become a study; prompts on which the rewards disagree may be
 * sampled more, with weights that keep the win rate unbiased for the whole set.
 */
import type { Database } from '../../db/open.ts';
import { findModel } from '../../db/queries/models.ts';
import { findPromptSet } from '../../db/queries/prompts.ts';
import { findReward, listScores } from '../../db/queries/rewards.ts';
import { listPrescreens } from '../../db/queries/prescreens.ts';
import type { PrescreenResult, StudyFromScreen } from '../../contract/prescreen.ts';
import { commandLine } from '../access/audit.ts';
import { ServiceError } from '../errors.ts';
import { createStudy, type CreatedStudy } from './design.ts';
import { readPrescreen } from '../prescreens/prescreens.ts';

export interface BestTwo {
  a: string;
  b: string;
}

/** @throws ServiceError when the prescreen is not there or not done, or createStudy refuses */
export async function studyFromScreen(
  db: Database,
  id: string,
  { name, votesPerPair, criteria, ties, seed, promptSample, disagreement }: StudyFromScreen,
  actor = commandLine,
): Promise<CreatedStudy & BestTwo> {
  const { result, state, id: prescreenId } = await readPrescreen(db, id === 'last' ? await lastDone(db) : id);
  if (result === null)
    throw new ServiceError('conflict', `The prescreen "${id}" is ${state}; a study needs its result.`);
  if (disagreement !== 1 && promptSample === undefined) {
    throw new ServiceError(
      'bad-request',
      'Sampling disagreements more needs a prompt sample: of all prompts all are shown.',
    );
  }
  const { a, b } = bestTwo(result);
  const oversample =
    disagreement === 1 ? undefined : { prompts: await disagreements(db, result, a, b), factor: disagreement };
  const study = {
    name,
    prompts: result.promptSet,
    models: [a, b],
    votesPerPair,
    criteria,
    ties,
    seed,
    prescreenId,
    ...(promptSample === undefined ? {} : { promptSample }),
    ...(oversample === undefined ? {} : { oversample }),
  };
  const created = await createStudy(db, study, Date.now(), actor);
  return { ...created, a, b };
}

async function lastDone(db: Database): Promise<string> {
  const last = (await listPrescreens(db)).find(({ state }) => state === 'done');
  if (last === undefined)
    throw new ServiceError('not-found', 'There is no finished prescreen yet (visavis prescreen).');
  return last.id;
}

/**
 * The two models, candidates and baseline alike, whose medians have the lowest mean rank over the rewards; among equals the
 * first reward's median decides.
 */
export function bestTwo(result: PrescreenResult): BestTwo {
  const medians = result.rewards.map(({ candidates }) => {
    const byModel = new Map(candidates.map(({ model, median }) => [model, median.value ?? -Infinity]));
    return byModel.set(result.baseline, candidates[0]?.baselineMedian.value ?? -Infinity);
  });
  const names = [...medians[0]!.keys()];
  const rank = (name: string) =>
    medians.reduce((sum, values) => sum + [...values.values()].filter((other) => other > values.get(name)!).length, 0);
  const [a, b] = names.sort((x, y) => rank(x) - rank(y) || medians[0]!.get(y)! - medians[0]!.get(x)!);
  return { a: a!, b: b! };
}

/** Ids of the prompts on which one reward prefers A's image and another B's. */
async function disagreements(db: Database, result: PrescreenResult, a: string, b: string): Promise<Set<string>> {
  const set = (await findPromptSet(db, result.promptSet))!;
  const signs = new Map<string, Set<number>>();
  for (const { reward: rewardName } of result.rewards) {
    const reward = (await findReward(db, rewardName))!;
    const [scoresA, scoresB] = await Promise.all(
      [a, b].map(async (name) => {
        const model = (await findModel(db, name))!;
        const rows = await listScores(db, { promptSetId: set.id, modelId: model.id, reward });
        return new Map(rows.filter((row) => row.seed === result.seed).map((row) => [row.promptId, row.value]));
      }),
    );
    for (const [promptId, value] of scoresA!) {
      const other = scoresB!.get(promptId);
      if (other === undefined) continue;
      signs.set(promptId, (signs.get(promptId) ?? new Set()).add(Math.sign(value - other)));
    }
  }
  return new Set([...signs].filter(([, seen]) => seen.has(1) && seen.has(-1)).map(([id]) => id));
}
