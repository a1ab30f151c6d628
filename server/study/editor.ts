/** @file What a study can be made of, and what a study's file would make. */
import { z } from 'zod';
import type { Material, PromptList, StudyCheck } from '../../contract/editor.ts';
import { studyFileSchema, type StudyFile } from '../../contract/study-file.ts';
import type { Database } from '../../db/open.ts';
import { countRenders, findModel, listModels, type Model } from '../../db/queries/models.ts';
import { countCategories, findPromptSet, listPromptSets, listPrompts } from '../../db/queries/prompts.ts';
import { findImage, listRenders, type Render } from '../../db/queries/renders.ts';
import { findStudy } from '../../db/queries/studies.ts';
import { BadInput } from '../../evaluator/engine/files/bad-input.ts';
import { importPrompts } from '../../evaluator/prompts/import.ts';
import { importRenders } from '../../evaluator/renders/import.ts';
import { ImageStore } from '../../evaluator/engine/images/store.ts';
import { ServiceError } from '../errors.ts';
import {
  checksAmong,
  comparedPairs,
  couplesOf,
  createStudy,
  groupByPrompt,
  requireActive,
  requireAsked,
  requirePlan,
  requireSample,
} from './design.ts';
import { planHash } from './plan.ts';
import { designOf, modelsCompared, parseStudyFile, yamlOf } from './study-file.ts';

/** Prompt sets and models, and of which prompts each model has images. */
export async function material(db: Database): Promise<Material> {
  const categories = await countCategories(db);
  const rendered = await countRenders(db);
  return {
    promptSets: (await listPromptSets(db)).map(({ name, prompts }) => ({
      name,
      prompts: Number(prompts),
      categories: categories
        .filter(({ promptSet }) => promptSet === name)
        .map(({ name, prompts }) => ({ name, prompts })),
    })),
    models: (await listModels(db)).map(({ name, kind }) => ({
      name,
      kind,
      rendered: rendered
        .filter(({ model }) => model === name)
        .map(({ promptSet, prompts }) => ({ promptSet, prompts })),
    })),
  };
}

/** @throws ServiceError not-found */
export async function promptsOf(db: Database, name: string): Promise<PromptList> {
  const { id } = await requireSet(db, name);
  const prompts = await listPrompts(db, id);
  return {
    prompts: prompts.map(({ position, text, category, challenge }) => ({ position, text, category, challenge })),
  };
}

/** The image that a pair of these two models would show of a prompt. @throws ServiceError not-found */
export async function imageOfPrompt(
  db: Database,
  which: { promptSet: string; position: number; model: string; beside: string },
): Promise<string> {
  const sha256 = await findImage(db, which);
  if (sha256 === undefined)
    throw new ServiceError(
      'not-found',
      `"${which.model}" and "${which.beside}" have no images of this prompt with one seed.`,
    );
  return sha256;
}

/** @throws ServiceError bad-request, in the sentence of whatever is wrong with the file */
export function fileFrom({ yaml, file }: { yaml?: string | undefined; file?: unknown }): StudyFile {
  if (yaml !== undefined) return refusing(() => parseStudyFile(yaml, 'The file'));
  const parsed = studyFileSchema.safeParse(file);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  const place = z.core.toDotPath(path);
  throw new ServiceError('bad-request', `${place === '' ? '' : `${place}: `}${message}.`);
}

/**
 * What a study of this file would be made of: the two renders of each prompt for each pairing, and what serves as checks.
 * @throws ServiceError for what createStudy would refuse of it
 */
export async function materialOf(db: Database, file: StudyFile) {
  const design = designOf(file);
  const compared = comparedPairs(design);
  requirePlan(design, compared.length);
  requireAsked(design);
  const promptSet = await requireSet(db, file.promptSet);
  const prompts = await listPrompts(db, promptSet.id);
  const models: Model[] = [];
  const renders = new Map<string, Map<string, Render[]>>();
  for (const name of new Set(compared.flat())) {
    const model = await findModel(db, name);
    if (model === undefined) throw new ServiceError('not-found', `There is no model named "${name}".`);
    models.push(model);
    renders.set(name, groupByPrompt(await listRenders(db, { promptSetId: promptSet.id, modelId: model.id })));
  }
  const couples = compared.map(([a, b]) => couplesOf(prompts, renders.get(a)!, renders.get(b)!));
  const checks = checksAmong(design.visit, prompts, couples[0]!);
  return { design, compared, promptSet, prompts, models, couples, checks };
}

