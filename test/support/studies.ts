/** @file Studies for tests: real prompts, models and renders, of one-colour images that cost nothing to make. */
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database } from '../../db/open.ts';
import { insertModel } from '../../db/queries/models.ts';
import { findPromptSet, listPrompts } from '../../db/queries/prompts.ts';
import { insertRender } from '../../db/queries/renders.ts';
import { encodePng } from '../../evaluator/engine/images/png.ts';
import { ImageStore } from '../../evaluator/engine/images/store.ts';
import { importPrompts } from '../../evaluator/prompts/import.ts';
import { createStudy, type StudyDesign } from '../../server/study/design.ts';
import { changeState } from '../../server/study/lifecycle.ts';
import { temporaryFolder } from './folders.ts';

export interface StudyFixture {
  dataFolder: string;
  name: string;
  token: string;
}

/** The model's name is in its PNGs' text chunk, so that a test can see whether it gets out. */
export async function addRenderedModel(
  db: Database,
  images: ImageStore,
  { name, prompts, colour }: { name: string; prompts: string; colour: [number, number, number] },
): Promise<void> {
  const modelId = randomUUID();
  await insertModel(db, { id: modelId, name, kind: 'imported', settings: {}, createdAt: 1 });
  const set = (await findPromptSet(db, prompts))!;
  for (const prompt of await listPrompts(db, set.id)) {
    const pixels = new Uint8Array(8 * 8 * 3).map((_, i) => (colour[i % 3]! + prompt.position * 7) % 256);
    const sha256 = await images.put(await encodePng(pixels, 8, 8, { model: name }));
    await insertRender(db, {
      id: randomUUID(),
      modelId: modelId,
      promptId: prompt.id,
      seed: 0,
      imageSha256: sha256,
      width: 8,
      height: 8,
      provenance: {},
      createdAt: 1,
    });
  }
}

/** An open study of two rendered models. */
export async function openStudyOf(
  db: Database,
  { pairs, ...design }: { pairs: number } & Partial<StudyDesign>,
): Promise<StudyFixture> {
  const dataFolder = temporaryFolder();
  const images = new ImageStore(dataFolder);
  const file = join(dataFolder, 'prompts.tsv');
  const rows = Array.from({ length: pairs }, (_, i) => `prompt ${i}\t${i % 2 === 0 ? 'Animals' : 'Arts'}\tBasic\t`);
  await writeFile(file, `Prompt\tCategory\tChallenge\tNote\n${rows.join('\n')}\n`);
  await importPrompts(db, { file, name: 'prompts' });
  await addRenderedModel(db, images, { name: design.a ?? 'aardvark', prompts: 'prompts', colour: [200, 30, 30] });
  await addRenderedModel(db, images, { name: design.b ?? 'buffalo', prompts: 'prompts', colour: [30, 30, 200] });
  const { study } = await createStudy(db, {
    name: 'study',
    prompts: 'prompts',
    a: 'aardvark',
    b: 'buffalo',
    votesPerPair: 3,
    criteria: ['appeal', 'general', 'alignment'],
    ties: false,
    seed: 0,
    ...design,
  });
  await changeState(db, study.name, 'open');
  return { dataFolder, name: study.name, token: study.inviteToken };
}
