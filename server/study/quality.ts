/** @file How a study's annotators worked, who is suggested to be left out, and who is. */
import type { Quality } from '../../contract/quality.ts';
import type { Database } from '../../db/open.ts';
import { studyFacts } from '../../db/queries/immutable.ts';
import type { Study } from '../../db/queries/studies.ts';
import { countedVotes, type CountedVote } from '../../db/queries/counted-votes.ts';
import type { Population } from '../../db/tables.ts';
import { qualityOf, reliabilities, ruleInWords, usualRule, type Conduct } from '../../evaluator/votes/quality.ts';
import { checksPassed } from './checks.ts';
import { excludedNow } from './exclusions.ts';
import { choiceOf } from './exports.ts';
import { keptWith } from './kept-results.ts';
import { requireStudy } from './lifecycle.ts';
import { planOf } from './plan.ts';
import { populationOf } from './summary.ts';

/**
 * Says nothing of which model wins: it may be seen while people vote.
 * @param population whose; people's where there are any when it is left out
 * @param isQuick leaves the reliability out, which takes longest
 * @throws ServiceError not-found
 */
export async function studyQuality(
  db: Database,
  name: string,
  { population, isQuick = false }: { population?: Population; isQuick?: boolean } = {},
): Promise<Quality> {
  const study = await requireStudy(db, name);
  const whose = population ?? (await populationOf(db, study.id));
  const rule = planOf(study)?.exclusionRule;
  const votes = await countedVotes(db, study.id, whose);
  const excluded = whose === 'people' ? await excludedNow(db, study.id) : new Map<string, string>();
  const checks = await checksPassed(db, await studyFacts(db, study.id), whose);
  const reliability = isQuick
    ? undefined
    : keptWith(votes, 'reliability', [], () => reliabilities(votes.map(conductOf)));
  const { annotators, ...times } = keptWith(votes, 'quality', [JSON.stringify([[...checks], rule]), reliability], () =>
    qualityOf(votes.map(conductOf), checks, rule, reliability),
  );
  return {
    study: study.name,
    simulated: whose === 'simulated',
    rule: ruleInWords(rule ?? usualRule),
    ruleOf: rule === undefined ? 'usual' : 'plan',
    ...times,
    annotators: annotators.map((person) => ({ ...person, excluded: excluded.get(person.id) ?? null })),
  };
}

function conductOf(vote: CountedVote): Conduct {
  const { annotator, pair, criterion, choice, responseTimeMs, createdAt } = vote;
  return { annotator, pair, criterion, choice, outcome: choiceOf(vote), responseTimeMs, createdAt };
}

/** What was done otherwise than the plan's rule says; nothing where it has none. */
export async function ruleDepartures(db: Database, study: Study): Promise<string[]> {
  if (planOf(study)?.exclusionRule === undefined) return [];
  const { annotators } = await studyQuality(db, study.name, { population: 'people', isQuick: true });
  const count = (n: number, one: string, more: string) =>
    n === 0 ? [] : [n === 1 ? `one annotator ${one}` : `${n} annotators ${more}`];
  const without = annotators.filter(({ excluded, suggestion }) => excluded !== null && suggestion === null).length;
  const kept = annotators.filter(({ excluded, suggestion }) => excluded === null && suggestion !== null).length;
  return [
    ...count(without, 'was left out whom the rule does not name', 'were left out whom the rule does not name'),
    ...count(kept, 'was kept whom the rule names', 'were kept whom the rule names'),
  ];
}
