/**
 * @file Draws a scene. Shapes are signed distance fields with a rounded edge under one lamp from the upper left; grounds have
 * depth and texture from value noise. Twice the size, averaged down. The same chance gives the same image on every machine.
 */
import type { Random } from '../statistics/random.ts';
import { colours, type Scene, type Shape, type Thing } from './scene.ts';

/**
 * How well a scene is drawn, which captions never name, as the web's pictures are of every quality: `full` has light, depth and
 * texture; `flat` is dull, outlined, on a plain ground; `faded` is the full drawing as a dim and blurred photograph shows it.
 */
export type Style = 'full' | 'flat' | 'faded';

type Rgb = [number, number, number];

const { PI, abs, exp, floor, max, min, sin, sqrt, atan2 } = Math;
/** Math.hypot guards against overflow, which costs ten times as much. */
const hypot = (x: number, y: number) => sqrt(x * x + y * y);

/** Signed distance to the outline in units of the radius: below 0 inside. y points down. */
const outlines: Readonly<Record<Shape, (x: number, y: number) => number>> = {
  circle: (x, y) => hypot(x, y) - 1,
  square: (x, y) => max(abs(x), abs(y)) - 0.84,
  triangle: (x, y) => max(abs(x) * 0.88 - (y + 0.92) * 0.47, y - 0.75),
  star(x, y) {
    const fold = abs((((((atan2(x, -y) * 5) / (2 * PI) + 1.5) % 1) + 1) % 1) - 0.5);
    return (hypot(x, y) - (1.08 - 1.15 * fold)) * 0.75;
  },
  /** Two half circles on a square that stands on its corner. */
  heart(x, y) {
    const [u, v] = [abs(x) / 1.75, (0.93 - y) / 1.75];
    if (u + v > 1) return (hypot(u - 0.25, v - 0.75) - sqrt(2) / 4) * 1.75;
    const along = max(u + v, 0) / 2;
    return min(hypot(u, v - 1), hypot(u - along, v - along)) * (u < v ? -1.75 : 1.75);
  },
  ring: (x, y) => abs(hypot(x, y) - 0.7) - 0.29,
  cross(x, y) {
    const [u, v] = [abs(x), abs(y)];
    return min(max(u - 0.34, v - 0.95), max(v - 0.34, u - 0.95));
  },
  diamond: (x, y) => (abs(x) * 1.15 + abs(y) - 1.05) * 0.7,
  moon: (x, y) => max(hypot(x, y) - 1, 0.82 - hypot(x - 0.48, y)),
  hexagon(x, y) {
    const [u, v] = [abs(x), abs(y)];
    return max(v * 0.5 + u * 0.866, v) - 0.86;
  },
  /** Six petals around a disc. */
  flower(x, y) {
    const sector = PI / 3;
    const angle = atan2(x, -y);
    const turn = angle - Math.round(angle / sector) * sector;
    const away = hypot(x, y);
    return min(hypot(away * Math.cos(turn) - 0.64, away * sin(turn)) - 0.36, away - 0.46);
  },
  /** A disc and the tangents to it from a point above. */
  drop(x, y) {
    const [radius, high] = [0.64, 1.38];
    const [u, v] = [abs(x), 0.34 - y];
    const slope = radius / high;
    const flat = sqrt(1 - slope * slope);
    const along = v * flat - u * slope;
    if (along < 0) return hypot(u, v) - radius;
    if (along > flat * high) return hypot(u, v - high);
    return u * flat + v * slope - radius;
  },
};

/** [size, size, 3], 0 … 255, in float. @param random decides what the caption leaves open */
export function drawScene(scene: Scene, size: number, style: Style, random: Random): Float32Array {
  const fine = 2 * size;
  const jitter = (reach: number) => (random.uniform() * 2 - 1) * reach;
  const [dx, dy] = scene.things.length === 1 ? [jitter(0.05), jitter(0.05)] : [jitter(0.02), jitter(0.025)];
  const things = scene.things.map((thing) => ({
    ...thing,
    x: thing.x + dx + jitter(0.012),
    y: thing.y + dy + jitter(0.012),
    radius: thing.radius * (1 + jitter(0.05)),
  }));
  const ground = groundOf(scene, random);
  const image = new Float32Array(fine * fine * 3);
  for (let y = 0, o = 0; y < fine; y++) {
    for (let x = 0; x < fine; x++, o += 3) {
      const [r, g, b] = ground((x + 0.5) / fine, (y + 0.5) / fine);
      image[o] = r;
      image[o + 1] = g;
      image[o + 2] = b;
    }
  }
  if (style === 'flat') plain(image);
  for (const thing of things) (style === 'flat' ? drawFlat : drawLit)(image, fine, thing);
  const out = halved(image, fine);
  return style === 'faded' ? fadedOf(out, size) : out;
}

