/**
 * @file Cells → vote tables: votes that were collected elsewhere. A row that cannot be used is skipped, and every skip is counted
 * with its reason; what makes the whole file ambiguous refuses it.
 */
import { askingOrder, isBuiltIn } from '../../contract/criteria.ts';
import { BadInput } from '../engine/files/bad-input.ts';
import { choiceOf, type Choice } from './choices.ts';
import { layoutOf, plain, twice, votesOfRecord, type Cells, type Field, type Format, type Layout } from './formats.ts';
import {
  inOrder,
  outcomes,
  sides,
  VoteTableBuilder,
  type Item,
  type OutcomeCode,
  type VoteTable,
} from './vote-table.ts';

/** The votes on one pair of models. */
export interface ImportedPairing {
  modelA: string;
  modelB: string;
  votes: VoteTable;
  /** By criterion: the votes an item that most of them have, or what the file says. */
  votesPerPair: number[];
  /** The criterion that the study's plan tests alone, where the file says one. */
  primary?: string | undefined;
}

export interface ImportedVotes {
  /** In the order in which the file mentions them; at least one. */
  pairings: ImportedPairing[];
  /** The votes are simulated annotators'. */
  simulated: boolean;
  rows: {
    read: number;
    used: number;
    skipped: { reason: string; count: number; examples: string[] }[];
    notes: string[];
  };
}

export interface ImportOptions {
  format?: Format | undefined;
  /** Which column holds a field. */
  map?: ReadonlyMap<Field, string> | undefined;
  /** What words of the file mean, in small letters. */
  values?: ReadonlyMap<string, Choice> | undefined;
}

/** Rows of one reason that are shown; all are counted. */
const shownExamples = 3;
/** What a crowd platform calls work that it did not accept. */
const refused = new Set([
  'rejected',
  'returned',
  'timed-out',
  'timed out',
  'timed_out',
  'screened_out',
  'screened out',
]);
const simulatedName = /^simulated-\d+$/;

