/** @file PartiPrompts as published. The file is not redistributed here; without it beside the checkout this is skipped. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { importPrompts } from '../../../evaluator/prompts/import.ts';
import { freshSqlite } from '../../support/databases.ts';
import { thirdParty } from '../../support/folders.ts';

const file = join(thirdParty, 'PartiPrompts.tsv');
if (!existsSync(file)) console.warn('No PartiPrompts.tsv beside this checkout: its counts are not compared.');

it.skipIf(!existsSync(file))('PartiPrompts gives 1632 prompts, 12 categories, 11 challenges', async () => {
  const { db } = await freshSqlite();
  const imported = await importPrompts(db, { file, name: 'parti' });
  expect(imported.prompts).toBe(1632);
  expect(imported.categories).toEqual({
    Animals: 314,
    Artifacts: 287,
    'World Knowledge': 214,
    People: 177,
    'Outdoor Scenes': 131,
    Illustrations: 124,
    Vehicles: 104,
    'Food & Beverage': 74,
    Arts: 66,
    Abstract: 51,
    'Produce & Plants': 50,
    'Indoor Scenes': 40,
  });
  expect(imported.challenges).toEqual({
    'Fine-grained Detail': 312,
    Basic: 272,
    'Simple Detail': 232,
    'Style & Format': 206,
    Imagination: 150,
    Complex: 113,
    'Writing & Symbols': 91,
    Quantity: 90,
    Perspective: 70,
    'Linguistic Structures': 61,
    'Properties & Positioning': 35,
  });
});