/** The part of a pixel that lies inside an outline. @param distance in pixels, below 0 inside */
const coverage = (distance: number) => min(1, max(0, 0.5 - distance));
const smooth = (t: number) => (t <= 0 ? 0 : t >= 1 ? 1 : t * t * (3 - 2 * t));
const mix = (a: number, b: number, t: number) => a + (b - a) * t;
const between = (a: readonly number[], b: readonly number[], t: number): Rgb => [
  mix(a[0]!, b[0]!, t),
  mix(a[1]!, b[1]!, t),
  mix(a[2]!, b[2]!, t),
];

/** Over the pixels near a thing. @param reach in radii */
function around(fine: number, thing: Thing, reach: number, paint: (x: number, y: number, o: number) => void): void {
  const edge = (at: number) => min(fine, max(0, floor(at * fine)));
  const wide = thing.radius * reach;
  for (let y = edge(thing.y - wide); y < edge(thing.y + wide + 1 / fine); y++) {
    for (let x = edge(thing.x - wide); x < edge(thing.x + wide + 1 / fine); x++)
      paint(
        ((x + 0.5) / fine - thing.x) / thing.radius,
        ((y + 0.5) / fine - thing.y) / thing.radius,
        (y * fine + x) * 3,
      );
  }
}

/** Where the lamp is, and halfway between it and the eye. */
const lamp = [-0.5, -0.62, 0.605] as const;
const halfway = [-0.279, -0.346, 0.896] as const;
const bevel = 0.42;

function drawLit(image: Float32Array, fine: number, thing: Thing): void {
  const outline = outlines[thing.shape];
  const pixels = thing.radius * fine;
  const base = colours[thing.colour]!;
  const other = otherOf(base);
  around(fine, thing, 1.6, (x, y, o) => {
    const shade = 0.46 * smooth((0.16 - outline(x - 0.2, y - 0.27)) / 0.46);
    for (let c = 0; c < 3; c++) image[o + c]! *= 1 - shade;
  });
  around(fine, thing, 1.25, (x, y, o) => {
    const distance = outline(x, y);
    const inside = coverage(distance * pixels);
    if (inside === 0) return;
    // A quarter circle's profile over the bevel: steep at the edge, level in the middle.
    const depth = min(1, max(0.02, -distance / bevel));
    const slope = ((1 - depth) / sqrt(max(0.02, 1 - (1 - depth) ** 2))) * 0.75;
    const [gx, gy] = [outline(x + 0.02, y) - outline(x - 0.02, y), outline(x, y + 0.02) - outline(x, y - 0.02)];
    const steep = slope / max(1e-6, hypot(gx, gy));
    const length = sqrt((gx * steep) ** 2 + (gy * steep) ** 2 + 1);
    const [nx, ny, nz] = [(gx * steep) / length, (gy * steep) / length, 1 / length];
    const light = 0.5 + 0.76 * max(0, nx * lamp[0] + ny * lamp[1] + nz * lamp[2]);
    const gloss = 150 * max(0, nx * halfway[0] + ny * halfway[1] + nz * halfway[2]) ** 40;
    const hue = patterned(thing, x, y, pixels);
    for (let c = 0; c < 3; c++) {
      const value = min(255, mix(base[c]!, other[c]!, hue) * light + gloss);
      image[o + c] = mix(image[o + c]!, value, inside);
    }
  });
}

