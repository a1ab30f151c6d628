/**
 * @file Arrow: renders → rewards. Asks the database which of the model's renders this reward's network has not scored,
 * scores them, and writes each batch as soon as it is done: stop it anywhere and run it again.
 */
import { join } from 'node:path';
import type { Database } from '../../db/open.ts';
import { findModel } from '../../db/queries/models.ts';
import { findPromptSet } from '../../db/queries/prompts.ts';
import { findReward, insertScores, rendersWithoutScore, scoresOfSameImages } from '../../db/queries/rewards.ts';
import { listRenders } from '../../db/queries/renders.ts';
import { BadInput } from '../engine/files/bad-input.ts';
import type { ImageStore } from '../engine/images/store.ts';
import type { Device } from '../engine/onnx/device.ts';
import { RewardScorer } from './reward-scorer.ts';
import { checkRewardFiles, isHttp, type RewardSettings } from './add.ts';
import { HttpScorer } from './http-scorer.ts';
import type { ImageScorer } from './image-scorer.ts';
import { localNetwork, type Networks } from '../models/networks.ts';
import { rewardToken } from './reward.ts';

export interface ScoreRequest {
  prompts: string;
  model: string;
  reward: string;
  /** Only the prompts at these places of the set. */
  positions?: ReadonlySet<number> | undefined;
  /** Fetches files of the reward that this machine has not; they have to be here when absent. */
  networks?: Networks | undefined;
  /** The data directory, whose cache keeps embeddings. */
  dataFolder: string;
  device: Device;
  /** Images in one run of the network. */
  batch?: number | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: { done: number; total: number }) => void) | undefined;
}

export interface ScoreSummary {
  scored: number;
  /** Already there before. */
  skipped: number;
  failed: { prompt: string; message: string }[];
  stopped: boolean;
}

/** @throws BadInput when a name is unknown, there are no renders, or the network changed */
export async function scoreRenders(db: Database, images: ImageStore, request: ScoreRequest): Promise<ScoreSummary> {
  const { reward: rewardName, signal } = request;
  const { promptSet, model, reward } = await requireScoreNames(db, request);
  const settings = reward.settings as RewardSettings;
  const renders = (await listRenders(db, { promptSetId: promptSet.id, modelId: model.id })).filter(
    ({ position }) => request.positions?.has(position) !== false,
  );
  if (renders.length === 0 && request.positions === undefined) throw new BadInput(noRenders(request));
  const which = { promptSetId: promptSet.id, modelId: model.id, reward };
  const asked = new Set(renders.map(({ id }) => id));
  let queue = (await rendersWithoutScore(db, which)).filter(({ id }) => asked.has(id));
  if (queue.length > 0) {
    // The same bytes for the same words, in another set or under another name, have the same score. Found by reading, so that
    // nobody's writing waits for it.
    const known = (await scoresOfSameImages(db, which)).filter(({ renderId }) => asked.has(renderId));
    const scored = { rewardId: reward.id, networkSha256: reward.networkSha256, createdAt: Date.now() };
    for (let i = 0; i < known.length; i += 500)
      await insertScores(
        db,
        known.slice(i, i + 500).map((each) => ({ ...each, ...scored })),
      );
    const has = new Set(known.map(({ renderId }) => renderId));
    queue = queue.filter(({ id }) => !has.has(id));
  }
  const summary: ScoreSummary = { scored: 0, skipped: renders.length - queue.length, failed: [], stopped: false };
  if (queue.length === 0) return summary;
  const files = await images.files(queue.map(({ imageSha256 }) => imageSha256));
  const items = queue.map(({ imageSha256, prompt }, i) => ({ file: files[i]!, sha256: imageSha256, prompt }));
  const scorer = await scorerFor(rewardName, settings, request);
  try {
    for await (const { start, results } of scorer.score(items, signal)) {
      const now = Date.now();
      const scores = results.flatMap((result, i) => {
        const { id, prompt } = queue[start + i]!;
        if ('score' in result && Number.isFinite(result.score)) {
          return [
            {
              renderId: id,
              rewardId: reward.id,
              networkSha256: reward.networkSha256,
              value: result.score,
              createdAt: now,
            },
          ];
        }
        summary.failed.push({ prompt, message: 'refused' in result ? result.refused : 'The network gave no number.' });
        return [];
      });
      await db.transaction().execute((tx) => insertScores(tx, scores));
      summary.scored += scores.length;
      request.onProgress?.({ done: summary.scored + summary.failed.length, total: queue.length });
    }
  } finally {
    await scorer.close();
  }
  summary.stopped = summary.scored + summary.failed.length < queue.length;
  return summary;
}

export function noRenders({ model, prompts }: Pick<ScoreRequest, 'model' | 'prompts'>): string {
  return `"${model}" has no renders of "${prompts}"; render them first (visavis render).`;
}

/** @throws BadInput when one is unknown */
export async function requireScoreNames(db: Database, asked: Pick<ScoreRequest, 'prompts' | 'model' | 'reward'>) {
  const promptSet = await findPromptSet(db, asked.prompts);
  if (promptSet === undefined) throw new BadInput(`There is no prompt set named "${asked.prompts}".`);
  const model = await findModel(db, asked.model);
  if (model === undefined) throw new BadInput(`There is no model named "${asked.model}".`);
  const reward = await findReward(db, asked.reward);
  if (reward === undefined)
    throw new BadInput(`There is no reward named "${asked.reward}"; add it with visavis rewards add.`);
  return { promptSet, model, reward };
}

/** @throws BadInput when the network changed, or the program does not answer */
async function scorerFor(
  name: string,
  settings: RewardSettings,
  { device, dataFolder, batch, networks }: ScoreRequest,
): Promise<ImageScorer> {
  if (isHttp(settings)) {
    // The program says how many it takes at most.
    const most = Math.min(settings.batch, batch ?? settings.batch);
    return new HttpScorer({ ...settings, batch: most }, { token: rewardToken() });
  }
  const chosen = batch === undefined ? {} : { batch };
  const here = networks === undefined ? settings : await localNetwork(networks, settings);
  await checkRewardFiles(name, here);
  const { network, logitScale, logitBias = 0 } = here;
  const cache = { folder: join(dataFolder, 'cache', 'embeddings'), ...here };
  return new RewardScorer({ ...network, logitScale, logitBias }, { device, cache, ...chosen });
}
