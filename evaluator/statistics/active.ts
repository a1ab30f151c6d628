/**
 * @file Which pair of models to compare next. The rule is A-optimality, one step ahead: how much one more comparison shrinks the
 * summed variance of the Bradley–Terry ratings (Atkinson, Donev & Tobias, Optimum Experimental Designs, 2007, ch. 10–11).
 *
 * Here            In the book
 * V               the inverse of the information matrix M = Σ n_a w_a x_a x_aᵀ of ratings that sum to 0
 * w = p(1 − p)    the weight of a comparison that A wins with probability p
 * x = e_i − e_j   its direction
 * gain            tr V − tr V′ = w‖Vx‖² / (1 + w xᵀVx), by Sherman and Morrison
 */
import { bradleyTerry, type Battle } from './bradley-terry.ts';
import { cholesky, choleskyInverse } from './linear.ts';

/** Models that are compared, by their index. */
export type Comparison = readonly [a: number, b: number];

/** So that models without a loss or a win have a rating from the start: as strong as one comparison of each with an average one. */
const prior = 0.125;

/**
 * How much one more comparison of each of these pairs of models would shrink the summed variance of the ratings.
 * @param models how many
 * @param battles what was voted so far
 * @returns by comparison
 */
export function informationGains(
  models: number,
  comparisons: readonly Comparison[],
  battles: readonly Battle[],
): number[] {
  const ratings = bradleyTerry(models, battles, { prior }).ratings!.map(({ value }) => value);
  const weightOf = ([a, b]: Comparison) => {
    const p = 1 / (1 + Math.exp(ratings[b]! - ratings[a]!));
    return p * (1 - p);
  };
  // The prior's curvature, and ones all over, which only pins the sum that no comparison tells of.
  const information = new Float64Array(models * models).fill(1);
  for (let i = 0; i < models; i++) information[i * models + i]! += 2 * prior;
  for (const { left, right, count = 1 } of battles) {
    const w = count * weightOf([left, right]);
    information[left * models + left]! += w;
    information[right * models + right]! += w;
    information[left * models + right]! -= w;
    information[right * models + left]! -= w;
  }
  const inverse = choleskyInverse(cholesky(information, models)!, models);
  return comparisons.map(([a, b]) => {
    const w = weightOf([a, b]);
    const vx = Array.from({ length: models }, (_, i) => inverse[i * models + a]! - inverse[i * models + b]!);
    const squares = vx.reduce((sum, value) => sum + value * value, 0);
    return (w * squares) / (1 + w * (vx[a]! - vx[b]!));
  });
}

/** The chance of each comparison to come next: its share of what all could gain. */
export function activeOdds(models: number, comparisons: readonly Comparison[], battles: readonly Battle[]): number[] {
  const gains = informationGains(models, comparisons, battles);
  const all = gains.reduce((sum, gain) => sum + gain, 0);
  return gains.map((gain) => gain / all);
}
