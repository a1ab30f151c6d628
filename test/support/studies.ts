/** @file Studies for tests: real prompts, models and renders, of one-colour images that cost nothing to make. */
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Report } from '../../contract/report.ts';
import type { Database } from '../../db/open.ts';
import type { Population } from '../../db/tables.ts';
import { insertModel } from '../../db/queries/models.ts';
import { findPromptSet, listPrompts } from '../../db/queries/prompts.ts';
import { insertRender } from '../../db/queries/renders.ts';
import { thumbnailOf } from '../../evaluator/engine/images/thumbnail.ts';
import { encodePng } from '../../evaluator/engine/images/png.ts';
import { ImageStore } from '../../evaluator/engine/images/store.ts';
import { importPrompts } from '../../evaluator/prompts/import.ts';
import { createStudy, type StudyDesign } from '../../server/study/design.ts';
import { changeState } from '../../server/study/lifecycle.ts';
import { studyReport } from '../../server/study/study-report.ts';
import { temporaryFolder } from './folders.ts';

export interface StudyFixture {
  dataFolder: string;
  name: string;
  token: string;
}

export interface RenderedModel {
  name: string;
  prompts: string;
  colour: [number, number, number];
  width?: number;
  height?: number;
  /** Seeds that the prompt at a position is rendered with. */
  seedsOf?: (position: number) => number[];
}

/** The model's name is in its PNGs' text chunk, so that a test can see whether it gets out. */
export async function addRenderedModel(
  db: Database,
  images: ImageStore,
  { name, prompts, colour, width = 8, height = 8, seedsOf = () => [0] }: RenderedModel,
): Promise<void> {
  const modelId = randomUUID();
  await insertModel(db, { id: modelId, name, kind: 'imported', settings: {}, createdAt: 1 });
  const set = (await findPromptSet(db, prompts))!;
  for (const prompt of await listPrompts(db, set.id)) {
    for (const seed of seedsOf(prompt.position)) {
      const pixels = new Uint8Array(width * height * 3).map(
        (_, i) => (colour[i % 3]! + prompt.position * 7 + seed * 3) % 256,
      );
      const imageSha256 = await images.put(await encodePng(pixels, width, height, { model: name }));
      const thumbnail = await thumbnailOf({ pixels, width, height });
      const made = { imageSha256, width, height, provenance: {}, createdAt: 1, thumbnail };
      await insertRender(db, { id: randomUUID(), modelId, promptId: prompt.id, seed, ...made });
    }
  }
}

/** Prompts as they are. */
async function importTexts(db: Database, texts: readonly string[]): Promise<void> {
  const file = join(temporaryFolder(), 'prompts.jsonl');
  await writeFile(file, texts.map((prompt) => JSON.stringify({ prompt })).join('\n'));
  await importPrompts(db, { file, name: 'prompts' });
}

/** Prompts 0 … n − 1, of categories Animals and Arts in turn. */
export async function importNumberedPrompts(db: Database, pairs: number, name = 'prompts'): Promise<void> {
  const file = join(temporaryFolder(), 'prompts.tsv');
  const rows = Array.from({ length: pairs }, (_, i) => `prompt ${i}\t${i % 2 === 0 ? 'Animals' : 'Arts'}\tBasic\t`);
  await writeFile(file, `Prompt\tCategory\tChallenge\tNote\n${rows.join('\n')}\n`);
  await importPrompts(db, { file, name });
}

type Size = Pick<RenderedModel, 'width' | 'height'>;

const colours: [number, number, number][] = [
  [200, 30, 30],
  [30, 30, 200],
  [30, 200, 30],
  [120, 120, 30],
];

/**
 * An open study of rendered models, two if none are named.
 * @param sizes of their images
 * @param texts the prompts, instead of numbered ones
 * @param opens false: it stays a draft
 */
export async function openStudyOf(
  db: Database,
  {
    pairs,
    texts,
    sizes,
    dataFolder = temporaryFolder(),
    opens = true,
    ...design
  }: {
    pairs: number;
    texts?: string[];
    sizes?: [Size, Size];
    dataFolder?: string;
    opens?: boolean;
  } & Partial<StudyDesign>,
): Promise<StudyFixture> {
  const images = new ImageStore(dataFolder);
  if (texts === undefined) await importNumberedPrompts(db, pairs);
  else await importTexts(db, texts);
  const { models = ['aardvark', 'buffalo'] } = design;
  for (const [i, name] of models.entries())
    await addRenderedModel(db, images, { name, prompts: 'prompts', colour: colours[i]!, ...sizes?.[i] });
  const { study } = await createStudy(db, {
    name: 'study',
    prompts: 'prompts',
    models,
    votesPerPair: 3,
    criteria: ['appeal', 'general', 'alignment'],
    ties: false,
    seed: 0,
    ...design,
  });
  if (opens) await changeState(db, study.name, 'open');
  return { dataFolder, name: study.name, token: study.inviteToken };
}

/** The report of a study that compares two models. */
export async function reportOfTwo(db: Database, name: string, population?: Population): Promise<Report> {
  const report = await studyReport(db, name, population);
  if ('pairings' in report) throw new Error(`${name} compares ${report.models.length} models.`);
  return report;
}
