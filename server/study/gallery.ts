/** @file Every pair of a study with what people said of it: for looking at what a number is made of. */
import type { Contrasts, Gallery, PairVotes } from '../../contract/research.ts';
import type { Database } from '../../db/open.ts';
import { studyPairs, type PairWithPrompt } from '../../db/queries/immutable.ts';
import {
  listPairings,
  listPairImages,
  listPairScores,
  listPairThumbnails,
  type Study,
} from '../../db/queries/studies.ts';
import { countedVotes, type CountedVote } from '../../db/queries/counted-votes.ts';
import { voteLog } from '../../db/queries/votes.ts';
import { groupBy } from '../../evaluator/statistics/group-by.ts';
import { thumbnailDifference } from '../../evaluator/engine/images/thumbnail.ts';
import { decide } from '../../evaluator/statistics/majority.ts';
import { median } from '../../evaluator/statistics/median.ts';
import { ServiceError } from '../errors.ts';
import { excludedNow } from './exclusions.ts';
import { choiceOf, statusOf } from './exports.ts';
import { keptWith } from './kept-results.ts';
import { requireStudy } from './lifecycle.ts';
import { populationOf } from './summary.ts';

/** @param first so many pairs alone, from the start; all of them when it is left out @throws ServiceError not-found */
export async function galleryOf(db: Database, name: string, first?: number): Promise<Gallery> {
  const study = await requireStudy(db, name);
  const whose = await populationOf(db, study.id);
  const excluded = whose === 'people' ? await excludedNow(db, study.id) : new Map<string, string>();
  // Before the pairs: of a study that draws them while people vote, the next vote may be on a new one.
  const votes = await countedVotes(db, study.id, whose);
  const pairs = await studyPairs(db, study);
  const said = keptWith(votes, 'said', [pairs, JSON.stringify([study, [...excluded.keys()]])], () =>
    pairsSaid(
      study,
      pairs,
      votes.filter(({ annotator }) => !excluded.has(annotator)),
    ),
  );
  const pairings = await listPairings(db, study.id);
  const shown = said.slice(0, first);
  const scores = groupBy(await listPairScores(db, study.id, shown.at(-1)?.position), ({ position }) => position);
  const differences = await differencesOf(
    db,
    study.id,
    pairs,
    first === undefined ? undefined : shown.at(-1)?.position,
  );
  return {
    study: study.name,
    simulated: whose === 'simulated',
    pairings: pairings.map(({ modelA, modelB }) => ({ modelA, modelB })),
    pairs: shown.map((pair) => ({
      ...pair,
      difference: differences.get(pair.position) ?? null,
      scores: (scores.get(pair.position) ?? []).map(({ reward, scoreA, scoreB }) => ({ reward, a: scoreA, b: scoreB })),
    })),
  };
}

/** How many pairs of the largest difference are shown. */
const mostContrasts = 6;

/**
 * The pairs whose images differ most, without votes and models: nobody is told what others think, or what they look at.
 * @throws ServiceError not-found
 */
export async function contrastsOf(db: Database, name: string): Promise<Contrasts> {
  const study = await requireStudy(db, name);
  const pairs = await studyPairs(db, study);
  const differences = await differencesOf(db, study.id, pairs, undefined);
  const largest = [...differences].sort(([at, x], [otherAt, y]) => y - x || at - otherAt).slice(0, mostContrasts);
  const promptAt = new Map(pairs.map(({ position, prompt }) => [position, prompt]));
  return {
    pairs: largest.map(([position, difference]) => ({ position, prompt: promptAt.get(position)!, difference })),
    of: differences.size,
  };
}

/** Of each list of pairs, while anybody holds it: images do not change. */
const kept = new WeakMap<readonly PairWithPrompt[], Map<number, number>>();

/** How much both images of a pair differ, by its position; without those of which it is not known. */
async function differencesOf(
  db: Database,
  studyId: string,
  pairs: readonly PairWithPrompt[],
  upTo: number | undefined,
): Promise<Map<number, number>> {
  const known = kept.get(pairs);
  if (known !== undefined) return known;
  const differences = new Map<number, number>();
  for (const { position, thumbnailA: a, thumbnailB: b } of await listPairThumbnails(db, studyId, upTo))
    if (a !== null && b !== null) differences.set(position, thumbnailDifference(a, b));
  if (upTo === undefined) kept.set(pairs, differences);
  return differences;
}

/** What people said of each pair. */
function pairsSaid(
  { criteria, votesPerPair }: Pick<Study, 'criteria' | 'votesPerPair'>,
  pairs: readonly PairWithPrompt[],
  votes: readonly CountedVote[],
): Omit<Gallery['pairs'][number], 'scores' | 'difference'>[] {
  const counts = new Map(pairs.map(({ position }) => [position, criteria.map(() => ({ a: 0, b: 0, tie: 0 }))]));
  const times = new Map(pairs.map(({ position }) => [position, [] as number[]]));
  for (const vote of votes) {
    counts.get(vote.pair)![criteria.indexOf(vote.criterion)]![choiceOf(vote)] += 1;
    times.get(vote.pair)!.push(vote.responseTimeMs);
  }
  return pairs.map(({ position, pairing, prompt, category, challenge }) => ({
    position,
    pairing,
    prompt,
    category,
    challenge,
    criteria: counts.get(position)!.map((count, i) => ({
      criterion: criteria[i]!,
      ...count,
      decision: decide(count.a, count.b, count.tie, votesPerPair),
    })),
    medianResponseTimeMs: median(times.get(position)!),
  }));
}

/** All votes ever cast on a pair, oldest first. @throws ServiceError not-found */
export async function votesOnPair(db: Database, name: string, position: number): Promise<PairVotes> {
  const study = await requireStudy(db, name);
  const excluded = await excludedNow(db, study.id);
  const log = await voteLog(db, study.id, await populationOf(db, study.id), position);
  return {
    votes: log.map((vote) => ({
      annotator: vote.annotator,
      criterion: vote.criterion,
      choice: choiceOf(vote),
      ...(vote.bothBad === 1 ? { bothBad: true } : {}),
      left: vote.sideA === 'left' ? 'a' : 'b',
      responseTimeMs: vote.responseTimeMs,
      createdAt: Number(vote.createdAt),
      status: statusOf(vote, excluded.has(vote.annotator)),
    })),
  };
}

/** The SHA-256 of both images. @throws ServiceError not-found */
export async function imagesOfPair(db: Database, name: string, position: number): Promise<{ a: string; b: string }> {
  const { id } = await requireStudy(db, name);
  const pair = (await listPairImages(db, id, position))[0];
  if (pair === undefined) throw new ServiceError('not-found', `The study "${name}" has no pair ${position}.`);
  return { a: pair.imageA, b: pair.imageB };
}
