/** @file Which models are compared. */

/** Of what is compared two by two: first what stands as A, then what stands as B alone. */
export function modelsOf(pairings: readonly { modelA: string; modelB: string }[]): string[] {
  return [...new Set([...pairings.map(({ modelA }) => modelA), ...pairings.map(({ modelB }) => modelB)])];
}
