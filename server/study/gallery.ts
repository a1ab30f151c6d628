/** @file Every pair of a study with what people said of it: for looking at what a number is made of. */
import type { Gallery, PairVotes } from '../../contract/research.ts';
import type { Database } from '../../db/open.ts';
import { listPairings, listPairImages, listPairScores } from '../../db/queries/studies.ts';
import { countedVotes, voteLog } from '../../db/queries/votes.ts';
import { decide } from '../../evaluator/statistics/majority.ts';
import { median } from '../../evaluator/statistics/median.ts';
import { ServiceError } from '../errors.ts';
import { excludedNow } from './exclusions.ts';
import { choiceOf, statusOf } from './exports.ts';
import { requireStudy } from './lifecycle.ts';
import { populationOf } from './summary.ts';

/** @throws ServiceError not-found */
export async function galleryOf(db: Database, name: string): Promise<Gallery> {
  const study = await requireStudy(db, name);
  const whose = await populationOf(db, study.id);
  const excluded = whose === 'people' ? await excludedNow(db, study.id) : new Map<string, string>();
  const { criteria } = study;
  const pairings = await listPairings(db, study.id);
  const pairs = await listPairImages(db, study.id);
  const counts = new Map(pairs.map(({ position }) => [position, criteria.map(() => ({ a: 0, b: 0, tie: 0 }))]));
  const times = new Map<number, number[]>();
  for (const vote of await countedVotes(db, study.id, whose)) {
    if (excluded.has(vote.annotator)) continue;
    counts.get(vote.pair)![criteria.indexOf(vote.criterion as (typeof criteria)[number])]![choiceOf(vote)] += 1;
    const own = times.get(vote.pair);
    if (own === undefined) times.set(vote.pair, [vote.responseTimeMs]);
    else own.push(vote.responseTimeMs);
  }
  const scores = new Map<number, Gallery['pairs'][number]['scores']>();
  for (const { position, reward, scoreA, scoreB } of await listPairScores(db, study.id))
    scores.set(position, [...(scores.get(position) ?? []), { reward, a: scoreA, b: scoreB }]);
  return {
    study: study.name,
    simulated: whose === 'simulated',
    pairings: pairings.map(({ modelA, modelB }) => ({ modelA, modelB })),
    pairs: pairs.map(({ position, pairing, prompt, category, challenge }) => ({
      position,
      pairing,
      prompt,
      category,
      challenge,
      criteria: counts.get(position)!.map((count, i) => ({
        criterion: criteria[i]!,
        ...count,
        decision: decide(count.a, count.b, count.tie, study.votesPerPair),
      })),
      medianResponseTimeMs: median(times.get(position) ?? []),
      scores: scores.get(position) ?? [],
    })),
  };
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
