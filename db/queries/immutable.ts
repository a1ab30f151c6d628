/** @file What never changes once it is made, read once and kept by its id: ids are random, so no two databases share one. */
import type { Database } from '../open.ts';
import { listPairsWithPrompts, studyOf } from './studies.ts';

/** Keeps the newest `size` values; what is older is read again. */
class Recent<T> {
  readonly #values = new Map<string, T>();
  readonly #size: number;
  constructor(size: number) {
    this.#size = size;
  }

  async get(id: string, read: () => Promise<T>): Promise<T> {
    const known = this.#values.get(id);
    if (known !== undefined) return known;
    const value = await read();
    if (this.#values.size >= this.#size) this.#values.delete(this.#values.keys().next().value!);
    this.#values.set(id, value);
    return value;
  }
}

export interface StudyFacts {
  id: string;
  /** In the order in which they are asked. */
  criteria: string[];
  ties: boolean;
  /** Whether a tie can say that neither image will do. */
  bothBad: boolean;
  /** Whether an annotator answers one criterion of a pair. */
  split: boolean;
  votesPerPair: number;
  seed: number;
  /** The contract's Active; null: all pairs are asked, fixed from the start. */
  active: unknown;
  /** Questions of its own among the criteria: the contract's OwnCriterion. */
  ownCriteria: unknown[];
  /** Without those that only serve as checks; of an active study all that it will draw. */
  pairs: number;
  /** The contract's Visit; null: nothing but the voting. */
  visit: unknown;
}

const studies = new Recent<StudyFacts>(1000);

/** Of a study, all but its state: pairs and questions are fixed when it is created. */
export function studyFacts(db: Database, id: string): Promise<StudyFacts> {
  return studies.get(id, async () => {
    const row = await db
      .selectFrom('study')
      .select([
        'criteria',
        'ties',
        'both_bad',
        'split',
        'votes_per_pair',
        'seed',
        'active',
        'visit',
        'plan',
        'own_criteria',
      ])
      .where('id', '=', id)
      .executeTakeFirstOrThrow();
    const { pairs } = await db
      .selectFrom('pair')
      .select((e) => e.fn.countAll<number>().as('pairs'))
      .where('study_id', '=', id)
      .where('position', '>=', 0)
      .executeTakeFirstOrThrow();
    const { seed, ...facts } = studyOf(row);
    const drawn = facts.active as { pairs: number } | null;
    return { id, ...facts, seed: Number(seed), pairs: drawn?.pairs ?? Number(pairs) };
  });
}

export interface PairContent {
  /** In the study's order; below 0 for what serves as a check alone. */
  position: number;
  prompt: string;
  widthA: number;
  heightA: number;
  widthB: number;
  heightB: number;
}

const pairs = new Recent<PairContent>(20_000);

/** What the annotator's page shows of a pair: the prompt and both images' sizes. */
export function pairContent(db: Database, pairId: string): Promise<PairContent> {
  return pairs.get(pairId, () =>
    db
      .selectFrom('pair as p')
      .innerJoin('prompt as t', 't.id', 'p.prompt_id')
      .innerJoin('render as a', 'a.id', 'p.render_a_id')
      .innerJoin('render as b', 'b.id', 'p.render_b_id')
      .select([
        'p.position',
        't.text as prompt',
        'a.width as widthA',
        'a.height as heightA',
        'b.width as widthB',
        'b.height as heightB',
      ])
      .where('p.id', '=', pairId)
      .executeTakeFirstOrThrow(),
  );
}

export type PairWithPrompt = Awaited<ReturnType<typeof listPairsWithPrompts>>[number];

/** Some megabytes each where pairs are many. */
const pairLists = new Recent<readonly PairWithPrompt[]>(16);

/** The pairs that are asked, in the study's order; of a study that draws them while people vote they are read each time. */
export function studyPairs(db: Database, study: { id: string; active: unknown }): Promise<readonly PairWithPrompt[]> {
  const read = () => listPairsWithPrompts(db, study.id);
  return study.active === null ? pairLists.get(study.id, read) : read();
}
