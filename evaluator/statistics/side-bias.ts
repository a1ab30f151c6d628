/**
 * @file Do annotators favour a side? For two models, the order effect of Bradley–Terry in closed form: with p₁ the share
 * of left wins when A is on the left and p₂ when B is, exp(2δ) = odds(p₁)·odds(p₂).
 */

/** @returns δ, the log-odds by which the left side is favoured; null when a count is 0 and the odds have no bound */
export function sideEffect(counts: {
  leftWinsWithALeft: number;
  rightWinsWithALeft: number;
  leftWinsWithBLeft: number;
  rightWinsWithBLeft: number;
}): { delta: number; error: number } | null {
  const { leftWinsWithALeft: a, rightWinsWithALeft: b, leftWinsWithBLeft: c, rightWinsWithBLeft: d } = counts;
  if (a === 0 || b === 0 || c === 0 || d === 0) return null;
  return { delta: (Math.log(a / b) + Math.log(c / d)) / 2, error: Math.sqrt(1 / a + 1 / b + 1 / c + 1 / d) / 2 };
}
