/**
 * @file A draft as annotators would see it. The study is made in a database of its own, in memory, of some of the prompts and
 * images: everything is as it will be, and no seat is taken. Arrow: a study's file → pairs, apart from all others.
 */
import { openInMemory, type Database } from '../../db/open.ts';
import { insertModel, type Model } from '../../db/queries/models.ts';
import { insertPromptSet, type Prompt, type PromptSet } from '../../db/queries/prompts.ts';
import { insertRender, type Render } from '../../db/queries/renders.ts';
import type { Visit } from '../../contract/visit.ts';
import { studyFileSchema, type StudyFile } from '../../contract/study-file.ts';
import { checksAmong, createStudy } from './design.ts';
import { fileFrom, materialOf } from './editor.ts';
import { changeState } from './lifecycle.ts';
import { designOf } from './study-file.ts';

/** Prompts that a preview shows beside those of the checks, and pairs in all; somebody looks, nobody works. */
const shownPrompts = 12;
const shownPairs = 36;
/** Checks of each kind, and how soon they and breaks come, so that one who looks meets them. */
const shownChecks = 6;
const soon = 4;

export interface PreviewMaterial {
  file: StudyFile;
  promptSet: PromptSet;
  prompts: Prompt[];
  models: Model[];
  renders: Render[];
}

/** What a preview needs. @throws ServiceError for a file of which no study could be made */
export async function previewMaterial(db: Database, { file: given }: { file: unknown }): Promise<PreviewMaterial> {
  const whole = fileFrom({ file: given });
  // The whole one is checked, whatever of it is shown.
  const { compared, promptSet, prompts, models, couples, checks: all } = await materialOf(db, whole);
  const file = shortened(whole);
  const checks = checksAmong(file.visit, prompts, couples[0]!);
  const asked = prompts.filter(({ id }) => !all.has(id) && couples.some((of) => of.has(id)));
  const some = new Set([
    ...checks.keys(),
    ...spread(asked, Math.max(1, Math.min(shownPrompts, Math.floor(shownPairs / compared.length)))).map(({ id }) => id),
  ]);
  const needed = new Map(
    couples.flatMap((of) =>
      [...some].flatMap((id) => (of.get(id) ?? []).map((render) => [render.id, render] as const)),
    ),
  );
  return {
    file,
    promptSet,
    prompts: prompts.filter(({ id }) => some.has(id)),
    models,
    renders: [...needed.values()],
  };
}

/** The same study for one who looks: one place at a pair, few checks, which come soon; all pairs at once. */
function shortened({ active: _active, promptSample: _sample, visit, ...file }: StudyFile): StudyFile {
  const { gold, repeat, practice, breakAfter } = visit ?? {};
  return {
    ...file,
    votesPerPair: 1,
    ...(visit === undefined
      ? {}
      : {
          visit: {
            ...visit,
            ...(gold === undefined ? {} : { gold: shortenedGold(gold) }),
            ...(repeat === undefined ? {} : { repeat: { every: Math.min(repeat.every, soon) } }),
            ...(practice === undefined ? {} : { practice: practice.slice(0, shownChecks) }),
            ...(breakAfter === undefined ? {} : { breakAfter: Math.min(breakAfter, soon) }),
          },
        }),
  } as StudyFile;
}

/** A rule that asks for more answers than are left would never hold. */
function shortenedGold({ every, pairs, screenOut }: NonNullable<Visit['gold']>): NonNullable<Visit['gold']> {
  const some = pairs.slice(0, shownChecks);
  return {
    every: Math.min(every, soon),
    pairs: some,
    ...(screenOut === undefined ? {} : { screenOut: { ...screenOut, after: Math.min(screenOut.after, some.length) } }),
  };
}

/** Lets others be served in between. */
const pause = () => new Promise((resolve) => setImmediate(resolve));

/** So many of them, at equal distances. */
function spread<T>(all: readonly T[], count: number): T[] {
  if (all.length <= count) return [...all];
  return Array.from({ length: count }, (_, i) => all[Math.floor((i * all.length) / count)]!);
}

/** @returns a database that holds the open study alone, under this token; close it. @throws ServiceError */
export async function openPreview({ file, ...rows }: PreviewMaterial, token: string): Promise<Database> {
  const db = await openInMemory();
  try {
    await insertPromptSet(db, rows.promptSet, rows.prompts);
    for (const model of rows.models) await insertModel(db, model);
    await pause();
    for (const { position: _position, ...render } of rows.renders as (Render & { position?: number })[])
      await insertRender(db, render);
    await pause();
    // A preset has its own number of votes; it was checked with it.
    const { preset: _preset, ...design } = designOf(studyFileSchema.parse({ ...file, preset: undefined }));
    const { study } = await createStudy(db, design);
    await pause();
    await changeState(db, study.name, 'open');
    await db.updateTable('study').set({ invite_token: token }).where('id', '=', study.id).execute();
    return db;
  } catch (error) {
    await db.destroy();
    throw error;
  }
}
