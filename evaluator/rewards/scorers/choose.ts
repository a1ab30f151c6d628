/** @file From a kind's name to its scorer. */
import { BadInput } from '../../engine/files/bad-input.ts';
import { aesthetic, aestheticV25 } from './aesthetic.ts';
import { clipScore } from './clip-score.ts';
import { hpsV2, hpsV21 } from './hps.ts';
import { imageReward } from './image-reward.ts';
import { pickScore } from './pickscore.ts';
import { siglipScore } from './siglip-score.ts';
import { rewardKinds, type Scorer } from './scorer.ts';

const scorers: readonly Scorer[] = [
  pickScore,
  hpsV2,
  hpsV21,
  clipScore,
  siglipScore,
  aesthetic,
  aestheticV25,
  imageReward,
];

/** @throws BadInput for a kind that does not exist */
export function scorerOf(kind: string): Scorer {
  const scorer = scorers.find((other) => other.kind === kind);
  if (scorer === undefined)
    throw new BadInput(`There is no reward kind "${kind}"; it must be one of ${rewardKinds.join(', ')}.`);
  return scorer;
}