/** @returns the part of the second colour here */
function patterned({ pattern }: Thing, x: number, y: number, pixels: number): number {
  if (pattern === 'striped') return coverage((abs((((((x + y) * 1.9) % 1) + 1) % 1) - 0.5) - 0.22) * pixels * 0.37);
  if (pattern === 'dotted') {
    const near = (value: number) => value - Math.round(value);
    return coverage((hypot(near(x * 1.75), near(y * 1.75)) - 0.27) * pixels * 0.57);
  }
  return 0;
}

/** Of stripes and dots: light on dark, dark on light. */
function otherOf(base: readonly number[]): Rgb {
  const luminance = 0.3 * base[0]! + 0.59 * base[1]! + 0.11 * base[2]!;
  return luminance > 150 ? between(base, [60, 50, 60], 0.75) : between(base, [255, 255, 250], 0.8);
}

function drawFlat(image: Float32Array, fine: number, thing: Thing): void {
  const outline = outlines[thing.shape];
  const pixels = thing.radius * fine;
  const dull = (colour: readonly number[]) => {
    const grey = (colour[0]! + colour[1]! + colour[2]!) / 3;
    return colour.map((value) => 0.55 * value + 0.45 * grey) as Rgb;
  };
  const [base, other] = [dull(colours[thing.colour]!), dull(otherOf(colours[thing.colour]!))];
  around(fine, thing, 1.3, (x, y, o) => {
    const distance = outline(x, y);
    const [line, inside] = [coverage((distance - 0.1) * pixels), coverage(distance * pixels)];
    if (line === 0) return;
    const hue = patterned(thing, x, y, pixels);
    for (let c = 0; c < 3; c++) image[o + c] = mix(mix(image[o + c]!, 14, line), mix(base[c]!, other[c]!, hue), inside);
  });
}

/** One colour for the whole ground: its mean, paler. */
function plain(image: Float32Array): void {
  const mean = [0, 0, 0];
  for (let i = 0; i < image.length; i++) mean[i % 3]! += image[i]!;
  for (let i = 0; i < image.length; i++) image[i] = (mean[i % 3]! / image.length) * 3 * 0.6 + 62;
}

/** [size, size, 3] of [2 size, 2 size, 3]. */
function halved(image: Float32Array, fine: number): Float32Array {
  const size = fine / 2;
  const out = new Float32Array(size * size * 3);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      for (let c = 0; c < 3; c++) {
        const o = (2 * y * fine + 2 * x) * 3 + c;
        out[(y * size + x) * 3 + c] = (image[o]! + image[o + 3]! + image[o + fine * 3]! + image[o + fine * 3 + 3]!) / 4;
      }
    }
  }
  return out;
}

/** Blurred over a 64th of the width to each side, half the contrast, a fifth of the colour, dim. */
function fadedOf(image: Float32Array, size: number): Float32Array {
  const reach = max(1, Math.round(size / 64));
  let blurred = image;
  for (const step of [3, size * 3]) {
    const next = new Float32Array(blurred.length);
    for (let i = 0; i < next.length; i++) {
      const at = step === 3 ? floor(i / 3) % size : floor(i / (size * 3));
      let sum = 0;
      for (let k = -reach; k <= reach; k++) sum += blurred[i + (min(size - 1, max(0, at + k)) - at) * step]!;
      next[i] = sum / (2 * reach + 1);
    }
    blurred = next;
  }
  const out = new Float32Array(image.length);
  for (let i = 0; i < out.length; i += 3) {
    const grey = (blurred[i]! + blurred[i + 1]! + blurred[i + 2]!) / 3;
    for (let c = 0; c < 3; c++) out[i + c] = 104 + 0.5 * (grey + 0.4 * (blurred[i + c]! - grey) - 128);
  }
  return out;
}

type Noise = (x: number, y: number) => number;

/** Value noise on the integer lattice, smooth, −1 … 1. */
function valueNoise(random: Random): Noise {
  const table = Float32Array.from({ length: 1024 }, () => random.uniform() * 2 - 1);
  const at = (i: number, j: number) => table[(i * 37 + j * 131) & 1023]!;
  return (x, y) => {
    const [i, j] = [floor(x), floor(y)];
    const [u, v] = [smooth(x - i), smooth(y - j)];
    return mix(mix(at(i, j), at(i + 1, j), u), mix(at(i, j + 1), at(i + 1, j + 1), u), v);
  };
}

