/** @file How other programs write a choice. */

/** both: a tie, because neither will do; counted apart. */
export type Choice = 'a' | 'b' | 'tie' | 'both' | 'left' | 'right';

const words: Record<Choice, readonly string[]> = {
  a: ['a', 'model_a', 'model a', 'modela', 'first', 'output_1', 'image_0', '1'],
  b: ['b', 'model_b', 'model b', 'modelb', 'second', 'output_2', 'image_1', '2'],
  tie: ['tie', 'tied', 'draw', 'equal', 'same', 'no preference', 'tie (bothgood)', 'both good', '0', '1.5'],
  both: ['tie (bothbad)', 'bothbad', 'both bad', 'both_bad', 'tie(bothbad)', 'neither', 'neither good'],
  left: ['left', 'l'],
  right: ['right', 'r'],
};
const known = new Map(
  (Object.keys(words) as Choice[]).flatMap((choice) => words[choice].map((word) => [word, choice] as const)),
);

/** Undefined for a word that is none of them; the two models' own names are the caller's. */
export function choiceOf(cell: string): Choice | undefined {
  return known.get(cell) ?? known.get(cell.trim().toLowerCase().replace(/\s+/g, ' '));
}

/**
 * What `--values` says: `yes=a,no=b`.
 * @returns undefined when a part is no word=choice
 */
export function parseValues(text: string): Map<string, Choice> | undefined {
  const map = new Map<string, Choice>();
  for (const part of text.split(',')) {
    const at = part.lastIndexOf('=');
    const choice = at === -1 ? undefined : choiceOf(part.slice(at + 1));
    if (choice === undefined) return undefined;
    map.set(part.slice(0, at).trim().toLowerCase(), choice);
  }
  return map;
}
