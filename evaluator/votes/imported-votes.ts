/**
 * @file Cells → vote table: votes that were collected elsewhere. A row that cannot be used is skipped, and every skip is
 * counted with its reason; what makes the whole file ambiguous refuses it.
 */
import { BadInput } from '../engine/files/bad-input.ts';
import { outcomes, sides, VoteTableBuilder, type OutcomeCode, type VoteTable } from './vote-table.ts';

export interface ImportedVotes {
  votes: VoteTable;
  modelA: string;
  modelB: string;
  /** Votes an item and criterion that most of them have. */
  votesPerPair: number;
  rows: {
    read: number;
    used: number;
    skipped: { reason: string; count: number; examples: string[] }[];
    notes: string[];
  };
}

const required = ['item', 'annotator', 'choice'] as const;
const optional = [
  'criterion',
  'category',
  'challenge',
  'model_a',
  'model_b',
  'left',
  'response_time_ms',
  'status',
] as const;
type Column = (typeof required)[number] | (typeof optional)[number];
type Cells = Partial<Record<Column, string>>;

/** Rows of one reason that are shown; all are counted. */
const shownExamples = 3;

function toColumn(name: string): Column | undefined {
  const plain = name.trim().toLowerCase();
  return ([...required, ...optional] as string[]).includes(plain) ? (plain as Column) : undefined;
}

const choices = new Map<string, 'a' | 'b' | 'tie'>([
  ['a', 'a'],
  ['b', 'b'],
  ['tie', 'tie'],
]);

/** Without outer space and capitals; most cells have neither, and there are millions. */
function plain(cell = ''): string {
  return cell === '' || choices.has(cell) ? cell : cell.trim().toLowerCase();
}

/** Takes rows as `readTable` gives them. */
export class ImportedVotesReader {
  readonly #file: string;
  readonly #table = new VoteTableBuilder();
  readonly #skipped = new Map<string, { count: number; examples: string[] }>();
  /** Of each vote, for the message when it turns out to be a second one. */
  readonly #rowOf: number[] = [];
  #models: [string, string] | undefined;
  #swapped = 0;
  #names: readonly string[] = [];
  #columns: (Column | undefined)[] = [];
  read = 0;

  constructor(file: string) {
    this.#file = file;
  }

  begin(names: readonly string[]): void {
    const columns = names.map(toColumn);
    const missing = required.filter((name) => !columns.includes(name));
    if (missing.length > 0) {
      throw new BadInput(
        `${this.#file} has no column ${missing.join(', ')}; a vote needs ${required.join(', ')} (choice: a, b or tie).`,
      );
    }
  }

  row(names: readonly string[], values: readonly (string | null | undefined)[]): void {
    if (names !== this.#names) [this.#names, this.#columns] = [names, names.map(toColumn)];
    const cells: Cells = {};
    let odd: Column | undefined;
    for (let i = 0; i < values.length; i++) {
      const column = this.#columns[i];
      const value = values[i];
      if (column === undefined || value === null) continue;
      if (value === undefined) odd = column;
      else cells[column] = value;
    }
    this.read += 1;
    if (odd === undefined) this.#add(cells);
    else this.#skip('the value is no text or number', odd);
  }

  skip(reason: string): void {
    this.read += 1;
    this.#skip(reason, 'row');
  }

  #skip(reason: string, column: string, row = this.read): void {
    const entry = this.#skipped.get(reason) ?? { count: 0, examples: [] };
    entry.count += 1;
    // Rows are counted without the header, from 1.
    if (entry.examples.length < shownExamples) entry.examples.push(`row ${row}, ${column}`);
    this.#skipped.set(reason, entry);
  }