interface Specks {
  count: number;
  /** The same in widths: how far down they go, the smallest, and how much larger one may be. */
  lowest: number;
  least: number;
  more: number;
  /** Above 1, so that a middle is white. */
  bright: number;
}

/** Stars or flakes: how much of one is at (u, v), 0 … 1. */
function specks(random: Random, { count, lowest, least, more, bright }: Specks): (u: number, v: number) => number {
  const all = Array.from(
    { length: count },
    () => [random.uniform(), random.uniform() * lowest, least + more * random.uniform()] as const,
  );
  return (u, v) => {
    let most = 0;
    for (const [x, y, wide] of all) most = max(most, bright - hypot(u - x, v - y) / wide);
    return min(1, most);
  };
}

/** The colour of the ground at (u, v), in widths of the image. */
function groundOf({ ground, groundColour }: Scene, random: Random): (u: number, v: number) => Rgb {
  const noise = valueNoise(random);
  const phase = random.uniform() * 6;
  const cloud = (u: number, v: number) =>
    smooth(noise(u * 3 + phase, v * 7) * 0.6 + noise(u * 7, v * 15 + phase) * 0.35 + 0.12);
  const hill = (u: number, high: number) => high + 0.035 * sin(u * 5 + phase) + 0.015 * sin(u * 13 + 2 * phase);
  const lit = (colour: Rgb, factor: number): Rgb => [colour[0] * factor, colour[1] * factor, colour[2] * factor];
  const vignette = (u: number, v: number) => 1.04 - 0.42 * ((u - 0.45) ** 2 + (v - 0.42) ** 2);
  if (ground === 'colour') {
    const base = colours[groundColour!]!;
    return (u, v) => {
      const glow = exp(-((u - 0.35) ** 2 + (v - 0.3) ** 2) / 0.22);
      return lit(
        between(
          base.map((value) => value * 0.74 + 14),
          base.map((value) => value * 0.84 + 44),
          glow,
        ),
        vignette(u, v),
      );
    };
  }
  if (ground === '')
    return (u, v) => {
      const floorLine = smooth((v - 0.62) / 0.16);
      return lit(
        between(
          between([214, 218, 226], [236, 238, 242], v),
          between([226, 224, 222], [196, 194, 194], (v - 0.62) / 0.38),
          floorLine,
        ),
        vignette(u, v),
      );
    };
  if (ground === 'in a meadow')
    return (u, v) => {
      const far = hill(u, 0.5);
      if (v < far) return between(between([86, 156, 232], [190, 222, 246], v / 0.5), [250, 251, 253], cloud(u, v));
      const near = hill(u + 2, 0.62);
      if (v < near)
        return lit(between([104, 152, 104], [84, 146, 74], (v - far) / 0.12), 1 + 0.05 * noise(u * 16, v * 30));
      const depth = (v - near) / (1 - near);
      const blades = 0.1 * noise(u * 34, v * 9) + 0.07 * noise(u * 12 + 9, v * 12);
      return lit(between([116, 182, 66], [44, 118, 36], depth), 1 + blades);
    };
  if (ground === 'at night') {
    const stars = specks(random, { count: 16, lowest: 0.7, least: 0.004, more: 0.004, bright: 1.4 });
    return (u, v) => {
      if (v > hill(u, 0.8)) return lit([20, 26, 34], 1 + 0.25 * noise(u * 14, v * 14));
      const sky = between([8, 12, 44], [44, 54, 116], v / 0.85);
      return between(sky, [250, 246, 220], stars(u, v));
    };
  }
  if (ground === 'at sunset') {
    const sun = 0.3 + 0.4 * random.uniform();
    return (u, v) => {
      const low = hill(u, 0.74);
      if (v > low) return between([62, 36, 52], [26, 18, 34], (v - low) / 0.26);
      const away = hypot(u - sun, v - 0.66);
      const sky = between(
        between([72, 52, 128], [228, 106, 96], min(1, v / 0.5)),
        [254, 176, 84],
        smooth((v - 0.36) / 0.4),
      );
      const clouded = between(sky, [255, 150, 130], 0.45 * cloud(u, v));
      return between(
        between(clouded, [255, 214, 130], 0.7 * exp(-away * 7)),
        [255, 244, 206],
        coverage((away - 0.09) * 128),
      );
    };
  }
  if (ground === 'by the sea')
    return (u, v) => {
      if (v < 0.52)
        return between(between([92, 164, 236], [206, 230, 246], v / 0.52), [252, 252, 252], 0.8 * cloud(u, v));
      const depth = (v - 0.52) / 0.48;
      const wave = sin(depth ** 0.6 * 42 + 2.2 * noise(u * 6, depth * 7) + phase);
      const sea = between([58, 146, 196], [10, 62, 122], depth);
      return between(sea, [206, 236, 246], max(0, wave - 0.25) * (0.2 + 0.22 * depth));
    };
  if (ground === 'in the snow') {
    const flakes = specks(random, { count: 14, lowest: 0.9, least: 0.005, more: 0.006, bright: 1.5 });
    return (u, v) => {
      const drift = hill(u, 0.6);
      const colour =
        v < drift
          ? between(
              between([128, 150, 182], [188, 204, 222], v / drift),
              [112, 134, 150],
              0.75 * smooth((noise(u * 11 + phase, 0) * 0.09 + v - 0.5) / 0.05) * smooth((drift - v) / 0.04),
            )
          : lit(between([250, 252, 255], [206, 220, 240], (v - drift) / 0.4), 1 + 0.035 * noise(u * 5, v * 16));
      return between(colour, [255, 255, 255], flakes(u, v));
    };
  }
  if (ground === 'in the desert')
    return (u, v) => {
      const far = hill(u, 0.52);
      if (v < far) return between([72, 150, 226], [246, 226, 190], smooth(v / 0.56));
      const near = 0.68 + 0.07 * sin(u * 4 + phase + 2);
      if (v < near) return between([232, 176, 112], [206, 140, 80], (v - far) / (near - far));
      const ripple = sin((v - near) * 62 + 7 * sin(u * 3 + phase) + 1.5 * noise(u * 6, v * 6));
      return lit(between([244, 194, 124], [204, 140, 72], (v - near) / (1 - near)), 1 + 0.06 * ripple);
    };
  if (ground === 'in a forest') {
    const trunks = Array.from({ length: 9 }, (_, i) => ({
      x: random.uniform(),
      wide: 0.012 + 0.006 * i,
      far: 1 - i / 9,
    }));
    return (u, v) => {
      const floorAt = 0.72 + 0.02 * sin(u * 6 + phase);
      let colour: Rgb = between([176, 206, 150], [120, 160, 104], v);
      colour = lit(colour, 1 + 0.13 * noise(u * 9, v * 9) + 0.07 * noise(u * 21, v * 21));
      for (const { x, wide, far } of trunks) {
        const across = (u - x - 0.01 * sin(v * 4 + x * 9)) / wide;
        if (abs(across) >= 1 || v > floorAt + (1 - far) * 0.1) continue;
        colour = between(
          between([70, 48, 34], [146, 172, 126], far * 0.85),
          [30, 22, 18],
          0.4 * smooth((across + 0.4) / 1.4),
        );
      }
      if (v > floorAt + 0.1 || (v > floorAt && colour[0] > 118))
        colour = lit(between([108, 130, 66], [52, 74, 34], (v - floorAt) / 0.28), 1 + 0.12 * noise(u * 18, v * 26));
      return colour;
    };
  }
  return (u, v) => {
    if (v < 0.46) return lit(between([176, 186, 178], [206, 208, 196], v / 0.46), vignette(u, v));
    const depth = (v - 0.46) / 0.54;
    const across = ((u - 0.5) / (0.5 + 0.7 * depth)) * 3.2 + 0.5;
    const plank = floor(across);
    const seam = coverage((abs(across - plank - 0.5) - 0.475) * -60);
    const grain =
      0.07 * noise(across * 9, depth * 2.5 + plank * 17) +
      0.05 * sin(across * 26 + 3 * noise(across * 2, depth * 3 + plank * 7));
    const edge = v < 0.475 ? 1.12 : 1;
    return lit(
      between([186, 128, 78], [142, 88, 48], depth),
      edge * (1 + grain + 0.05 * noise(plank * 5.5, 3)) * (1 - 0.45 * seam),
    );
  };
}
