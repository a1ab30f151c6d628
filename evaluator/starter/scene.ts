/**
 * @file The starter's world: captions, and the scene that each describes. One to four things on a ground, each of a shape, a
 * colour, and at times a size or a pattern. What the caption does not name (where exactly, which clouds) is chance;
 * drawing.ts draws it.
 */
import type { Random } from '../statistics/random.ts';

export const colours: Readonly<Record<string, readonly [number, number, number]>> = {
  red: [218, 34, 38],
  green: [38, 160, 68],
  blue: [40, 88, 224],
  yellow: [248, 214, 40],
  purple: [140, 52, 190],
  orange: [246, 134, 26],
  pink: [246, 136, 186],
  white: [246, 246, 244],
  black: [34, 32, 38],
  brown: [122, 74, 36],
};
export const colourNames = Object.keys(colours);
export const grounds = [
  '',
  'in a meadow',
  'at night',
  'at sunset',
  'by the sea',
  'in the snow',
  'in the desert',
  'in a forest',
  'on a wooden table',
] as const;
export type Ground = (typeof grounds)[number] | 'colour';
export const shapeNames = [
  'circle',
  'square',
  'triangle',
  'star',
  'heart',
  'ring',
  'cross',
  'diamond',
  'moon',
  'hexagon',
  'flower',
  'drop',
] as const;
export type Shape = (typeof shapeNames)[number];
export type Pattern = '' | 'striped' | 'dotted';

export interface Thing {
  colour: string;
  shape: Shape;
  pattern: Pattern;
  /** Of its centre, in widths of the image; y points down. */
  x: number;
  y: number;
  /** In widths of the image. */
  radius: number;
}
export interface Scene {
  caption: string;
  things: Thing[];
  ground: Ground;
  groundColour: string | undefined;
}

const numbers = ['two', 'three', 'four'] as const;
const article = (word: string) => (/^[aeiou]/.test(word) ? 'an' : 'a');
const noun = (words: readonly string[]) => {
  const named = words.filter((word) => word !== '');
  return `${article(named[0]!)} ${named.join(' ')}`;
};

/** A scene drawn at random: its words, and the places that they mean. */
export function randomScene(random: Random): Scene {
  const pick = <T>(from: readonly T[]): T => from[random.below(from.length)]!;
  const kind = random.below(10);
  const [colour, shape] = [pick(colourNames), pick(shapeNames)];
  let things: Thing[];
  let words: string;
  if (kind < 4) {
    const size = pick(['', 'small', 'large'] as const);
    const pattern = random.below(3) === 0 ? pick(['striped', 'dotted'] as const) : '';
    things = [{ colour, shape, pattern, x: 0.5, y: 0.5, radius: { '': 0.23, small: 0.14, large: 0.34 }[size] }];
    words = noun([size, pattern, colour, shape]);
  } else if (kind < 7) {
    const relation = pick(['to the left of', 'to the right of', 'above', 'below'] as const);
    const other = { colour: pick(colourNames.filter((name) => name !== colour)), shape: pick(shapeNames) };
    const sideways = relation.startsWith('to');
    const [first, second] = relation === 'to the left of' || relation === 'above' ? [0.27, 0.73] : [0.73, 0.27];
    const at = (place: number) => (sideways ? { x: place, y: 0.5 } : { x: 0.5, y: place });
    things = [
      { colour, shape, pattern: '', ...at(first), radius: 0.175 },
      { ...other, pattern: '', ...at(second), radius: 0.175 },
    ];
    words = `${noun([colour, shape])} ${relation} ${noun([other.colour, other.shape])}`;
  } else {
    const count = kind - 7;
    const places = [
      [
        [0.28, 0.5],
        [0.72, 0.5],
      ],
      [
        [0.19, 0.5],
        [0.5, 0.5],
        [0.81, 0.5],
      ],
      [
        [0.29, 0.29],
        [0.71, 0.29],
        [0.29, 0.71],
        [0.71, 0.71],
      ],
    ][count]!;
    const radius = [0.175, 0.135, 0.16][count]!;
    things = places.map(([x, y]) => ({ colour, shape, pattern: '' as const, x: x!, y: y!, radius }));
    words = `${numbers[count]!} ${colour} ${plural(shape)}`;
  }
  const onColour = random.below(6) === 0;
  const groundColour = onColour
    ? pick(colourNames.filter((name) => things.every((thing) => thing.colour !== name)))
    : undefined;
  const ground: Ground = onColour ? 'colour' : pick(grounds);
  const end = groundColour === undefined ? ground : `on ${article(groundColour)} ${groundColour} background`;
  return { caption: end === '' ? words : `${words} ${end}`, things, ground, groundColour };
}

export function plural(shape: Shape): string {
  return shape === 'cross' ? 'crosses' : `${shape}s`;
}
