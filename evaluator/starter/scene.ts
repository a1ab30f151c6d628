/**
 * @file The starter's world: captions, and the image that each describes, drawn by code. One to three objects on a ground;
 * signed distance fields at twice the size, averaged down.
 */
import type { Random } from '../statistics/random.ts';

export const colours: Readonly<Record<string, readonly [number, number, number]>> = {
  red: [226, 32, 32],
  green: [42, 172, 72],
  blue: [44, 92, 232],
  yellow: [246, 216, 36],
  purple: [146, 48, 196],
  orange: [248, 146, 30],
  pink: [246, 132, 188],
  white: [250, 250, 250],
  black: [30, 24, 28],
  brown: [124, 74, 32],
};
const colourNames = Object.keys(colours);
const grounds = ['', 'in a meadow', 'at night', 'at sunset', 'by the sea'] as const;
type Ground = (typeof grounds)[number] | 'colour';

/** Signed distance to the outline in units of the radius: below 0 inside. y points down. */
const shapes: Readonly<Record<string, (x: number, y: number) => number>> = {
  circle: (x, y) => Math.hypot(x, y) - 1,
  square: (x, y) => Math.max(Math.abs(x), Math.abs(y)) - 0.82,
  triangle: (x, y) => Math.max(Math.abs(x) * 0.88 - (y + 0.9) * 0.47, y - 0.75),
  star(x, y) {
    const angle = Math.atan2(x, -y);
    const fold = Math.abs((((((angle * 5) / (2 * Math.PI)) % 1) + 1.5) % 1) - 0.5);
    return Math.hypot(x, y) - (1.05 - 1.15 * fold);
  },
  heart(x, y) {
    const [u, v] = [Math.abs(x) * 1.15, -y * 1.15 + 0.15];
    return Math.cbrt((u * u + v * v - 1) ** 3 - u * u * v ** 3) * 0.6;
  },
  ring: (x, y) => Math.abs(Math.hypot(x, y) - 0.72) - 0.28,
  cross(x, y) {
    const [u, v] = [Math.abs(x), Math.abs(y)];
    return Math.min(Math.max(u - 0.32, v - 0.95), Math.max(v - 0.32, u - 0.95));
  },
  diamond: (x, y) => Math.abs(x) + Math.abs(y) - 1,
  moon: (x, y) => Math.max(Math.hypot(x, y) - 1, 0.82 - Math.hypot(x - 0.48, y)),
};
const shapeNames = Object.keys(shapes);

interface Thing {
  colour: string;
  shape: string;
  /** In widths of the image. */
  x: number;
  y: number;
  radius: number;
}
export interface Scene {
  caption: string;
  things: Thing[];
  ground: Ground;
  groundColour: string | undefined;
}

/** A scene drawn at random. */
export function randomScene(random: Random): Scene {
  const pick = <T>(from: readonly T[]): T => from[random.below(from.length)]!;
  const kind = random.below(10);
  const article = (word: string) => (/^[aeiou]/.test(word) ? 'an' : 'a');
  let things: Thing[];
  let words: string;
  const [colour, shape] = [pick(colourNames), pick(shapeNames)];
  if (kind < 4) {
    const size = pick(['', 'small', 'large'] as const);
    const radius = { '': 0.22, small: 0.13, large: 0.32 }[size];
    things = [{ colour, shape, x: 0.5, y: 0.5, radius }];
    const noun = [size, colour, shape].filter((word) => word !== '').join(' ');
    words = `${article(noun)} ${noun}`;
  } else if (kind < 8) {
    const relation = pick(['to the left of', 'to the right of', 'above', 'below'] as const);
    const other = { colour: pick(colourNames.filter((name) => name !== colour)), shape: pick(shapeNames) };
    const sideways = relation.startsWith('to');
    const [first, second] = relation === 'to the left of' || relation === 'above' ? [0.27, 0.73] : [0.73, 0.27];
    const at = (place: number) => (sideways ? { x: place, y: 0.5 } : { x: 0.5, y: place });
    things = [
      { colour, shape, ...at(first), radius: 0.165 },
      { ...other, ...at(second), radius: 0.165 },
    ];
    words = `${article(colour)} ${colour} ${shape} ${relation} ${article(other.colour)} ${other.colour} ${other.shape}`;
  } else {
    const places = kind === 8 ? [0.27, 0.73] : [0.2, 0.5, 0.8];
    const radius = kind === 8 ? 0.165 : 0.125;
    things = places.map((x) => ({ colour, shape, x, y: 0.5, radius }));
    words = `${kind === 8 ? 'two' : 'three'} ${colour} ${shape === 'cross' ? 'crosses' : `${shape}s`}`;
  }
  const onColour = random.below(6) === 0;
  const groundColour = onColour
    ? pick(colourNames.filter((name) => things.every((thing) => thing.colour !== name)))
    : undefined;
  const ground: Ground = onColour ? 'colour' : pick(grounds);
  const end = groundColour === undefined ? ground : `on ${article(groundColour)} ${groundColour} background`;
  return { caption: end === '' ? words : `${words} ${end}`, things, ground, groundColour };
}

