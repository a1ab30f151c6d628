/** @file Names that say nothing: p1, p2, … */

/** @returns what stands for an id, the next number for one that was not asked before */
export function pseudonyms(): (id: string) => string {
  const known = new Map<string, string>();
  return (id) => {
    let name = known.get(id);
    if (name === undefined) known.set(id, (name = `p${known.size + 1}`));
    return name;
  };
}
