/** @file A study's votes for other programs: the whole log, with what became of each vote. `analyze` reads it back. */
import { dirname, relative, resolve } from 'node:path';
import { stringify } from 'csv-stringify/sync';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { BadInput } from '../../evaluator/engine/files/bad-input.ts';
import { escapeCell } from '../../evaluator/engine/files/spreadsheet.ts';
import { ImageStore } from '../../evaluator/engine/images/store.ts';
import type { ExportFormat } from '../../contract/words.ts';
import type { Database } from '../../db/open.ts';
import { listPairImages, listPairings, listPairsWithPrompts } from '../../db/queries/studies.ts';
import { voteLog } from '../../db/queries/votes.ts';
import type { Choice, Population, Side } from '../../db/tables.ts';
import type { Point } from '../../contract/annotate.ts';
import { visitOf } from './checks.ts';
import { excludedNow } from './exclusions.ts';
import { requireStudy } from './lifecycle.ts';
import { planOf } from './plan.ts';
import { populationOf } from './summary.ts';

export interface ExportedVote {
  /** The prompt's: the position of its first pair, which it has in every pairing. */
  item: number;
  prompt: string;
  category: string | null;
  challenge: string | null;
  annotator: string;
  criterion: string;
  /** Seen from the models. */
  choice: 'a' | 'b' | 'tie' | 'bothbad';
  /** Which model was on the left. */
  left: 'a' | 'b';
  model_a: string;
  model_b: string;
  response_time_ms: number;
  created_at: string;
  /** counted, retracted (undone), surplus (its seat had gone to somebody else), or excluded with its annotator. */
  status: 'counted' | 'retracted' | 'surplus' | 'excluded';
  vote_id: string;
  /** The place that decided, pixels of that model's image; only in studies that ask for it, null where none was told. */
  point_image?: 'a' | 'b' | null;
  point_x?: number | null;
  point_y?: number | null;
  /** Of studies that draw their pairs while people vote: what an even draw would have been, over what it was. */
  draw_weight?: number | null;
}

export async function exportedVotes(db: Database, name: string, population?: Population): Promise<ExportedVote[]> {
  const study = await requireStudy(db, name);
  const pairings = await listPairings(db, study.id);
  const pairs = await listPairsWithPrompts(db, study.id);
  const items = itemsOf(pairs);
  const weights = new Map(pairs.map(({ position, drawWeight }) => [position, drawWeight]));
  const excluded = await excludedNow(db, study.id);
  const asksForPlace = visitOf(study)?.pointAt === true;
  const log = await voteLog(db, study.id, population ?? (await populationOf(db, study.id)));
  return log.map((vote) => ({
    item: items.get(vote.promptId)!,
    prompt: vote.prompt,
    category: vote.category,
    challenge: vote.challenge,
    annotator: vote.annotator,
    criterion: vote.criterion,
    choice: vote.bothBad === 1 ? 'bothbad' : choiceOf(vote),
    left: vote.sideA === 'left' ? 'a' : 'b',
    model_a: pairings[vote.pairing]!.modelA,
    model_b: pairings[vote.pairing]!.modelB,
    response_time_ms: vote.responseTimeMs,
    created_at: new Date(vote.createdAt).toISOString(),
    status: statusOf(vote, excluded.has(vote.annotator)),
    vote_id: vote.voteId,
    ...(asksForPlace ? placeOf(vote.point, vote.sideA) : {}),
    ...(study.active === null ? {} : { draw_weight: weights.get(vote.pair) ?? null }),
  }));
}

/** A prompt's number among the votes: one, however many pairings show it. */
export function itemsOf(pairs: readonly { position: number; promptId: string }[]): Map<string, number> {
  const items = new Map<string, number>();
  for (const { position, promptId } of pairs) if (!items.has(promptId)) items.set(promptId, position);
  return items;
}

/** As the arena's records say it. */
function arenaWinner(choice: ExportedVote['choice']): string {
  if (choice === 'bothbad') return 'tie (bothbad)';
  return choice === 'tie' ? 'tie' : `model_${choice}`;
}

/** Which model a vote is for. */
export function choiceOf({ choice, sideA }: { choice: Choice; sideA: Side }): 'a' | 'b' | 'tie' {
  return choice === 'tie' ? 'tie' : choice === sideA ? 'a' : 'b';
}

export function statusOf(
  { countedSeat, retractedAt }: { countedSeat: string | null; retractedAt: number | null },
  isExcluded: boolean,
): ExportedVote['status'] {
  if (countedSeat === null) return retractedAt === null ? 'surplus' : 'retracted';
  return isExcluded ? 'excluded' : 'counted';
}

function placeOf(point: string | null, sideA: Side) {
  if (point === null) return { point_image: null, point_x: null, point_y: null };
  const { side, x, y } = JSON.parse(point) as Point;
  return { point_image: side === sideA ? ('a' as const) : ('b' as const), point_x: x, point_y: y };
}

