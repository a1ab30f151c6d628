/**
 * @file Which pairs to train on. Gambashidze et al. (2025), arXiv:2406.17636: the gradients of two pairs that share an image
 * x1 < x2 < x3 partly cancel (eq. 20–21), so only absolute winners are kept; table 2's mini sets.
 */
import { BadInput } from '../engine/files/bad-input.ts';
import type { PreferenceRow } from './preference-rows.ts';

export const keepChoices = ['absolute-winners', 'x>y', 'x>y,x>z', 'x>y,y>z'] as const;
export type Keep = (typeof keepChoices)[number];
export const rowChoices = ['first', 'latest', 'all'] as const;
export type RowChoice = (typeof rowChoices)[number];

/** A pair to train on: where the winner's image and the loser's are. Both are of one row, but for x>z. */
export interface KeptPair {
  caption: string;
  /** Of single images (likes.ts), each with its own. */
  loserCaption?: string;
  winner: { row: PreferenceRow; side: 0 | 1 };
  loser: { row: PreferenceRow; side: 0 | 1 };
}

interface ImageRecord {
  uid: string;
  wins: Decision[];
  losses: number;
  ties: number;
}
interface Decision {
  row: PreferenceRow;
  /** The winner's side. */
  side: 0 | 1;
  loser: string;
}

/** By caption, each image's wins, losses and ties, in the rows' order. */
function recordsByCaption(rows: readonly PreferenceRow[]): Map<string, Map<string, ImageRecord>> {
  const captions = new Map<string, Map<string, ImageRecord>>();
  if (rows.some(({ isSingle }) => isSingle === true))
    throw new BadInput('These are single images that were liked or not; only pairs are inspected and filtered.');
  for (const row of rows) {
    let images = captions.get(row.caption);
    if (images === undefined) captions.set(row.caption, (images = new Map()));
    const [a, b] = row.images.map((uid) => {
      let record = images.get(uid);
      if (record === undefined) images.set(uid, (record = { uid, wins: [], losses: 0, ties: 0 }));
      return record;
    }) as [ImageRecord, ImageRecord];
    if (row.label === 0.5) {
      a.ties += 1;
      b.ties += 1;
    } else {
      const [winner, loser] = row.label === 1 ? [a, b] : [b, a];
      winner.wins.push({ row, side: row.label === 1 ? 0 : 1, loser: loser.uid });
      loser.losses += 1;
    }
  }
  return captions;
}

/** No losses, no ties, at least minWins wins among the pairs of its caption. */
function isAbsoluteWinner({ wins, losses, ties }: ImageRecord, minWins: number): boolean {
  return losses === 0 && ties === 0 && wins.length >= minWins;
}

/** created_at, then ranking_id, then the order in the source: a user's clicked image stays and meets a new one. */
function latest(decisions: readonly Decision[]): Decision {
  return decisions.reduce((last, next) => (isLater(next.row, last.row) ? next : last));
}

function isLater(a: PreferenceRow, b: PreferenceRow): boolean {
  for (const [x, y] of [
    [a.createdAt, b.createdAt],
    [a.rankingId, b.rankingId],
  ] as const) {
    if (Number.isNaN(x) || Number.isNaN(y) || x === y) continue;
    return x > y;
  }
  return a.index > b.index;
}

/** @param rows which of a winner's rows: one a winner (first, latest) or all; chains follow the latest */
export function filterPairs(
  rows: readonly PreferenceRow[],
  { keep, minWins, rows: choice }: { keep: Keep; minWins: number; rows: RowChoice },
): KeptPair[] {
  const kept: KeptPair[] = [];
  for (const [caption, images] of recordsByCaption(rows)) {
    for (const x of images.values()) {
      if (!isAbsoluteWinner(x, minWins)) continue;
      const pair = ({ row, side }: Decision): KeptPair => ({
        caption,
        winner: { row, side },
        loser: { row, side: side === 0 ? 1 : 0 },
      });
      if (keep === 'absolute-winners') {
        const chosen = choice === 'all' ? x.wins : [choice === 'first' ? x.wins[0]! : latest(x.wins)];
        kept.push(...chosen.map(pair));
        continue;
      }
      const xOverY = latest(x.wins);
      kept.push(pair(xOverY));
      const y = images.get(xOverY.loser)!;
      if (keep === 'x>y' || y.wins.length === 0) continue;
      const yOverZ = latest(y.wins);
      kept.push(keep === 'x>y,y>z' ? pair(yOverZ) : { ...pair(xOverY), loser: pair(yOverZ).loser });
    }
  }
  return kept;
}

/** Every decided pair, as unfiltered training takes them. */
export function decidedPairs(rows: readonly PreferenceRow[]): KeptPair[] {
  return rows
    .filter(({ label }) => label !== 0.5)
    .map((row) => {
      const side = row.label === 1 ? 0 : 1;
      return { caption: row.caption, winner: { row, side }, loser: { row, side: side === 0 ? 1 : 0 } };
    });
}

export interface Inspection {
  pairs: number;
  decided: number;
  ties: number;
  prompts: number;
  images: number;
  /** Images that win a pair and lose another of the same caption. */
  contradictoryImages: number;
  /** Decided pairs with such an image. */
  contradictoryPairs: number;
  absoluteWinners: number;
  /** Prompts that have one. */
  promptsWithWinner: number;
  models: { model: string; images: number; wins: number; losses: number; ties: number }[];
}

export function inspectPairs(rows: readonly PreferenceRow[], minWins = 1): Inspection {
  const captions = recordsByCaption(rows);
  const contradictory = (record: ImageRecord) => record.wins.length > 0 && record.losses > 0;
  let [images, contradictoryImages, absoluteWinners, promptsWithWinner, contradictoryPairs] = [0, 0, 0, 0, 0];
  for (const records of captions.values()) {
    images += records.size;
    const winners = [...records.values()].filter((record) => isAbsoluteWinner(record, minWins)).length;
    absoluteWinners += winners;
    if (winners > 0) promptsWithWinner += 1;
    for (const record of records.values()) if (contradictory(record)) contradictoryImages += 1;
  }
  for (const { caption, images: names, label } of rows) {
    if (label !== 0.5 && names.some((uid) => contradictory(captions.get(caption)!.get(uid)!))) contradictoryPairs += 1;
  }
  const ties = rows.filter(({ label }) => label === 0.5).length;
  return {
    pairs: rows.length,
    decided: rows.length - ties,
    ties,
    prompts: captions.size,
    images,
    contradictoryImages,
    contradictoryPairs,
    absoluteWinners,
    promptsWithWinner,
    models: modelMix(rows),
  };
}

function modelMix(rows: readonly PreferenceRow[]): Inspection['models'] {
  const models = new Map<string, { images: Set<string>; wins: number; losses: number; ties: number }>();
  for (const { images, models: names, label } of rows) {
    names.forEach((name, side) => {
      const key = name ?? '(not said)';
      const entry = models.get(key) ?? { images: new Set<string>(), wins: 0, losses: 0, ties: 0 };
      entry.images.add(images[side]!);
      entry[label === 0.5 ? 'ties' : (label === 1) === (side === 0) ? 'wins' : 'losses'] += 1;
      models.set(key, entry);
    });
  }
  return [...models]
    .map(([model, { images, ...counts }]) => ({ model, images: images.size, ...counts }))
    .sort((x, y) => y.images - x.images || (x.model < y.model ? -1 : 1));
}
