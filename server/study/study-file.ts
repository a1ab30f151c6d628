/** @file A study as YAML, out and in: so a plan can be reviewed and kept as a file. */
import { open } from 'node:fs/promises';
import { parseDocument, stringify } from 'yaml';
import { z } from 'zod';
import type { Database } from '../../db/open.ts';
import { listPairings } from '../../db/queries/studies.ts';
import { promptSetById } from '../../db/queries/prompts.ts';
import {
  namesOf,
  type Active,
  ownOf,
  studyFileSchema,
  studyFileShape,
  type CriterionOfFile,
  type ModelsOfFile,
  type StudyFile,
} from '../../contract/study-file.ts';
import type { PresetName } from '../../contract/plan.ts';
import { BadInput } from '../../evaluator/engine/files/bad-input.ts';
import { modelsOf } from '../../evaluator/votes/models.ts';
import { ServiceError } from '../errors.ts';
import { ownCriteriaOf, visitOf } from './checks.ts';
import type { StudyDesign } from './design.ts';
import { planOf } from './plan.ts';
import { requireStudy } from './lifecycle.ts';
import type { Study } from '../../db/queries/studies.ts';
import type { BuiltInCriterion } from '../../contract/criteria.ts';

const longest = 2 ** 20;

/** @throws BadInput in one sentence, which names the line or the key */
export async function readStudyFile(path: string): Promise<StudyFile> {
  return parseStudyFile(await readText(path), path);
}

async function readText(path: string): Promise<string> {
  const file = await open(path).catch((error: unknown) => {
    throw new BadInput(`${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)}).`);
  });
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new BadInput(`${path} is no file.`);
    if (stat.size > longest) throw new BadInput(`${path} is larger than a megabyte; a study's file is not.`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

/** @param path for messages @throws BadInput */
export function parseStudyFile(text: string, path: string): StudyFile {
  const document = parseDocument(text, { uniqueKeys: true, strict: true });
  const [error] = document.errors;
  if (error !== undefined) {
    const place = error.linePos === undefined ? '' : `, line ${error.linePos[0].line}`;
    throw new BadInput(`${path}${place}: ${error.message.split('\n')[0]!.replace(/ at line.*$/, '')}.`);
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    throw new BadInput(`${path}: ${(cause as Error).message}.`);
  }
  if (value === null || value === undefined) throw new BadInput(`${path} is empty.`);
  const parsed = studyFileSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const said = parsed.error.issues.slice(0, 3).map((issue) => {
    const place = z.core.toDotPath(issue.path);
    return `${place === '' ? '' : `${place}: `}${issue.message}`;
  });
  throw new BadInput(`${path}: ${said.join('; ')}.`);
}

export function designOf({ promptSet, promptSample, preset, plan, visit, ...file }: StudyFile): StudyDesign {
  const { name, criteria, votesPerPair, ties, bothBad, split, active, seed } = file;
  return {
    name,
    criteria: namesOf(criteria),
    ownCriteria: ownOf(criteria),
    votesPerPair,
    ties,
    ...(bothBad === true ? { bothBad } : {}),
    ...(split === true ? { split } : {}),
    ...(active === undefined ? {} : { active }),
    seed,
    prompts: promptSet,
    ...('models' in file
      ? { models: file.models, ...(file.against === undefined ? {} : { against: file.against }) }
      : { models: [file.modelA, file.modelB] }),
    ...(promptSample === undefined ? {} : { promptSample }),
    ...(preset === undefined ? {} : { preset }),
    ...(plan === undefined ? {} : { plan }),
    ...(visit === undefined ? {} : { visit }),
  };
}

/**
 * The study's file; read again it makes the same study.
 * @throws ServiceError not-found; bad-request for a study that a file cannot describe
 */
export async function studyFile(db: Database, name: string): Promise<StudyFile> {
  const study = await requireStudy(db, name);
  if (study.prescreenId !== null)
    throw new ServiceError(
      'bad-request',
      `The study "${name}" is made from the prescreen ${study.prescreenId}, which a study's file cannot say.`,
    );
  const visit = visitOf(study);
  const plan = planOf(study);
  return {
    name: study.name,
    promptSet: (await promptSetById(db, study.promptSetId)).name,
    ...modelsCompared(await listPairings(db, study.id)),
    criteria: criteriaOfFile(study),
    votesPerPair: study.votesPerPair,
    ties: study.ties,
    ...(study.bothBad ? { bothBad: true } : {}),
    ...(study.split ? { split: true } : {}),
    ...(study.active === null ? {} : { active: study.active as Active }),
    seed: study.seed,
    ...(study.promptSample === null ? {} : { promptSample: study.promptSample }),
    ...(study.preset === null ? {} : { preset: study.preset as PresetName }),
    ...(plan === null ? {} : { plan }),
    ...(visit === null ? {} : { visit }),
  };
}

function criteriaOfFile(study: Study): CriterionOfFile[] {
  const own = ownCriteriaOf(study);
  return study.criteria.map((id) => own.find((one) => one.id === id) ?? (id as BuiltInCriterion));
}

/** What made these pairings: two models, each two of several, or each against one. */
export function modelsCompared(pairings: readonly { modelA: string; modelB: string }[]): ModelsOfFile {
  const [{ modelA, modelB }] = pairings as [{ modelA: string; modelB: string }];
  if (pairings.length === 1) return { modelA, modelB };
  const models = modelsOf(pairings);
  const isAgainstOne = pairings.every((pairing) => pairing.modelB === modelB);
  return { models, ...(isAgainstOne ? { against: modelB } : {}) };
}

/** In the schema's order, whoever wrote the file. */
export function yamlOf(file: StudyFile): string {
  const keys = Object.keys(studyFileShape.shape).filter((key) => key in file) as (keyof StudyFile)[];
  return stringify(Object.fromEntries(keys.map((key) => [key, file[key]])), { lineWidth: 100 });
}