export interface ExportRequest {
  format: ExportFormat;
  /** The file that it is for; its ending says how, where a format has several ways. */
  out: string;
  population?: Population | undefined;
  /** Of pick-a-pic, whose rows have one; general, or the study's first. */
  criterion?: string | undefined;
  /** Whose images pick-a-pic's rows name or hold. */
  dataFolder: string;
}

/**
 * A study's votes for other programs, with what is needed to come to the same report: votes a pair, whose they are, and the pairs
 * that have no vote yet (status open).
 * @returns how many votes, and the file's content
 * @throws ServiceError not-found; BadInput for an ending that the format cannot have
 */
export async function exportVotes(
  db: Database,
  name: string,
  { format, out, population, criterion, dataFolder }: ExportRequest,
): Promise<{ content: string | Uint8Array; rows: number }> {
  const study = await requireStudy(db, name);
  const whose = population ?? (await populationOf(db, study.id));
  const votes = await exportedVotes(db, name, whose);
  const pairings = await listPairings(db, study.id);
  const modelsOf = (pairing: number) => ({
    model_a: pairings[pairing]!.modelA,
    model_b: pairings[pairing]!.modelB,
  });
  const pairs = await listPairsWithPrompts(db, study.id);
  const items = itemsOf(pairs);
  const key = (item: number, modelA: string, modelB: string) => JSON.stringify([item, modelA, modelB]);
  const voted = new Set(votes.map((vote) => key(vote.item, vote.model_a, vote.model_b)));
  const plan = planOf(study);
  const shared = {
    votes_per_pair: study.votesPerPair,
    population: whose,
    seed: study.seed,
    ...(plan === null ? {} : { primary: plan.primary }),
    // In which order they are asked follows from no name of a study's own.
    ...(study.ownCriteria.length === 0 ? {} : { criteria: study.criteria.join(' ') }),
  };
  const open = pairs
    .map((pair) => ({
      ...pair,
      item: items.get(pair.promptId)!,
      ...modelsOf(pair.pairing),
      ...(study.active === null ? {} : { draw_weight: pair.drawWeight }),
    }))
    .filter((pair) => !voted.has(key(pair.item, pair.model_a, pair.model_b)));
  if (format === 'arena') {
    type About = Pick<
      ExportedVote,
      'item' | 'prompt' | 'category' | 'challenge' | 'model_a' | 'model_b' | 'draw_weight'
    >;
    const row = (about: About) => ({
      question_id: String(about.item),
      prompt: about.prompt,
      category: about.category,
      challenge: about.challenge,
      model_a: about.model_a,
      model_b: about.model_b,
      ...('draw_weight' in about ? { draw_weight: about.draw_weight ?? null } : {}),
      ...shared,
    });
    const rows = [
      ...votes.map((vote) => ({
        ...row(vote),
        judge: vote.annotator,
        criterion: vote.criterion,
        winner: arenaWinner(vote.choice),
        left: vote.left,
        response_time_ms: vote.response_time_ms,
        tstamp: Date.parse(vote.created_at) / 1000,
        status: vote.status,
      })),
      ...open.map((pair) => ({
        ...row(pair),
        judge: '',
        criterion: '',
        winner: '',
        left: '',
        response_time_ms: null,
        tstamp: null,
        status: 'open',
      })),
    ];
    return { content: tableOf(rows, out, ['.csv', '.jsonl', '.json']), rows: votes.length };
  }
  if (format === 'pick-a-pic') {
    const asked = criterion ?? (study.criteria.includes('general') ? 'general' : study.criteria[0]!);
    if (!study.criteria.includes(asked)) throw new BadInput(`The study "${name}" does not ask about "${asked}".`);
    const counted = votes.filter((vote) => vote.criterion === asked && vote.status === 'counted');
    const content = await pickAPic({
      votes: counted,
      pairs: (await listPairImages(db, study.id)).map((pair) => ({
        ...pair,
        item: items.get(pair.promptId)!,
        ...modelsOf(pair.pairing),
      })),
      keyOf: ({ item, model_a, model_b }) => key(item, model_a, model_b),
      criterion: asked,
      shared,
      out,
      images: new ImageStore(dataFolder),
    });
    return { content, rows: counted.length };
  }
  const none = {
    annotator: '',
    criterion: '',
    choice: '',
    left: '',
    response_time_ms: null,
    created_at: '',
    vote_id: '',
  };
  const rows = [
    ...votes.map((vote) => ({ ...vote, ...shared })),
    ...open.map(({ item, prompt, category, challenge, model_a, model_b, ...rest }) => ({
      item,
      prompt,
      category,
      challenge,
      ...none,
      model_a,
      model_b,
      status: 'open',
      ...(visitOf(study)?.pointAt === true ? placeOf(null, 'left') : {}),
      ...('draw_weight' in rest ? { draw_weight: rest.draw_weight } : {}),
      ...shared,
    })),
  ];
  if (format === 'votes-parquet') return { content: parquetOf(rows), rows: votes.length };
  return { content: tableOf(rows, format === 'votes-csv' ? '.csv' : '.jsonl', ['.csv', '.jsonl']), rows: votes.length };
}