/** What the file would make. @throws ServiceError for what createStudy would refuse */
export async function checkStudy(
  db: Database,
  request: { yaml?: string | undefined; file?: unknown },
): Promise<StudyCheck> {
  const file = fileFrom(request);
  if ((await findStudy(db, file.name)) !== undefined)
    throw new ServiceError('conflict', `A study named "${file.name}" exists already; choose another name.`);
  const { design, compared, prompts, couples, checks } = await materialOf(db, file);
  const open = prompts.filter((prompt) => !checks.has(prompt.id));
  const missing = compared.flatMap(([modelA, modelB], i) => {
    const without = prompts.length - couples[i]!.size;
    return without === 0 ? [] : [{ modelA, modelB, prompts: without }];
  });
  const { promptSample } = file;
  let pairs = couples.reduce((sum, of) => sum + open.filter((prompt) => of.has(prompt.id)).length, 0);
  if (promptSample !== undefined) {
    // A sample is of prompts that all pairings can show.
    requireSample(promptSample, open.filter((prompt) => couples.every((of) => of.has(prompt.id))).length);
    pairs = compared.length * promptSample;
  }
  requireActive(design, compared.length, pairs);
  pairs = design.active?.pairs ?? pairs;
  // As the study will say it, whichever way the file does: the plan's hash is of that.
  const others = Object.entries(file).filter(([key]) => !['modelA', 'modelB', 'models', 'against'].includes(key));
  const said = {
    ...Object.fromEntries(others),
    ...modelsCompared(compared.map(([modelA, modelB]) => ({ modelA, modelB }))),
  } as StudyFile;
  return {
    file: said as Record<string, unknown>,
    yaml: yamlOf(said),
    pairs,
    missing,
    sha256: file.plan === undefined ? null : planHash(said),
  };
}

/** Makes a draft. @returns its name @throws ServiceError */
export async function studyFromFile(db: Database, file: unknown, actor: string): Promise<{ name: string }> {
  const { study } = await createStudy(db, designOf(fileFrom({ file })), Date.now(), actor);
  return { name: study.name };
}

/** A prompt set from a file. @throws ServiceError bad-request */
export async function promptsFrom(db: Database, { path, name }: { path: string; name: string }) {
  return refusingLater(importPrompts(db, { file: path, name }), path);
}

/** Images of a model from a folder of 00000.png … @throws ServiceError bad-request; nothing is imported then */
export async function rendersFrom(
  db: Database,
  { folder, dataFolder, name, prompts }: { folder: string; dataFolder: string; name: string; prompts: string },
) {
  const images = new ImageStore(dataFolder);
  return refusingLater(
    importRenders(db, images, { source: folder, prompts, model: name, confined: true, origin: 'upload' }),
    folder,
  );
}

async function requireSet(db: Database, name: string) {
  const set = await findPromptSet(db, name);
  if (set === undefined) throw new ServiceError('not-found', `There is no prompt set named "${name}".`);
  return set;
}

function refusing<T>(job: () => T): T {
  try {
    return job();
  } catch (error) {
    throw error instanceof BadInput ? new ServiceError('bad-request', error.message) : error;
  }
}

/** @param place a path of ours that the sentence must not tell */
async function refusingLater<T>(job: Promise<T>, place: string): Promise<T> {
  try {
    return await job;
  } catch (error) {
    if (!(error instanceof BadInput)) throw error;
    throw new ServiceError('bad-request', error.message.replaceAll(`${place}/`, '').replaceAll(place, 'What was sent'));
  }
}
