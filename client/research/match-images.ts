/** @file Which image of a folder belongs to which prompt: by number, by name, or in order. Pure. */

export interface Matched {
  by: 'number' | 'name' | 'order';
  /** Index of the file, and the prompt's position. */
  images: { file: number; position: number }[];
  /** What is wrong, one sentence a file; nothing may be uploaded then. */
  problems: string[];
  /** Files that are no images. */
  others: string[];
}

const ending = /\.(png|jpe?g|webp)$/i;
/** Names that begin a prompt are taken for it when they are at least so long: programs cut them. */
const shortestCut = 20;
const mostProblems = 20;

/** @param names of the files, without folders @param prompts the set's texts in order */
export function matchImages(names: readonly string[], prompts: readonly string[]): Matched {
  const images = names.flatMap((name, file) => (ending.test(name) ? [{ name, file }] : []));
  const others = names.filter((name) => !ending.test(name) && !name.startsWith('.'));
  if (images.length === 0)
    return { by: 'order', images: [], problems: ['There is no PNG, JPEG or WebP among these.'], others };
  if (images.every(({ name }) => /^\d{1,6}\.\w+$/.test(name))) {
    const found = images.map(({ name, file }) => ({ file, name, position: Number.parseInt(name, 10) }));
    const outside = found
      .filter(({ position }) => position >= prompts.length)
      .map(({ name }) => `${name} is for no prompt; the set has ${prompts.length}, counted from 0.`);
    return { by: 'number', ...once(found), others, problems: cut([...outside, ...twice(found)]) };
  }
  const positions = new Map<string, number[]>();
  prompts.forEach((text, position) => positions.set(slug(text), [...(positions.get(slug(text)) ?? []), position]));
  const byName = images.map(({ name, file }) => ({
    name,
    file,
    position: positionOf(slug(name.replace(ending, '')), positions),
  }));
  const named = byName.filter(
    (each): each is { name: string; file: number; position: number } => each.position !== undefined,
  );
  if (named.length > images.length / 2) {
    const unknown = byName
      .filter(({ position }) => position === undefined)
      .map(({ name }) => `${name} is named by no prompt of the set.`);
    return { by: 'name', ...once(named), others, problems: cut([...unknown, ...twice(named)]) };
  }
  const inOrder = [...images].sort((x, y) => x.name.localeCompare(y.name, 'en', { numeric: true }));
  return {
    by: 'order',
    images: inOrder.slice(0, prompts.length).map(({ file }, position) => ({ file, position })),
    problems:
      images.length === prompts.length
        ? []
        : [
            `These are ${images.length} images for ${prompts.length} prompts; in order they must be as many. Names can be 00000.png … or the prompts.`,
          ],
    others,
  };
}

/** Letters and digits of any script, in lower case. */
function slug(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-|-$/g, '');
}

function positionOf(name: string, positions: ReadonlyMap<string, readonly number[]>): number | undefined {
  const exact = positions.get(name);
  if (exact !== undefined) return exact.length === 1 ? exact[0] : undefined;
  if (name.length < shortestCut) return undefined;
  const longer = [...positions].filter(([text]) => text.startsWith(name)).flatMap(([, found]) => found);
  return longer.length === 1 ? longer[0] : undefined;
}

function once<T extends { file: number; position: number }>(found: readonly T[]) {
  return { images: found.map(({ file, position }) => ({ file, position })).sort((x, y) => x.position - y.position) };
}

function twice(found: readonly { name: string; position: number }[]): string[] {
  const first = new Map<number, string>();
  return found.flatMap(({ name, position }) => {
    const other = first.get(position);
    if (other === undefined) first.set(position, name);
    return other === undefined ? [] : [`${name} and ${other} are for the same prompt.`];
  });
}

function cut(problems: readonly string[]): string[] {
  if (problems.length <= mostProblems) return [...problems];
  return [...problems.slice(0, mostProblems), `… and ${problems.length - mostProblems} more.`];
}
