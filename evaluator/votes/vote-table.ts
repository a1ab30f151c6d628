/**
 * @file Votes as columns: what a report is computed from, whoever collected them. A million votes fit into a few dozen
 * megabytes. Everything is seen from model A.
 */

/** 0: for A, 1: for B, 2: tie. */
export const outcomes = { a: 0, b: 1, tie: 2 } as const;
export type OutcomeCode = 0 | 1 | 2;
/** Which side A was on; −1 where nobody wrote it down. */
export const sides = { unknown: -1, left: 0, right: 1 } as const;

export interface Item {
  id: string;
  category: string | null;
  challenge: string | null;
  /** Prompts of the set that it stands for, where the sample took some more than others. */
  weight?: number | null;
  /** Of a study that drew its pairs while people voted: what an even draw of these two models would have been, over what it was. */
  drawWeight?: number | null;
}

export interface VoteTable {
  items: Item[];
  annotators: string[];
  criteria: string[];
  /** Which votes are ties because neither would do, by their place in the columns; absent where nobody could say so. */
  bothBad?: number[];
  count: number;
  item: Int32Array;
  annotator: Int32Array;
  criterion: Uint8Array;
  outcome: Uint8Array;
  sideOfA: Int8Array;
  /** NaN where unknown. */
  responseTimeMs: Float64Array;
}

/** Builds a VoteTable row by row; names become indices. */
export class VoteTableBuilder {
  readonly items: Item[] = [];
  readonly annotators: string[] = [];
  readonly criteria: string[];
  readonly #itemIndex = new Map<string, number>();
  readonly #names = new Map<string, string>();
  readonly #annotatorIndex = new Map<string, number>();
  #last: { id: string | undefined; index: number } = { id: undefined, index: -1 };
  #count = 0;
  #columns = columnsOf(1024);

  constructor(criteria: readonly string[] = []) {
    this.criteria = [...criteria];
  }

  /** The index of an item; the first mention fixes its category and challenge. */
  itemIndex(item: Item): number {
    // Rows of one item follow one another.
    if (item.id === this.#last.id) return this.#last.index;
    const known = this.#itemIndex.get(item.id);
    if (known !== undefined) return (this.#last = { id: item.id, index: known }).index;
    const kept = { ...item, category: this.#kept(item.category), challenge: this.#kept(item.challenge) };
    const index = this.items.push(kept) - 1;
    this.#itemIndex.set(item.id, index);
    this.#last = { id: item.id, index };
    return index;
  }

  /** One string for all items of a category: there are few, and each may be a part of a longer text that it would keep. */
  #kept(name: string | null): string | null {
    if (name === null) return null;
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    this.#names.set(name, name);
    return name;
  }

  annotatorIndex(name: string): number {
    return indexOf(this.#annotatorIndex, name, () => this.annotators.push(name));
  }

  criterionIndex(name: string): number {
    const index = this.criteria.indexOf(name);
    return index === -1 ? this.criteria.push(name) - 1 : index;
  }

  add(vote: {
    item: number;
    annotator: number;
    criterion: number;
    outcome: OutcomeCode;
    sideOfA: number;
    responseTimeMs: number;
  }): void {
    if (this.#count === this.#columns.item.length) this.#columns = grown(this.#columns);
    const i = this.#count++;
    this.#columns.item[i] = vote.item;
    this.#columns.annotator[i] = vote.annotator;
    this.#columns.criterion[i] = vote.criterion;
    this.#columns.outcome[i] = vote.outcome;
    this.#columns.sideOfA[i] = vote.sideOfA;
    this.#columns.responseTimeMs[i] = vote.responseTimeMs;
  }

  finish(): VoteTable {
    const { items, annotators, criteria } = this;
    return { items, annotators, criteria, count: this.#count, ...this.#columns };
  }
}

/** The same votes with the criteria in this order, of which each is one that the votes have. */
export function inOrder(votes: VoteTable, criteria: readonly string[]): VoteTable {
  const place = votes.criteria.map((name) => criteria.indexOf(name));
  return { ...votes, criteria: [...criteria], criterion: votes.criterion.map((index) => place[index] ?? index) };
}

export const columnNames = ['item', 'annotator', 'criterion', 'outcome', 'sideOfA', 'responseTimeMs'] as const;
export type Columns = Pick<VoteTable, (typeof columnNames)[number]>;

export function columnsOf(size: number): Columns {
  return {
    item: new Int32Array(size),
    annotator: new Int32Array(size),
    criterion: new Uint8Array(size),
    outcome: new Uint8Array(size),
    sideOfA: new Int8Array(size),
    responseTimeMs: new Float64Array(size),
  };
}

function grown(old: Columns): Columns {
  const next = columnsOf(old.item.length * 2);
  for (const name of columnNames) next[name].set(old[name] as never);
  return next;
}

function indexOf(index: Map<string, number>, key: string, add: () => number): number {
  const known = index.get(key);
  if (known !== undefined) return known;
  const fresh = add() - 1;
  index.set(key, fresh);
  return fresh;
}
