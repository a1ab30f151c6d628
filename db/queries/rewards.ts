/** @file Queries on rewards and scores; scores of an earlier network never count. */
import type { Database } from '../open.ts';
import type { RewardTable, ScoreTable } from '../tables.ts';
import { objectOf, rowOf, type ObjectOf } from './objects.ts';

export interface Reward extends Omit<ObjectOf<RewardTable>, 'settings'> {
  /** The evaluator's RewardSettings. */
  settings: object;
}
export type Score = ObjectOf<ScoreTable>;

function rewardOf<Row extends { settings: string }>(row: Row) {
  return objectOf(row, { settings: JSON.parse(row.settings) as object });
}

export async function findReward(db: Database, name: string): Promise<Reward | undefined> {
  const row = await db.selectFrom('reward').selectAll().where('name', '=', name).executeTakeFirst();
  return row && rewardOf(row);
}

/** Its scores are those of its present network; the ones of an earlier network are kept and not counted. */
export async function listRewards(db: Database) {
  const rows = await db
    .selectFrom('reward as w')
    .leftJoin('score as s', (join) =>
      join.onRef('s.reward_id', '=', 'w.id').onRef('s.network_sha256', '=', 'w.network_sha256'),
    )
    .selectAll('w')
    .select((e) => e.fn.count<number>('s.render_id').as('scores'))
    .groupBy(['w.id', 'w.name', 'w.kind', 'w.settings', 'w.network_sha256', 'w.created_at'])
    .orderBy('w.name')
    .execute();
  return rows.map(rewardOf);
}

export async function insertReward(db: Database, reward: Reward): Promise<void> {
  const row = rowOf<RewardTable>({ ...reward, settings: JSON.stringify(reward.settings) });
  await db.insertInto('reward').values(row).execute();
}

export async function replaceNetwork(
  db: Database,
  id: string,
  { settings, networkSha256 }: Pick<Reward, 'settings' | 'networkSha256'>,
): Promise<void> {
  await db
    .updateTable('reward')
    .set({ settings: JSON.stringify(settings), network_sha256: networkSha256 })
    .where('id', '=', id)
    .execute();
}

/** Of a model, a set and a reward. */
interface Scoring {
  promptSetId: string;
  modelId: string;
  reward: Pick<Reward, 'id' | 'networkSha256'>;
}

/** The model's renders of the set that this reward's present network has not scored. */
function unscored(db: Database, { promptSetId, modelId, reward }: Scoring) {
  return db
    .selectFrom('render as r')
    .innerJoin('prompt as p', 'p.id', 'r.prompt_id')
    .where('p.prompt_set_id', '=', promptSetId)
    .where('r.model_id', '=', modelId)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('score as own')
            .select('own.render_id')
            .whereRef('own.render_id', '=', 'r.id')
            .where('own.reward_id', '=', reward.id)
            .where('own.network_sha256', '=', reward.networkSha256),
        ),
      ),
    );
}

/** In the set's order. */
export function rendersWithoutScore(db: Database, scoring: Scoring) {
  return unscored(db, scoring)
    .select(['r.id', 'r.image_sha256 as imageSha256', 'p.text as prompt'])
    .orderBy('p.position')
    .orderBy('r.seed')
    .execute();
}

/** Of renders without a score those whose bytes this reward's present network has scored for the same words elsewhere. */
export async function scoresOfSameImages(
  db: Database,
  scoring: Scoring,
): Promise<{ renderId: string; value: number }[]> {
  const rows = await unscored(db, scoring)
    .innerJoin('render as known', 'known.image_sha256', 'r.image_sha256')
    .innerJoin('prompt as q', (join) => join.onRef('q.id', '=', 'known.prompt_id').onRef('q.text', '=', 'p.text'))
    .innerJoin('score as s', 's.render_id', 'known.id')
    .select(['r.id as renderId', (e) => e.fn.min('s.value').as('value')])
    .where('s.reward_id', '=', scoring.reward.id)
    .where('s.network_sha256', '=', scoring.reward.networkSha256)
    .groupBy('r.id')
    .execute();
  return rows.map(({ renderId, value }) => ({ renderId, value: Number(value) }));
}

/** A score that is there already stays: two processes may score the same renders. */
export async function insertScores(db: Database, scores: readonly Score[]): Promise<void> {
  if (scores.length === 0) return;
  await db
    .insertInto('score')
    .values(scores.map(rowOf<ScoreTable>))
    .onConflict((c) => c.columns(['render_id', 'reward_id', 'network_sha256']).doNothing())
    .execute();
}

/** Every score of the model's renders of the set by the reward's present network, in the set's order, seeds ascending. */
export function listScores(db: Database, { promptSetId, modelId, reward }: Scoring) {
  return db
    .selectFrom('score as s')
    .innerJoin('render as r', 'r.id', 's.render_id')
    .innerJoin('prompt as p', 'p.id', 'r.prompt_id')
    .select(['s.render_id as renderId', 'p.id as promptId', 'p.category', 'r.seed', 's.value'])
    .where('p.prompt_set_id', '=', promptSetId)
    .where('r.model_id', '=', modelId)
    .where('s.reward_id', '=', reward.id)
    .where('s.network_sha256', '=', reward.networkSha256)
    .orderBy('p.position')
    .orderBy('r.seed')
    .execute();
}
