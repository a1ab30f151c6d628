/** @file Standard error of a mean over votes that come in groups. Liang & Zeger (1986), Biometrika 73:13–22. */

/**
 * √(Σ_g (Σ_{i∈g} (x_i − x̄))²) / N: votes on one prompt are one piece of evidence, not several.
 * @param groups the votes of each prompt
 */
export function clusterError(groups: readonly (readonly number[])[]): number {
  const n = groups.reduce((sum, group) => sum + group.length, 0);
  const mean = groups.flat().reduce((sum, x) => sum + x, 0) / n;
  const squares = groups.reduce((sum, group) => sum + group.reduce((s, x) => s + x - mean, 0) ** 2, 0);
  return Math.sqrt(squares) / n;
}