type Table = readonly Record<string, string | number | null>[];

/** @param out whose ending says how */
function tableOf(rows: Table, out: string, endings: readonly string[]): string {
  const ending = endings.find((each) => out.toLowerCase().endsWith(each));
  if (ending === '.csv') return stringify([...rows], { header: true, cast: { string: escapeCell } });
  if (ending === '.json') return `${JSON.stringify(rows, null, 1)}\n`;
  if (ending === '.jsonl') return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  throw new BadInput(`${out} must end in ${endings.join(' or ')}.`);
}

/** Numbers as numbers; every column may be empty. */
function parquetOf(rows: Table, bytes: Record<string, readonly Uint8Array[]> = {}): Uint8Array {
  const columns = Object.keys(rows[0] ?? { item: 0 });
  const isNumber = (name: string) => rows.some((row) => typeof row[name] === 'number');
  return new Uint8Array(
    parquetWriteBuffer({
      columnData: [
        ...columns.map((name) => ({
          name,
          data: rows.map((row) => row[name] ?? null),
          type: isNumber(name) ? ('DOUBLE' as const) : ('STRING' as const),
          nullable: true,
        })),
        ...Object.entries(bytes).map(([name, data]) => ({
          name,
          data: [...data],
          type: 'BYTE_ARRAY' as const,
          nullable: true,
        })),
      ],
    }),
  );
}

type PairOfPickAPic = Awaited<ReturnType<typeof listPairImages>>[number] &
  Pick<ExportedVote, 'item' | 'model_a' | 'model_b'>;

interface PickAPicParts {
  votes: readonly ExportedVote[];
  pairs: readonly PairOfPickAPic[];
  /** What tells pairs apart. */
  keyOf(pair: Pick<PairOfPickAPic, 'item' | 'model_a' | 'model_b'>): string;
  criterion: string;
  shared: { votes_per_pair: number; population: Population; seed: number; primary?: string; criteria?: string };
  out: string;
  images: ImageStore;
}

/** A row a vote, model A's image first; the images beside as paths, or within as Pick-a-Pic's parquet has them. */
async function pickAPic({ votes, pairs, keyOf, criterion, shared, out, images }: PickAPicParts) {
  const pairOf = new Map(pairs.map((pair) => [keyOf(pair), pair]));
  const isParquet = out.toLowerCase().endsWith('.parquet');
  if (!isParquet && images.sharedLocation !== undefined)
    throw new BadInput(
      `The images are in ${images.sharedLocation}, which a table cannot point into; export as .parquet, which holds them.`,
    );
  const base = (pair: PairOfPickAPic) => {
    const path = (sha256: string) => relative(dirname(resolve(out)), images.placeOf(sha256));
    return {
      item: String(pair.item),
      caption: pair.prompt,
      category: pair.category,
      challenge: pair.challenge,
      image_0_uid: pair.imageA,
      image_1_uid: pair.imageB,
      ...(isParquet ? {} : { image_0: path(pair.imageA), image_1: path(pair.imageB) }),
      model_0: pair.model_a,
      model_1: pair.model_b,
      criterion,
      ...shared,
    };
  };
  const voted = new Set(votes.map(keyOf));
  const rows = [
    ...votes.map((vote) => ({
      ...base(pairOf.get(keyOf(vote))!),
      label_0: vote.choice === 'a' ? 1 : vote.choice === 'b' ? 0 : 0.5,
      label_1: vote.choice === 'a' ? 0 : vote.choice === 'b' ? 1 : 0.5,
      has_label: 'true',
      user_id: vote.annotator,
      left: vote.left,
      response_time_ms: vote.response_time_ms,
      created_at: vote.created_at,
      ranking_id: pairOf.get(keyOf(vote))!.position,
    })),
    // As the dataset has pairs that nobody has labelled.
    ...pairs
      .filter((pair) => !voted.has(keyOf(pair)))
      .map((pair) => ({
        ...base(pair),
        label_0: null,
        label_1: null,
        has_label: 'false',
        user_id: '',
        left: '',
        response_time_ms: null,
        created_at: '',
        ranking_id: pair.position,
      })),
  ];
  if (!isParquet) return tableOf(rows, out, ['.csv', '.jsonl', '.json', '.parquet']);
  const read = (side: 'image_0_uid' | 'image_1_uid') => Promise.all(rows.map((row) => images.read(row[side])));
  return parquetOf(rows, { jpg_0: await read('image_0_uid'), jpg_1: await read('image_1_uid') });
}
