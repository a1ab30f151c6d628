/**
 * @file Preference pairs of the starter world: four samples of the base pipeline for each caption, each compared with each.
 * Pairs that the judge hardly tells apart are left out: what remains is mostly a well drawn image against a badly drawn one. An
 * image between two others wins one pair and loses another: it is contradictory in the paper's sense.
 */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Pipeline } from '../evaluator/engine/diffusion/pipeline.ts';
import { encodePng } from '../evaluator/engine/images/png.ts';
import { likeness } from '../evaluator/starter/judge.ts';
import type { Scene } from '../evaluator/starter/scene.ts';
import { starter } from '../evaluator/starter/starter.ts';
import { settings, size, visavis } from './starter-lab.ts';

const samples = 4;
/** Of likeness: images nearer to each other are no pair. */
const margin = 8;
const captionsAtOnce = 8;
/** What decides the pairs besides scenes and seed. */
export const pairSettings = { samples, margin, ...settings };
const device = { kind: 'cpu' } as const;

/** Makes the pairs, or finds them. @returns the files of all of them, and of those that the filter keeps */
export async function pairFiles(
  folder: string,
  scenes: readonly Scene[],
  seed: number,
): Promise<{ all: string; filtered: string }> {
  const [all, filtered] = [join(folder, 'manifest.jsonl'), join(folder, 'filtered.jsonl')];
  if (!existsSync(all)) await makePairs(folder, scenes, seed);
  if (!existsSync(filtered)) visavis('preferences', 'filter', all, '--out', filtered);
  return { all, filtered };
}

/** Writes manifest.jsonl and the images. */
async function makePairs(folder: string, scenes: readonly Scene[], seed: number): Promise<void> {
  await mkdir(join(folder, 'images'), { recursive: true });
  const pipeline = await Pipeline.load({ folder: starter.pipeline, adapters: [] }, device);
  const lines: string[] = [];
  for (let start = 0; start < scenes.length; start += captionsAtOnce) {
    const part = scenes.slice(start, start + captionsAtOnce);
    const prompts = part.flatMap(({ caption }) => Array<string>(samples).fill(caption));
    const seeds = prompts.map((_, i) => seed * 1_000_000 + start * samples + i);
    const images = await pipeline.generate(prompts, seeds, settings, {
      shouldStop: () => false,
      onStep: () => undefined,
    });
    for (const [i, scene] of part.entries()) {
      const own = images.slice(i * samples, (i + 1) * samples).map(({ pixels }) => pixels);
      const ranked = likeness(scene, own, size);
      const names = own.map((_, k) => `images/${String(start + i).padStart(5, '0')}-${k}.png`);
      for (const [k, pixels] of own.entries())
        await writeFile(join(folder, names[k]!), await encodePng(pixels, size, size));
      for (let first = 0; first < samples; first++) {
        for (let second = first + 1; second < samples; second++) {
          const lead = ranked[first]! - ranked[second]!;
          if (Math.abs(lead) < margin) continue;
          const label = lead > 0 ? 1 : 0;
          lines.push(
            JSON.stringify({
              caption: scene.caption,
              image_0: names[first],
              image_1: names[second],
              label_0: label,
              label_1: 1 - label,
              created_at: lines.length,
              ranking_id: lines.length,
            }),
          );
        }
      }
    }
    if (start % 80 === 0) console.error(`pairs: ${start + part.length}/${scenes.length} captions`);
  }
  await pipeline.release();
  await writeFile(join(folder, 'manifest.jsonl'), lines.map((line) => `${line}\n`).join(''));
}