  #add(cells: Cells): void {
    const { item = '', annotator = '', criterion = '' } = cells;
    if (item === '') return this.#skip('the item is empty', 'item');
    const status = cells.status ?? '';
    if (status !== '' && status !== 'counted') return this.#skip(`its status is ${status}, not counted`, 'status');
    const itemIndex = this.#table.itemIndex({
      id: item,
      category: cells.category || null,
      challenge: cells.challenge || null,
    });
    const text = plain(cells.choice);
    if (text === '') return this.#skip('the item has no vote here: the choice is empty', 'choice');
    let choice = choices.get(text);
    if (choice === undefined) return this.#skip('the choice is not a, b or tie', 'choice');
    if (annotator === '') return this.#skip('the annotator is empty', 'annotator');
    let left = plain(cells.left);
    if (left !== '' && left !== 'a' && left !== 'b') return this.#skip('left is not a or b', 'left');
    if (this.#isSwapped(cells)) {
      this.#swapped += 1;
      choice = choice === 'a' ? 'b' : choice === 'b' ? 'a' : 'tie';
      left = left === 'a' ? 'b' : left === 'b' ? 'a' : '';
    }
    const annotatorIndex = this.#table.annotatorIndex(annotator);
    const criterionIndex = this.#table.criterionIndex(criterion === '' ? 'general' : criterion);
    if (criterionIndex > 255) throw new BadInput(`${this.#file} has more than 256 criteria; is that the right column?`);
    const time = Number(cells.response_time_ms ?? '');
    this.#table.add({
      item: itemIndex,
      annotator: annotatorIndex,
      criterion: criterionIndex,
      outcome: outcomes[choice] as OutcomeCode,
      sideOfA: left === '' ? sides.unknown : left === 'a' ? sides.left : sides.right,
      responseTimeMs:
        cells.response_time_ms === undefined || cells.response_time_ms === '' || !Number.isFinite(time) ? NaN : time,
    });
    this.#rowOf.push(this.read);
  }

  /** The first row's models are A and B; the same two the other way round are turned, others refuse the file. */
  #isSwapped({ model_a: a = '', model_b: b = '' }: Cells): boolean {
    if (a === '' && b === '') return false;
    this.#models ??= [a, b];
    const [first, second] = this.#models;
    if (a === first && b === second) return false;
    if (a === second && b === first) return true;
    throw new BadInput(
      `${this.#file}, row ${this.read}: it compares ${a} with ${b}, the rows before ${first} with ${second}; analyze one pair of models at a time.`,
    );
  }

  finish(): ImportedVotes {
    const votes = this.#withoutRepeats(this.#table.finish());
    if (votes.count === 0)
      throw new BadInput(
        `${this.#file} has ${this.read} rows and not one vote that can be used${this.#firstReason()}.`,
      );
    const notes = [];
    if (this.#swapped > 0)
      notes.push(`${this.#swapped} rows name the models the other way round; their choices were turned.`);
    const without = votes.items.length - new Set(votes.item.subarray(0, votes.count)).size;
    if (without > 0) notes.push(`${without} items have no vote; they count as incomplete pairs.`);
    return {
      votes,
      modelA: this.#models?.[0] ?? 'A',
      modelB: this.#models?.[1] ?? 'B',
      votesPerPair: usualVotes(votes),
      rows: {
        read: this.read,
        used: votes.count,
        skipped: [...this.#skipped].map(([reason, entry]) => ({ reason, ...entry })),
        notes,
      },
    };
  }

  /** Sorting numbers finds out fast that nobody voted twice; only then is it worth asking who. */
  #withoutRepeats(votes: VoteTable): VoteTable {
    const people = votes.annotators.length;
    const criteria = votes.criteria.length;
    const keyOf = (i: number) => (votes.item[i]! * people + votes.annotator[i]!) * criteria + votes.criterion[i]!;
    const keys = Float64Array.from({ length: votes.count }, (_, i) => keyOf(i));
    const sorted = keys.slice().sort();
    if (!sorted.some((key, i) => i > 0 && key === sorted[i - 1])) return votes;
    const seen = new Set<number>();
    let kept = 0;
    for (let i = 0; i < votes.count; i++) {
      if (seen.has(keys[i]!)) {
        const reason = 'this annotator has voted on this item and criterion already; the first vote counts';
        this.#skip(reason, 'annotator', this.#rowOf[i]);
        continue;
      }
      seen.add(keys[i]!);
      for (const column of [
        votes.item,
        votes.annotator,
        votes.criterion,
        votes.outcome,
        votes.sideOfA,
        votes.responseTimeMs,
      ]) {
        column[kept] = column[i]!;
      }
      kept += 1;
    }
    return { ...votes, count: kept };
  }

  #firstReason(): string {
    const [first] = this.#skipped;
    return first === undefined ? '' : ` (${first[1].examples[0]!}: ${first[0]})`;
  }
}

/** The most common number of votes an item and criterion; of two as common, the larger. */
function usualVotes(votes: VoteTable): number {
  const perItem = new Int32Array(votes.items.length * votes.criteria.length);
  for (let i = 0; i < votes.count; i++) perItem[votes.item[i]! * votes.criteria.length + votes.criterion[i]!]!++;
  const frequency = new Map<number, number>();
  for (const count of perItem) if (count > 0) frequency.set(count, (frequency.get(count) ?? 0) + 1);
  return [...frequency].sort(([x, n], [y, m]) => m - n || y - x)[0]![0];
}
