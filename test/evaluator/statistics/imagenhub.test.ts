/**
 * @file Real raters: κ and α of ImagenHub's text-to-image ratings as its authors published them. The ratings are not ours to
 * redistribute; without them beside the checkout this suite is skipped.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fleissKappa } from '../../../evaluator/statistics/fleiss-kappa.ts';
import { countRatings, krippendorffAlpha } from '../../../evaluator/statistics/krippendorff-alpha.ts';
import { thirdParty } from '../../support/folders.ts';

const imagenhub = join(thirdParty, 'votes', 'imagenhub');
if (!existsSync(imagenhub)) console.warn('No ImagenHub ratings beside this checkout: their κ and α are not compared.');

describe.skipIf(!existsSync(imagenhub))('ImagenHub’s raters', () => {
  // Read in the tests: the body of a skipped suite runs too.
  const readRaters = () =>
    [1, 2, 3].map((rater) => {
      const [header, ...rows] = readFileSync(join(imagenhub, `Text-To-Image_rater${rater}.tsv`), 'utf8')
        .trim()
        .split('\n')
        .map((line) => line.split('\t'));
      return { models: header!.slice(1), rows: new Map(rows.map(([uid, ...cells]) => [uid!, cells])) };
    });
  const published: Record<string, [kappa: number, alpha: number][]> = {
    DALLE: [
      [0.37, 0.47],
      [0.39, 0.42],
    ],
    DeepFloydIF: [
      [0.53, 0.58],
      [0.21, 0.21],
    ],
    OpenJourney: [
      [0.46, 0.56],
      [0.24, 0.29],
    ],
    SD: [
      [0.55, 0.64],
      [0.23, 0.24],
    ],
    SDXL: [
      [0.49, 0.59],
      [0.36, 0.43],
    ],
    Midjourney: [
      [0.44, 0.57],
      [0.05, 0.06],
    ],
    DALLE3: [
      [0.47, 0.55],
      [0.06, 0.13],
    ],
  };
  it.each(Object.keys(published))('%s: κ and ordinal α as published, both questions', (model) => {
    const raters = readRaters();
    const column = raters[0]!.models.findIndex((name) => name.trim() === model);
    for (const question of [0, 1]) {
      const ratings = raters.map(({ rows }) =>
        [...raters[0]!.rows.keys()].map((uid) => (JSON.parse(rows.get(uid)![column]!) as number[])[question]!),
      );
      const { counts, values: categories } = countRatings(ratings);
      const [kappa, alpha] = published[model]![question]!;
      expect(fleissKappa(counts).value!).toBeCloseTo(kappa, 2);
      expect(krippendorffAlpha(counts, categories as number[], 'ordinal').value!).toBeCloseTo(alpha, 2);
    }
  });
});
