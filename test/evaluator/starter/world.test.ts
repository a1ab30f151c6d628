/** @file The starter's world: what the words say is where they say it, and the judge knows a good drawing. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadClipTokenizer } from '../../../evaluator/engine/diffusion/clip-tokenizer.ts';
import { drawScene, type Style } from '../../../evaluator/starter/drawing.ts';
import { likeness } from '../../../evaluator/starter/judge.ts';
import { randomScene, type Scene } from '../../../evaluator/starter/scene.ts';
import { starter } from '../../../evaluator/starter/starter.ts';
import { Random } from '../../../evaluator/statistics/random.ts';

const size = 64;
const draw = (scene: Scene, style: Style, random: Random) => Uint8Array.from(drawScene(scene, size, style, random));

/** The first scene whose caption reads so. */
function sceneThat(says: RegExp): Scene {
  for (const random = new Random(2); ;) {
    const scene = randomScene(random);
    if (says.test(scene.caption)) return scene;
  }
}

describe('the starter’s world', () => {
  // Where each word means, in widths of the image, read from the words and not from the code.
  it.each([
    [/^a red circle to the left of a blue \w+$/, [['red', 0.27, 0.5]], [['blue', 0.73, 0.5]]],
    [/^a red circle to the right of a blue \w+$/, [['red', 0.73, 0.5]], [['blue', 0.27, 0.5]]],
    [/^a blue circle above a red circle$/, [['blue', 0.5, 0.27]], [['red', 0.5, 0.73]]],
    [/^a blue circle below a red circle$/, [['blue', 0.5, 0.73]], [['red', 0.5, 0.27]]],
    [/^two red circles$/, [['red', 0.28, 0.5]], [['red', 0.72, 0.5]]],
    [/^four blue circles$/, [['blue', 0.29, 0.29]], [['blue', 0.71, 0.71]]],
  ] as const)('%s is drawn where it says', (says, [first], [second]) => {
    const image = drawScene(sceneThat(says), size, 'full', new Random(1));
    for (const [colour, u, v] of [first, second]) {
      // A ring has a hole: the most coloured pixel near the place speaks.
      let most = -Infinity;
      for (let y = Math.round((v - 0.12) * size); y <= (v + 0.12) * size; y++)
        for (let x = Math.round((u - 0.12) * size); x <= (u + 0.12) * size; x++) {
          const [r, , b] = image.slice((y * size + x) * 3);
          most = Math.max(most, colour === 'red' ? r! - b! : b! - r!);
        }
      expect(most).toBeGreaterThan(100);
    }
  });

  it('the same chance draws the same image, another one of the same words', () => {
    const scene = sceneThat(/in a forest$/);
    expect(draw(scene, 'full', new Random(3))).toEqual(draw(scene, 'full', new Random(3)));
    expect(draw(scene, 'full', new Random(4))).not.toEqual(draw(scene, 'full', new Random(3)));
  });

  it('each word of a caption is one token, and none is cut off', async () => {
    const tokenizer = await loadClipTokenizer(join(starter.pipeline, 'tokenizer'));
    const random = new Random(6);
    for (let i = 0; i < 400; i++) {
      const { caption } = randomScene(random);
      const ids = tokenizer.encode(caption);
      expect([caption, ids.indexOf(ids.at(-1)!)]).toEqual([caption, caption.split(' ').length + 1]);
    }
  });
});

describe('the judge', () => {
  it('prefers a good drawing of the caption to a dull, a faded and another one, and the flat right scene to a good wrong one', () => {
    const random = new Random(12);
    let nearer = 0;
    for (let i = 0; i < 16; i++) {
      const [scene, other] = [randomScene(random), randomScene(random)];
      const [full, flat, faded, wrong] = likeness(
        scene,
        [
          draw(scene, 'full', random),
          draw(scene, 'flat', random),
          draw(scene, 'faded', random),
          draw(other, 'full', random),
        ],
        size,
      );
      for (const worse of [flat, faded, wrong]) expect([scene.caption, full! > worse!]).toEqual([scene.caption, true]);
      nearer += flat! > wrong! ? 1 : 0;
    }
    expect(nearer).toBeGreaterThan(10);
  }, 30_000);

  it('measures the mean and the deviation of every cell', () => {
    // The very drawing that the judge draws first is at no distance from it.
    const scene = sceneThat(/by the sea$/);
    const first = drawScene(scene, size, 'full', new Random(99));
    const [same, shifted] = likeness(
      scene,
      [Uint8Array.from(first, Math.round), Uint8Array.from(first, (x) => x + 3)],
      size,
    );
    expect(Math.abs(same!)).toBeLessThan(0.5);
    // Half of the numbers are means, which moved by about 3 (less where the image is white); deviations did not.
    expect(same! - shifted!).toBeGreaterThan(0.5);
    expect(same! - shifted!).toBeLessThan(2);
    // Cells of their mean colour keep the means; the deviations that are lost are half of the numbers.
    const blocks = new Uint8Array(first.length);
    let lost = 0;
    for (let cell = 0; cell < 64; cell++) {
      for (let c = 0; c < 3; c++) {
        const places = Array.from({ length: 64 }, (_, i) => {
          const [x, y] = [(cell % 8) * 8 + (i % 8), Math.floor(cell / 8) * 8 + Math.floor(i / 8)];
          return (y * size + x) * 3 + c;
        });
        const mean = places.reduce((sum, at) => sum + first[at]!, 0) / 64;
        lost += Math.sqrt(places.reduce((sum, at) => sum + (first[at]! - mean) ** 2, 0) / 64) / (64 * 3);
        for (const at of places) blocks[at] = Math.round(mean);
      }
    }
    expect(lost).toBeGreaterThan(2);
    expect(Math.abs(likeness(scene, [blocks], size)[0]! + lost / 2)).toBeLessThan(0.3);
  });
});
