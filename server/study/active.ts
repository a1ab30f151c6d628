/**
 * @file Studies of many models that choose their pairs while people vote: the most informative comparisons come more often, and a
 * share of the draws is even. Prompts within a comparison come in an order drawn beforehand. Arrow: renders → pairs, one at a time.
 */
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import type { Active } from '../../contract/study-file.ts';
import type { Database } from '../../db/open.ts';
import type { StudyFacts } from '../../db/queries/immutable.ts';
import { candidateAt, countDraws, lockDraws, setDrawn, setOdds, votesByPairing } from '../../db/queries/pool.ts';
import { insertPairs, insertSeats, listPairings, listStudies, type Pair, type Seat } from '../../db/queries/studies.ts';
import { activeOdds } from '../../evaluator/statistics/active.ts';
import type { Battle } from '../../evaluator/statistics/bradley-terry.ts';
import { modelsOf } from '../../evaluator/votes/models.ts';
import { seededGenerator } from './randomness.ts';
import { seatsOf } from './seats.ts';

/** Drawn at once when somebody finds nothing: few, so that the next ones know of the votes on these. */
const drawsAtOnce = 8;

type Drawing = Pick<StudyFacts, 'id' | 'pairs' | 'seed' | 'active' | 'votesPerPair' | 'split' | 'criteria'>;

export function activeOf({ active }: Pick<StudyFacts, 'active'>): Active | null {
  return active as Active | null;
}

/**
 * Draws the next pairs of an active study, with their seats. Call it in a transaction.
 * @returns how many; 0 when the study has all its pairs
 */
export async function drawPairs(tx: Database, study: Drawing, count = drawsAtOnce): Promise<number> {
  const active = activeOf(study);
  if (active === null) return 0;
  const { drawn: before, odds } = await lockDraws(tx, study.id);
  const wanted = Math.min(count, study.pairs - before);
  if (wanted <= 0) return 0;
  const counts = await countDraws(tx, study.id);
  const generator = seededGenerator((study.seed + before) ^ 0xac71);
  const uniform = () => uniformInt(generator, 0, 2 ** 31 - 1) / 2 ** 31;
  const [pairs, seats]: [Pair[], Seat[]] = [[], []];
  while (pairs.length < wanted) {
    const chances = chancesOf(counts, odds, active.random);
    const pairing = drawn(chances, uniform());
    const own = counts[pairing]!;
    const candidate = await candidateAt(tx, study.id, pairing, own.drawn);
    const position = before + pairs.length;
    const pair: Pair = {
      id: `${study.id}.${String(position).padStart(6, '0')}`,
      studyId: study.id,
      promptId: candidate.promptId,
      renderAId: candidate.renderAId,
      renderBId: candidate.renderBId,
      position,
      weight: null,
      pairing,
      // As if every comparison that is left had been drawn equally often.
      drawWeight: 1 / chances.filter((chance) => chance > 0).length / chances[pairing]!,
    };
    pairs.push(pair);
    seats.push(...seatsOf(study, pair, (own.drawn + (study.seed & 1)) % 2 === 0));
    own.drawn += 1;
  }
  await insertPairs(tx, pairs);
  await insertSeats(tx, seats);
  await setDrawn(tx, study.id, before + pairs.length);
  return pairs.length;
}

/**
 * The chance of each pairing to be drawn next: even with the probability `random`, else by the odds; none where all were drawn.
 * Every chance is random/pairings at least, so no weight is above 1/random.
 */
export function chancesOf(
  counts: readonly { drawn: number; all: number }[],
  odds: readonly number[] | null,
  random: number,
): number[] {
  const isLeft = counts.map(({ drawn, all }) => drawn < all);
  const left = isLeft.filter(Boolean).length;
  const asked = isLeft.map((is, i) => (is ? (odds?.[i] ?? 1) : 0));
  const all = asked.reduce((sum, value) => sum + value, 0);
  return isLeft.map((is, i) => (is ? random / left + (1 - random) * (all === 0 ? 1 / left : asked[i]! / all) : 0));
}

function drawn(chances: readonly number[], at: number): number {
  let sum = 0;
  for (const [i, chance] of chances.entries()) if (at < (sum += chance)) return i;
  return chances.findLastIndex((chance) => chance > 0);
}

/** Computes anew, from the votes so far, which comparisons open active studies draw more often. */
export async function renewOdds(db: Database): Promise<void> {
  for (const study of await listStudies(db)) {
    if (study.state !== 'open' || study.active === null) continue;
    const pairings = await listPairings(db, study.id);
    const models = modelsOf(pairings);
    const comparisons = pairings.map(({ modelA, modelB }) => [models.indexOf(modelA), models.indexOf(modelB)] as const);
    const asked = study.criteria.includes('general') ? 'general' : study.criteria[0]!;
    const battles = (await votesByPairing(db, study.id, asked)).flatMap(({ pairing, a, b, tie }): Battle[] => {
      const [left, right] = comparisons[pairing]!;
      return [
        { left, right, winner: 'left' as const, count: a },
        { left, right, winner: 'right' as const, count: b },
        { left, right, winner: 'tie' as const, count: tie },
      ].filter(({ count }) => count > 0);
    });
    if (battles.length > 0) await setOdds(db, study.id, activeOdds(models.length, comparisons, battles));
  }
}