/** [size, size, 3], 0 … 255, in float. @param shift moves all things, in widths */
export function drawScene(scene: Scene, size: number, shift: readonly [number, number] = [0, 0]): Float32Array {
  const out = new Float32Array(size * size * 3);
  const fine = size * 2;
  for (let y = 0; y < fine; y++) {
    for (let x = 0; x < fine; x++) {
      const [u, v] = [(x + 0.5) / fine, (y + 0.5) / fine];
      let [r, g, b] = groundAt(scene, u, v);
      for (const { colour, shape, x: cx, y: cy, radius } of scene.things) {
        const [dx, dy] = [(u - cx - shift[0]) / radius, (v - cy - shift[1]) / radius];
        const shadow = shapes[shape]!(dx - 0.14, dy - 0.16);
        if (shadow < 0.12) {
          const dark = 1 - 0.22 * Math.min(1, Math.max(0, 0.5 - shadow * 4));
          [r, g, b] = [r * dark, g * dark, b * dark];
        }
        const distance = shapes[shape]!(dx, dy);
        if (distance >= 0) continue;
        const light = 0.94 + 0.2 * Math.exp(-((dx + 0.35) ** 2 + (dy + 0.35) ** 2) / 0.35);
        [r, g, b] = colours[colour]!.map((value) => Math.min(255, value * light)) as [number, number, number];
      }
      const o = ((y >> 1) * size + (x >> 1)) * 3;
      out[o]! += r / 4;
      out[o + 1]! += g / 4;
      out[o + 2]! += b / 4;
    }
  }
  return out;
}

function groundAt({ ground, groundColour }: Scene, u: number, v: number): [number, number, number] {
  const between = (a: readonly number[], b: readonly number[], t: number) =>
    a.map((value, i) => value + (b[i]! - value) * t) as [number, number, number];
  if (ground === 'colour') {
    const base = colours[groundColour!]!;
    return between(
      base.map((value) => value + (255 - value) * 0.28),
      base.map((value) => value * 0.92 + 12),
      v,
    );
  }
  if (ground === 'in a meadow')
    return v < 0.62
      ? between([150, 196, 240], [198, 224, 246], v / 0.62)
      : between([92, 168, 60], [58, 132, 46], (v - 0.62) / 0.38);
  if (ground === 'at night') return between([8, 10, 48], [34, 38, 100], v);
  if (ground === 'at sunset')
    return v < 0.72
      ? between([84, 58, 134], [236, 146, 108], v / 0.72)
      : between([44, 30, 50], [32, 22, 42], (v - 0.72) / 0.28);
  if (ground === 'by the sea') {
    if (v < 0.55) return between([160, 206, 244], [208, 230, 246], v / 0.55);
    const wave = 10 * Math.sin((v * 60 + Math.sin(u * 14) * 0.8) * 1.1);
    return between([44 + wave, 122 + wave, 186 + wave], [24 + wave, 88 + wave, 150 + wave], (v - 0.55) / 0.45);
  }
  return between([240, 240, 241], [212, 212, 213], v);
}
