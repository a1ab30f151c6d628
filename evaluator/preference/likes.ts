/**
 * @file Images that were liked or not, each by itself, in place of pairs: what Diffusion-KTO needs (Li et al. 2024,
 * arXiv:2404.04465). A like is put beside a dislike, each with its own caption; the objective looks at each alone
 * but for the batch's mean. Both share ε and t, as the images of a pair do.
 */
import { BadInput } from '../engine/files/bad-input.ts';
import { mixPair } from '../statistics/mix.ts';
import { Random, shuffle } from '../statistics/random.ts';
import { decidedPairs, type KeptPair } from './filter.ts';
import { lossOf, objectiveNames, objectiveOf, type ObjectiveName } from './objectives/objectives.ts';
import type { PreferenceRow } from './preference-rows.ts';

/**
 * What an objective is trained on: the decided pairs, or likes with dislikes.
 * @throws BadInput when the rows are of the other kind, or of one side alone
 */
export function trainablePairs(
  rows: readonly PreferenceRow[],
  { objective, safeguard }: { objective: ObjectiveName; safeguard: number | null },
): KeptPair[] {
  const single = rows.filter(({ isSingle }) => isSingle === true);
  if (single.length === 0) return decidedPairs(rows);
  if (single.length < rows.length)
    throw new BadInput('The preferences hold pairs and single images; train on the one or the other.');
  if (lossOf(objectiveOf(objective)).takesSingle !== true) {
    const others = objectiveNames.filter((name) => lossOf(objectiveOf(name)).takesSingle === true);
    throw new BadInput(
      `The preferences are single images that were liked or not, and ${objective} compares pairs; ${others.join(' and ')} take them.`,
    );
  }
  if (safeguard !== null)
    throw new BadInput('The preferences are single images; a safeguard weighs the two images of a pair.');
  return matched(single);
}

/** As many pairs as there are of the more frequent kind; the others come again. Which meets which is always the same. */
function matched(rows: readonly PreferenceRow[]): KeptPair[] {
  const liked = rows.filter(({ label }) => label === 1);
  const notLiked = rows.filter(({ label }) => label === 0);
  // Sources are often sorted: neighbours of one caption should not all meet.
  const disliked = shuffle(notLiked, new Random(mixPair(0x11ce, notLiked.length)));
  if (liked.length === 0 || disliked.length === 0)
    throw new BadInput(
      `Not one of ${rows.length} images was ${liked.length === 0 ? 'liked' : 'disliked'}; both are needed.`,
    );
  return Array.from({ length: Math.max(liked.length, disliked.length) }, (_, i) => {
    const [winner, loser] = [liked[i % liked.length]!, disliked[i % disliked.length]!];
    return {
      caption: winner.caption,
      loserCaption: loser.caption,
      winner: { row: winner, side: 0 as const },
      loser: { row: loser, side: 0 as const },
    };
  });
}
