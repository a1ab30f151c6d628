/** @file What a study was, for the words around its report. */
import type { Database } from '../../db/open.ts';
import { modelById } from '../../db/queries/models.ts';
import { promptSetById } from '../../db/queries/prompts.ts';
import { listPairings, listPairsForBundle } from '../../db/queries/studies.ts';
import { modelsOf } from '../../evaluator/votes/models.ts';
import type { OwnCriterion } from '../../contract/criteria.ts';
import type { Active } from '../../contract/study-file.ts';
import type { Visit } from '../../contract/visit.ts';
import { activeOf } from '../study/active.ts';
import { ownCriteriaOf, visitOf } from '../study/checks.ts';
import { requireStudy } from '../study/lifecycle.ts';
import { modelsCompared } from '../study/study-file.ts';

export interface ModelAbout {
  name: string;
  /** Of a pipeline; undefined for imported images. */
  sampler?: string;
  steps?: number;
  guidance?: number;
}

export interface StudyAbout {
  promptSet: string;
  promptSample: number | null;
  prompts: number;
  pairs: number;
  models: ModelAbout[];
  against?: string;
  /** Of the images, without repetition. */
  seeds: number[];
  sizes: string[];
  criteria: string[];
  /** Those of the criteria that are the study's own. */
  ownCriteria: OwnCriterion[];
  votesPerPair: number;
  ties: boolean;
  bothBad: boolean;
  split: boolean;
  /** Of a study that drew its pairs while people voted. */
  active: Active | null;
  visit: Visit | null;
}

/** @throws ServiceError not-found */
export async function aboutStudy(db: Database, name: string): Promise<StudyAbout> {
  const study = await requireStudy(db, name);
  const pairings = await listPairings(db, study.id);
  const idOf = new Map(
    pairings.flatMap((each) => [[each.modelA, each.modelAId] as const, [each.modelB, each.modelBId] as const]),
  );
  const pairs = await listPairsForBundle(db, study.id);
  const compared = modelsCompared(pairings);
  return {
    promptSet: (await promptSetById(db, study.promptSetId)).name,
    promptSample: study.promptSample,
    prompts: new Set(pairs.map(({ promptId }) => promptId)).size,
    pairs: pairs.length,
    models: await Promise.all(
      modelsOf(pairings).map(async (model) => {
        const { sampler, steps, guidance } = (await modelById(db, idOf.get(model)!)).settings as Partial<ModelAbout>;
        return sampler === undefined || steps === undefined || guidance === undefined
          ? { name: model }
          : { name: model, sampler, steps, guidance };
      }),
    ),
    ...('against' in compared && compared.against !== undefined ? { against: compared.against } : {}),
    seeds: [...new Set(pairs.flatMap(({ a, b }) => [a.seed, b.seed]))].sort((x, y) => x - y),
    sizes: [...new Set(pairs.flatMap(({ a, b }) => [`${a.width} × ${a.height}`, `${b.width} × ${b.height}`]))],
    criteria: study.criteria,
    ownCriteria: ownCriteriaOf(study),
    votesPerPair: study.votesPerPair,
    ties: study.ties,
    bothBad: study.bothBad,
    split: study.split,
    active: activeOf(study),
    visit: visitOf(study),
  };
}