/** Takes rows as `readTable` gives them. */
export class ImportedVotesReader {
  readonly #file: string;
  readonly #options: ImportOptions;
  readonly #pairings = new Map<string, Pairing>();
  readonly #skipped = new Map<string, { count: number; examples: string[] }>();
  readonly #notes: string[] = [];
  readonly #spelling = {
    item: new Spelling(),
    annotator: new Spelling(),
    model: new Spelling(),
    criterion: new Spelling(),
  };
  readonly #counts = { swapped: 0, sideUnknown: 0, sideAsFirst: 0, rounded: 0, populations: new Set<string>() };
  readonly #foreignStatus = new Set<string>();
  /** What each word of the file means; there are few, and millions of rows. */
  readonly #words = new Map<string, Choice | undefined>();
  readonly #numbers = new Set<string>();
  #differing: { count: number; example: string } = { count: 0, example: '' };
  #votesPerPair: number | undefined;
  /** Of our own exports of studies with questions of their own: in the order in which they are asked. */
  #criteria: string[] | undefined;
  #primary: string | undefined;
  #isExport = false;
  #names: readonly string[] = [];
  #layout: Layout | undefined;
  /** Of the row that is read: the next one of this layout overwrites it, which spares a million objects. */
  #cells: Cells = {};
  headerRows = 0;
  read = 0;

  constructor(file: string, options: ImportOptions = {}) {
    this.#file = file;
    this.#options = options;
  }

  begin(names: readonly string[]): void {
    const layout = this.#layoutFor(names);
    const lower = names.map(plain);
    this.#isExport = lower.includes('vote_id') && lower.includes('status');
    for (const note of layout.notes) this.note(note);
  }

  note(sentence: string): void {
    if (!this.#notes.includes(sentence)) this.#notes.push(sentence);
  }

  #lastPairing: { a: string; b: string; pairing: Pairing } | undefined;

  row(names: readonly string[], values: readonly (string | null | undefined)[]): void {
    this.read += 1;
    if (names !== this.#names) [this.#names, this.#layout, this.#cells] = [names, this.#layoutFor(names), {}];
    const { columns, choices, labels, counted } = this.#layout!;
    const cells = this.#cells;
    for (let i = 0; i < columns.length; i++) {
      const field = columns[i];
      if (field === undefined) continue;
      const value = values[i];
      if (value === undefined) {
        this.#skip('the value is no text or number', names[i]!);
        return;
      }
      cells[field] = value ?? undefined;
    }
    for (const field of counted) cells[field] = `row ${this.#row()}`;
    if (labels !== undefined) {
      const [first, second] = labels.map((i) => Number(values[i] || NaN)) as [number, number];
      // The dataset has pairs that nobody has labelled.
      if (labels.every((i) => !values[i])) this.#add({ ...cells, status: 'open' });
      else if (Number.isNaN(first + second)) this.#skip('a label is no number', 'label_0');
      else this.#add({ ...cells, choice: first === second ? 'tie' : first > second ? 'a' : 'b' });
    } else if (choices.length > 0) {
      for (const { column, ...rest } of choices) {
        const value = values[column];
        // A wide table's empty cell is somebody who did not judge this item.
        if (value !== null && value !== undefined && value.trim() !== '')
          this.#add({ ...cells, ...rest, choice: value });
      }
    } else this.#add(cells);
  }

  object(row: Record<string, unknown>): boolean {
    const votes = votesOfRecord(row, this.#options.format);
    if (votes === undefined) return false;
    this.read += 1;
    if (votes.length === 0) this.#skip('nobody has answered it', 'record');
    for (const cells of votes) this.#add(cells);
    return true;
  }

  skip(reason: string): void {
    this.read += 1;
    this.#skip(reason, 'row');
  }

  /** As a spreadsheet counts them. */
  #row(read = this.read): number {
    return read + this.headerRows;
  }

  #skip(reason: string, column: string, read = this.read): void {
    const entry = this.#skipped.get(reason) ?? { count: 0, examples: [] };
    entry.count += 1;
    if (entry.examples.length < shownExamples) entry.examples.push(`row ${this.#row(read)}, ${column}`);
    this.#skipped.set(reason, entry);
  }

  #layoutFor(names: readonly string[]): Layout {
    for (const column of this.#options.map?.values() ?? []) {
      if (!names.some((name) => plain(name) === plain(column)))
        throw new BadInput(`${this.#file} has no column ${column}; it has ${names.join(', ')}.`);
    }
    const layout = layoutOf(names, this.#options);
    if (layout === undefined) {
      const lower = names.map(plain);
      const missing = ['item', 'annotator', 'choice'].filter((name) => !lower.includes(name));
      throw new BadInput(
        `${this.#file} has no column ${missing.join(', ')}; a vote needs item, annotator, choice (a, b or tie). Its columns are ${names.join(', ')}: name them with --map item=…,annotator=…,choice=….`,
      );
    }
    const doubled = twice(names, layout);
    if (doubled !== undefined)
      throw new BadInput(`${this.#file} has the column ${doubled.trim()} twice; which one is meant cannot be told.`);
    return layout;
  }

  #add(cells: Cells): void {
    if ((cells.item ?? '').trim() === '') return this.#skip('the item is empty', 'item');
    const item = this.#spelling.item.of(cells.item!);
    if (cells.population !== undefined) this.#counts.populations.add(cells.population.trim());
    if (cells.votes_per_pair !== undefined) {
      this.#takeVotesPerPair(cells.votes_per_pair);
      // Of our own exports alone: elsewhere the word may mean anything.
      if (cells.primary) this.#takePrimary(this.#spelling.criterion.of(cells.primary));
      this.#criteria ??= cells.criteria?.split(' ');
    }
    const a = this.#spelling.model.of(cells.model_a ?? '');
    const b = this.#spelling.model.of(cells.model_b ?? '');
    if (a !== '' && a === b) throw new BadInput(`${this.#file}, row ${this.#row()}: it compares ${a} with itself.`);
    const pairing = this.#pairingOf(a, b);
    if (pairing === undefined) return this.#skip('it names no models, and others do', 'model_a');
    const isSwapped = a !== '' && pairing.models[0] !== a;
    const itemIndex = pairing.table.itemIndex({
      id: item,
      category: cells.category || null,
      challenge: cells.challenge || null,
      ...(cells.votes_per_pair === undefined ? {} : this.#drawWeight(cells.draw_weight)),
    });
    this.#compareAttributes(pairing.table.items[itemIndex]!, cells);
    const status = cells.status === undefined ? '' : cells.status.trim();
    if (status === 'open') return;
    if (status === 'retracted' || status === 'surplus' || status === 'excluded' || refused.has(status.toLowerCase()))
      return this.#skip(`its status is ${status}, not counted`, 'status');
    if (status !== '' && status !== 'counted') {
      if (this.#isExport || status === 'skipped by the annotator' || status === 'discarded' || status === 'draft')
        return this.#skip(`its status is ${status}, not counted`, 'status');
      this.#foreignStatus.add(status);
    }
    const { choice: text = '' } = cells;
    if (text.trim() === '') return this.#skip('the item has no vote here: the choice is empty', 'choice');
    const meant = this.#choice(text, a, b);
    if (meant === undefined) return this.#skip('the choice is not a, b or tie', 'choice');
    if ((cells.annotator ?? '').trim() === '') return this.#skip('the annotator is empty', 'annotator');
    const annotator = this.#spelling.annotator.of(cells.annotator!);
    let left = this.#left(cells.left ?? '', a, b);
    let choice: 'a' | 'b' | 'tie';
    if (meant === 'left' || meant === 'right') {
      // Without a word on the sides the first model is the left one.
      if (left === '') [left, this.#counts.sideAsFirst] = ['a', this.#counts.sideAsFirst + 1];
      choice = (meant === 'left') === (left === 'a') ? 'a' : 'b';
    } else choice = meant === 'both' ? 'tie' : meant;
    if (isSwapped) {
      this.#counts.swapped += 1;
      choice = choice === 'a' ? 'b' : choice === 'b' ? 'a' : 'tie';
      left = left === 'a' ? 'b' : left === 'b' ? 'a' : '';
    }
    const criterion = this.#spelling.criterion.of(cells.criterion ?? '');
    const criterionIndex = pairing.table.criterionIndex(criterion === '' ? 'general' : criterion);
    if (criterionIndex > 255) throw new BadInput(`${this.#file} has more than 256 criteria; is that the right column?`);
    const time = cells.response_time_ms ? Number(cells.response_time_ms) : NaN;
    pairing.add(
      {
        item: itemIndex,
        annotator: pairing.table.annotatorIndex(annotator),
        criterion: criterionIndex,
        outcome: outcomes[choice] as OutcomeCode,
        sideOfA: left === '' ? sides.unknown : left === 'a' ? sides.left : sides.right,
        responseTimeMs: Number.isFinite(time) ? time : NaN,
      },
      { row: this.read, isSwapped, isBothBad: meant === 'both' },
    );
  }

  /** Of a study that drew its pairs while people voted. */
  #drawWeight(text: string | undefined): { drawWeight?: number } {
    if (text === undefined || text.trim() === '') return {};
    const weight = Number(text);
    if (!Number.isFinite(weight) || weight <= 0)
      throw new BadInput(`${this.#file}: draw_weight is "${text}"; it must be a number above 0.`);
    return { drawWeight: weight };
  }

  /** The first mention of two models says which is A; undefined for a row without models beside rows with some. */
  #pairingOf(a: string, b: string): Pairing | undefined {
    // Row after row is of the same two.
    if (a === this.#lastPairing?.a && b === this.#lastPairing.b) return this.#lastPairing.pairing;
    const pairing = this.#findPairing(a, b);
    this.#lastPairing = pairing && { a, b, pairing };
    return pairing;
  }

  #findPairing(a: string, b: string): Pairing | undefined {
    const named = a !== '' || b !== '';
    if (!named && this.#pairings.size > 0)
      return this.#pairings.size === 1 ? [...this.#pairings.values()][0] : undefined;
    const key = [a, b].sort().join('\0');
    let pairing = this.#pairings.get(key);
    if (pairing === undefined) {
      const unnamed = named ? this.#pairings.get('\0') : undefined;
      // Rows before that named nobody are of the first two models that are named.
      if (unnamed !== undefined) {
        this.#pairings.delete('\0');
        unnamed.models = [a, b];
        pairing = unnamed;
      } else pairing = new Pairing(named ? [a, b] : ['', '']);
      this.#pairings.set(key, pairing);
    }
    return pairing;
  }

  #choice(cell: string, a: string, b: string): Choice | undefined {
    const { values } = this.#options;
    const given = values?.get(plain(cell));
    if (given !== undefined) return given;
    if (a !== '') {
      const name = this.#spelling.model.of(cell);
      if (name === a) return 'a';
      if (name === b) return 'b';
    }
    const known = this.#word(cell);
    if (known !== undefined || this.#layout?.format !== 'alpaca-eval') return known;
    const preference = Number(cell);
    if (!(preference > 1 && preference < 2)) return undefined;
    this.#counts.rounded += 1;
    return preference < 1.5 ? 'a' : 'b';
  }

  #word(cell: string): Choice | undefined {
    const known = this.#words.get(cell);
    if (known !== undefined || this.#words.has(cell)) return known;
    const text = plain(cell).replace(/^(\d)\.0$/, '$1');
    if (/^\d$/.test(text)) this.#numbers.add(text);
    const choice = choiceOf(text);
    this.#words.set(cell, choice);
    return choice;
  }

  /** Which of the row's models was on the left; '' where that cannot be told. */
  #left(cell: string, a: string, b: string): 'a' | 'b' | '' {
    // As every export of ours has it.
    if (cell === 'a' || cell === 'b' || cell === '') return cell;
    const text = plain(cell);
    if (text === '') return '';
    if (text === 'a' || text === 'b') return text;
    const name = this.#spelling.model.of(cell);
    if (a !== '' && (name === a || name === b)) return name === a ? 'a' : 'b';
    this.#counts.sideUnknown += 1;
    return '';
  }

  #takePrimary(criterion: string): void {
    if (this.#primary !== undefined && this.#primary !== criterion)
      throw new BadInput(
        `${this.#file}, row ${this.#row()}: the plan's primary criterion is ${criterion} here and ${this.#primary} above; analyse the studies one by one.`,
      );
    this.#primary = criterion;
  }

  #takeVotesPerPair(cell: string): void {
    const votes = Number(cell);
    if (Number.isInteger(votes) && votes > 0) this.#votesPerPair = Math.max(this.#votesPerPair ?? 0, votes);
  }

  /** @param item as its first row has it */
  #compareAttributes({ id, category, challenge }: Item, cells: Cells): void {
    if (!cells.category && !cells.challenge) return;
    if ((category ?? '') === (cells.category ?? '') && (challenge ?? '') === (cells.challenge ?? '')) return;
    this.#differing.count += 1;
    this.#differing.example ||= `row ${this.#row()}, item ${id}`;
  }

  finish(): ImportedVotes {
    const numbers = this.#numbers;
    if (numbers.has('0') && numbers.has('1') && !numbers.has('2') && this.#options.values === undefined)
      throw new BadInput(
        `${this.#file}: the choices are 0 and 1, which may mean the second and the first or a tie and the first; say it with --values 0=a,1=b or the like.`,
      );
    const pairings = [...this.#pairings.values()];
    // Our own exports are of studies, whose criteria have an order.
    const isOwn = this.#votesPerPair !== undefined;
    const finished = pairings
      .map((pairing) => pairing.finish((...second) => this.#skip(...second)))
      .map((pairing) => (isOwn ? { ...pairing, votes: inAskingOrder(pairing.votes, this.#criteria) } : pairing));
    const used = finished.reduce((sum, { votes }) => sum + votes.count, 0);
    if (used === 0)
      throw new BadInput(
        `${this.#file} has ${this.read} rows and not one vote that can be used${this.#firstReason()}.`,
      );
    this.#noteCounts(finished);
    return {
      pairings: finished
        .filter(({ votes }) => votes.count > 0)
        .map(({ models, votes }) => ({
          modelA: models[0] || 'A',
          modelB: models[1] || 'B',
          votes,
          votesPerPair: votes.criteria.map((_, c) => this.#votesPerPair ?? usualVotes(votes, c, this.#isExport)),
          ...(this.#primary !== undefined && votes.criteria.includes(this.#primary) ? { primary: this.#primary } : {}),
        })),
      simulated: this.#isSimulated(finished.flatMap(({ votes }) => votes.annotators)),
      rows: {
        read: this.read,
        used,
        skipped: [...this.#skipped].map(([reason, entry]) => ({ reason, ...entry })),
        notes: this.#notes,
      },
    };
  }

  #isSimulated(annotators: readonly string[]): boolean {
    if (this.#counts.populations.size > 0) return this.#counts.populations.has('simulated');
    return annotators.length > 0 && annotators.every((name) => simulatedName.test(name));
  }

  #noteCounts(finished: readonly Finished[]): void {
    const { swapped, sideUnknown, sideAsFirst, rounded } = this.#counts;
    const rows = (n: number) => (n === 1 ? '1 row' : `${n} rows`);
    if (swapped > 0) this.note(`${swapped} rows name the models the other way round; their choices were turned.`);
    if (sideAsFirst > 0)
      this.note(
        `${rows(sideAsFirst)} with left or right as the choice and no word on which model was there: the first model is taken as the left one.`,
      );
    if (sideUnknown > 0)
      this.note(`The side is unknown for ${rows(sideUnknown)}: left is not a, b or a model's name. Their votes count.`);
    if (rounded > 0) this.note(`${rows(rounded)} with a preference between 1 and 2: each counts for the nearer one.`);
    for (const field of ['item', 'annotator', 'model', 'criterion'] as const) {
      const { differing } = this.#spelling[field];
      if (differing > 0)
        this.note(
          `${rows(differing)} with the ${field} spelled otherwise than in a row before (outer space or Unicode form); it is taken as the same.`,
        );
    }
    if (this.#differing.count > 0)
      this.note(
        `${rows(this.#differing.count)} with another category or challenge than the item's first row has (${this.#differing.example}); the first counts.`,
      );
    if (this.#foreignStatus.size > 0)
      this.note(
        `The column status has values of another program (${[...this.#foreignStatus].slice(0, 3).join(', ')}); the rows count.`,
      );
    const averaged = finished.reduce((sum, pairing) => sum + pairing.averaged, 0);
    if (averaged > 0)
      this.note(
        `${averaged} ${averaged === 1 ? 'judgement was' : 'judgements were'} given twice, in both orders; each two are averaged (a tie where they differ).`,
      );
    const bothBad = finished.reduce((sum, { votes }) => sum + (votes.bothBad?.length ?? 0), 0);
    if (bothBad > 0)
      this.note(`${bothBad} ${bothBad === 1 ? 'tie is' : 'ties are'} because neither would do (both bad).`);
    const without = finished.reduce(
      (sum, { votes }) => sum + votes.items.length - new Set(votes.item.subarray(0, votes.count)).size,
      0,
    );
    if (without > 0) this.note(`${without} items have no vote; they count as incomplete pairs.`);
  }

  #firstReason(): string {
    const [first] = this.#skipped;
    return first === undefined ? '' : ` (${first[1].examples[0]!}: ${first[0]})`;
  }
}

/** Names without outer space and in one Unicode form; how many rows had them otherwise. */
class Spelling {
  /** By the raw name: its normal form, and whether another spelling of it came first. */
  readonly #known = new Map<string, { raw: string; normal: string; isOther: boolean }>();
  readonly #normal = new Set<string>();
  #last = { raw: '', normal: '', isOther: false };
  differing = 0;

  of(raw: string): string {
    // Rows of one item follow one another.
    if (raw === this.#last.raw) {
      if (this.#last.isOther) this.differing += 1;
      return this.#last.normal;
    }
    let known = this.#known.get(raw);
    if (known === undefined) {
      raw = copied(raw);
      const normal = raw.trim().normalize('NFC');
      known = { raw, normal, isOther: this.#normal.has(normal) };
      this.#normal.add(normal);
      this.#known.set(raw, known);
    }
    this.#last = known;
    if (known.isOther) this.differing += 1;
    return known.normal;
  }
}

/** V8 makes parts of a text that are shorter than this whole strings of their own. */
const shortestPart = 13;

/** Not a part of the text that it was read in, which would be kept as long as it. */
function copied(text: string): string {
  return text.length < shortestPart ? text : (JSON.parse(JSON.stringify(text)) as string);
}

interface Finished {
  models: [string, string];
  votes: VoteTable;
  averaged: number;
}

type Row = Parameters<VoteTableBuilder['add']>[0];

/** The votes on one pair of models while they come in. */
class Pairing {
  models: [string, string];
  readonly table = new VoteTableBuilder();
  /** Of each vote: its row, and whether its models stood the other way round. */
  readonly #rows: number[] = [];
  readonly #swapped: boolean[] = [];
  readonly #bothBad = new Set<number>();

  constructor(models: [string, string]) {
    this.models = models;
  }

  add(vote: Row, { row, isSwapped, isBothBad }: { row: number; isSwapped: boolean; isBothBad: boolean }): void {
    if (isBothBad) this.#bothBad.add(this.#rows.length);
    this.table.add(vote);
    this.#rows.push(row);
    this.#swapped.push(isSwapped);
  }

  /** @param skip is told of second votes */
  finish(skip: (reason: string, column: string, row: number) => void): Finished {
    const { votes, kept, averaged } = this.#withoutRepeats(this.table.finish(), skip);
    if (this.#bothBad.size === 0) return { models: this.models, votes, averaged };
    const bothBad: number[] = [];
    for (let i = 0; i < votes.count; i++) if (this.#bothBad.has(kept === undefined ? i : kept[i]!)) bothBad.push(i);
    return { models: this.models, votes: { ...votes, bothBad }, averaged };
  }

  /**
   * One judgement an annotator, item and criterion. A second one of the same two images in the other order is averaged with the
   * first; any other second one is left out. That there is none is found out fast; only else is it worth asking whose.
   */
  #withoutRepeats(votes: VoteTable, skip: (reason: string, column: string, row: number) => void) {
    const people = votes.annotators.length;
    const criteria = votes.criteria.length;
    const keys = new Float64Array(votes.count);
    for (let i = 0; i < votes.count; i++)
      keys[i] = (votes.item[i]! * people + votes.annotator[i]!) * criteria + votes.criterion[i]!;
    if (!hasTwice(keys, votes.items.length * people * criteria)) return { votes, kept: undefined, averaged: 0 };
    const first = new Map<number, { place: number; row: number; isAveraged: boolean }>();
    const kept: number[] = [];
    let averaged = 0;
    for (let i = 0; i < votes.count; i++) {
      const earlier = first.get(keys[i]!);
      if (earlier !== undefined) {
        if (!earlier.isAveraged && this.#areBothOrders(votes, earlier, i)) {
          if (votes.outcome[earlier.place] !== votes.outcome[i]) votes.outcome[earlier.place] = outcomes.tie;
          votes.sideOfA[earlier.place] = sides.unknown;
          earlier.isAveraged = true;
          averaged += 1;
        } else {
          const reason = 'this annotator has voted on this item and criterion already; the first vote counts';
          skip(reason, 'annotator', this.#rows[i]!);
        }
        continue;
      }
      const place = kept.length;
      first.set(keys[i]!, { place, row: i, isAveraged: false });
      for (const column of [
        votes.item,
        votes.annotator,
        votes.criterion,
        votes.outcome,
        votes.sideOfA,
        votes.responseTimeMs,
      ])
        column[place] = column[i]!;
      kept.push(i);
    }
    return { votes: { ...votes, count: kept.length }, kept, averaged };
  }

  /** The first model of the row was A in one of them and B in the other, or A was on the left in one of them alone. */
  #areBothOrders(votes: VoteTable, { place, row }: { place: number; row: number }, i: number): boolean {
    const [one, other] = [votes.sideOfA[place]!, votes.sideOfA[i]!];
    if (one !== sides.unknown && other !== sides.unknown) return one !== other;
    return one === other && this.#swapped[row] !== this.#swapped[i];
  }
}

/** Bits of a set that is still cheap to make: 64 MiB. */
const mostBits = 2 ** 29;

/** Whether a number is there twice. @param below all are whole numbers from 0 to below it */
function hasTwice(keys: Float64Array, below: number): boolean {
  if (below > mostBits) {
    const sorted = keys.slice().sort();
    return sorted.some((key, i) => i > 0 && key === sorted[i - 1]);
  }
  const seen = new Uint32Array(Math.ceil(below / 32));
  for (const key of keys) {
    const place = key >>> 5;
    const bit = 1 << (key & 31);
    if ((seen[place]! & bit) !== 0) return true;
    seen[place]! |= bit;
  }
  return false;
}

/** The criteria as a study asks them, where all are a study's. @param asked what an export says of it */
function inAskingOrder(votes: VoteTable, asked: readonly string[] | undefined): VoteTable {
  if (asked !== undefined && votes.criteria.every((name) => asked.includes(name)))
    return inOrder(
      votes,
      asked.filter((name) => votes.criteria.includes(name)),
    );
  return votes.criteria.every(isBuiltIn) ? inOrder(votes, askingOrder(votes.criteria)) : votes;
}

/**
 * The most common number of votes an item for a criterion; of two as common, the larger.
 * @param isExport our own export of a study that may be running: the largest number that an item has
 */
function usualVotes(votes: VoteTable, criterion: number, isExport: boolean): number {
  const perItem = new Int32Array(votes.items.length);
  for (let i = 0; i < votes.count; i++) if (votes.criterion[i] === criterion) perItem[votes.item[i]!]!++;
  const frequency = new Map<number, number>();
  for (const count of perItem) if (count > 0) frequency.set(count, (frequency.get(count) ?? 0) + 1);
  const counts = [...frequency].sort(([x, n], [y, m]) => (isExport ? y - x : m - n || y - x));
  return counts[0]?.[0] ?? 1;
}
