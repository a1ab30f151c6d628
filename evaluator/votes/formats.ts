/**
 * @file The votes of other programs' files: which columns hold what, and how nested records fall apart into one vote each. A format
 * is recognised by its columns, or named.
 */

export const fields = [
  'item',
  'annotator',
  'choice',
  'criterion',
  'category',
  'challenge',
  'model_a',
  'model_b',
  'left',
  'response_time_ms',
  'status',
  'population',
  'votes_per_pair',
  'primary',
  'draw_weight',
  'criteria',
] as const;
export type Field = (typeof fields)[number];
/** A vote as text, before anything is checked. */
export type Cells = Partial<Record<Field, string | undefined>>;

export const formats = [
  'visavis',
  'arena',
  'mturk',
  'label-studio',
  'argilla',
  'pick-a-pic',
  'alpaca-eval',
  'wide',
] as const;
export type Format = (typeof formats)[number];

/** Column names that mean the same, the first one ours. */
const synonyms: Record<Field, readonly string[]> = {
  item: ['item', 'question_id', 'item_id', 'pair_id', 'prompt_id', 'id', 'prompt', 'caption', 'instruction'],
  annotator: [
    'annotator',
    'judge',
    'judge_hash',
    'worker',
    'workerid',
    'worker_id',
    'user_id',
    'user',
    'rater',
    'participant',
  ],
  choice: ['choice', 'winner', 'vote', 'preference', 'preferred', 'answer', 'label'],
  criterion: ['criterion', 'question', 'aspect'],
  category: ['category'],
  challenge: ['challenge'],
  model_a: ['model_a', 'generator_1', 'model_0', 'model_1_name'],
  model_b: ['model_b', 'generator_2', 'model_1', 'model_2_name'],
  left: ['left'],
  response_time_ms: ['response_time_ms'],
  status: ['status'],
  population: ['population'],
  votes_per_pair: ['votes_per_pair'],
  primary: ['primary'],
  draw_weight: ['draw_weight'],
  criteria: ['criteria'],
};

export interface Layout {
  format: Format;
  /** Of each column the field that it holds. */
  columns: (Field | undefined)[];
  /** Of a wide table, and of MTurk's several questions: columns that hold a choice each. */
  choices: { column: number; annotator?: string; criterion?: string }[];
  /** Of Pick-a-Pic: the columns of the two labels. */
  labels?: [number, number];
  /** A file without this column is read all the same: each row is an item, or a judge, of its own. */
  counted: Field[];
  /** Read in a way that is worth knowing. */
  notes: string[];
}

export const plain = (name: string): string => name.trim().toLowerCase();

/**
 * @param map which column holds a field, as `--map` has it
 * @returns undefined when a vote's fields are not there
 */
export function layoutOf(
  names: readonly string[],
  { format, map = new Map() }: { format?: Format | undefined; map?: ReadonlyMap<Field, string> | undefined } = {},
): Layout | undefined {
  const lower = names.map(plain);
  const layout = (found: Format): Layout => ({
    format: found,
    columns: names.map(() => undefined),
    choices: [],
    counted: [],
    notes: [],
  });
  const isMturk =
    format === 'mturk' ||
    (format === undefined && lower.includes('workerid') && lower.some((n) => n.startsWith('answer.')));
  if (isMturk && map.size === 0) return mturk(names, lower, layout('mturk'));
  const isPick =
    format === 'pick-a-pic' || (format === undefined && lower.includes('label_0') && lower.includes('label_1'));
  if (isPick && map.size === 0) return pickAPic(lower, layout('pick-a-pic'));
  if (format === 'wide' && map.size === 0) return wide(names, lower, layout('wide'));
  const out = layout(format ?? 'visavis');
  const taken = new Set<number>();
  for (const field of fields) {
    const named = map.get(field);
    const column =
      named === undefined
        ? synonyms[field].map((name) => lower.indexOf(name)).find((index) => index !== -1 && !taken.has(index))
        : lower.indexOf(plain(named));
    if (column === undefined || column === -1) continue;
    taken.add(column);
    out.columns[column] = field;
    if (named === undefined && plain(names[column]!) !== field)
      out.notes.push(`The column ${names[column]!.trim()} is read as ${field}.`);
  }
  const has = (field: Field) => out.columns.includes(field);
  const isBattle = has('choice') && has('model_a') && has('model_b');
  if (format === undefined && isBattle && plain(names[out.columns.indexOf('choice')]!) === 'winner')
    out.format = 'arena';
  if (format === undefined && has('model_a') && lower.includes('generator_1')) out.format = 'alpaca-eval';
  if (!has('choice')) return undefined;
  // Battles may have neither; then each is one of its own.
  if (isBattle) for (const field of ['item', 'annotator'] as const) if (!has(field)) out.counted.push(field);
  for (const field of out.counted)
    out.notes.push(
      `There is no column ${field}: each row is ${field === 'item' ? 'an item' : 'an annotator'} of its own.`,
    );
  return (has('item') || isBattle) && (has('annotator') || isBattle) ? out : undefined;
}

/** Columns that are there twice, of those that are used. */
export function twice(names: readonly string[], { columns, choices, labels = [-1, -1] }: Layout): string | undefined {
  const lower = names.map(plain);
  const used = (i: number) =>
    columns[i] !== undefined || choices.some(({ column }) => column === i) || labels.includes(i);
  return names.find((_, i) => used(i) && lower.indexOf(lower[i]!) !== lower.lastIndexOf(lower[i]!));
}

function mturk(names: readonly string[], lower: readonly string[], layout: Layout): Layout | undefined {
  const at = (...wanted: string[]) => wanted.map((name) => lower.indexOf(name)).find((index) => index !== -1);
  const set = (field: Field, column: number | undefined) => {
    if (column !== undefined) layout.columns[column] = field;
  };
  set('annotator', at('workerid'));
  set('item', at('input.item', 'input.item_id', 'input.pair_id', 'input.id', 'input.prompt', 'hitid'));
  set('status', at('assignmentstatus'));
  for (const field of ['model_a', 'model_b', 'left', 'category', 'challenge'] as const)
    set(field, at(`input.${field}`, `answer.${field}`));
  const answers = lower.flatMap((name, column) =>
    name.startsWith('answer.') && layout.columns[column] === undefined && !/time|comment|feedback/.test(name)
      ? [column]
      : [],
  );
  layout.choices = answers.map((column) => {
    const question = names[column]!.trim().slice('answer.'.length);
    return /^(choice|preference|winner|vote)$/i.test(question) ? { column } : { column, criterion: question };
  });
  return layout.columns.includes('item') && layout.choices.length > 0 ? layout : undefined;
}

function pickAPic(lower: readonly string[], layout: Layout): Layout | undefined {
  const labels = [lower.indexOf('label_0'), lower.indexOf('label_1')] as [number, number];
  if (labels.includes(-1)) return undefined;
  const set = (field: Field, ...names: string[]) => {
    const column = names.map((name) => lower.indexOf(name)).find((index) => index !== -1);
    if (column !== undefined) layout.columns[column] = field;
  };
  set('item', 'item', 'caption', 'prompt');
  set('annotator', 'user_id', 'annotator');
  set('model_a', 'model_0');
  set('model_b', 'model_1');
  for (const field of [
    'criterion',
    'category',
    'challenge',
    'left',
    'response_time_ms',
    'population',
    'votes_per_pair',
    'primary',
    'draw_weight',
    'criteria',
  ] as const)
    set(field, field);
  if (!layout.columns.includes('annotator')) layout.counted.push('annotator');
  return layout.columns.includes('item') ? { ...layout, labels } : undefined;
}

/** An item, what is known of it, and a column for each annotator. */
function wide(names: readonly string[], lower: readonly string[], layout: Layout): Layout | undefined {
  for (const field of ['item', 'criterion', 'category', 'challenge', 'model_a', 'model_b', 'left'] as const) {
    const column = synonyms[field].map((name) => lower.indexOf(name)).find((index) => index !== -1);
    if (column !== undefined) layout.columns[column] = field;
  }
  layout.choices = names.flatMap((name, column) =>
    layout.columns[column] === undefined && name.trim() !== '' ? [{ column, annotator: name.trim() }] : [],
  );
  return layout.columns.includes('item') && layout.choices.length > 0 ? layout : undefined;
}

/**
 * Of a record with objects or lists in it, its votes; undefined when it is no such record.
 * Label Studio's JSON and JSON-MIN, Argilla's records.
 */
export function votesOfRecord(row: Record<string, unknown>, format: Format | undefined): Cells[] | undefined {
  if ((format === undefined || format === 'label-studio') && Array.isArray(row['annotations'])) return labelStudio(row);
  if ((format === undefined || format === 'argilla') && isRecord(row['responses']) && isRecord(row['fields']))
    return argilla(row);
  if (format === 'label-studio') return labelStudioMin(row);
  return undefined;
}

function labelStudio(task: Record<string, unknown>): Cells[] {
  const data = isRecord(task['data']) ? task['data'] : {};
  const shared = { ...attributes(data), item: text(data['item'] ?? data['id'] ?? task['id']) };
  return list(task['annotations']).flatMap((annotation) => {
    const who = annotation['completed_by'];
    const annotator = text(isRecord(who) ? (who['email'] ?? who['id']) : who);
    const status = annotation['was_cancelled'] === true ? 'skipped by the annotator' : '';
    return list(annotation['result']).flatMap((result) => {
      const value = isRecord(result['value']) ? result['value'] : {};
      const choice = value['selected'] ?? (Array.isArray(value['choices']) ? value['choices'][0] : undefined);
      if (choice === undefined) return [];
      const asked = text(result['from_name']);
      const criterion = /^(choice|comparison|preference|pairwise|pw|vote|winner)$/i.test(asked) ? '' : asked;
      return [{ ...shared, annotator, choice: text(choice), criterion, status }];
    });
  });
}

function labelStudioMin(task: Record<string, unknown>): Cells[] | undefined {
  const key = ['choice', 'comparison', 'preference', 'pairwise', 'pw', 'vote', 'winner'].find((name) => name in task);
  if (key === undefined) return undefined;
  const value = task[key];
  const choice = isRecord(value)
    ? (value['selected'] ?? (Array.isArray(value['choices']) ? (value['choices'][0] as unknown) : undefined))
    : value;
  return [
    {
      ...attributes(task),
      item: text(task['item'] ?? task['id']),
      annotator: text(task['annotator'] ?? task['completed_by']),
      choice: text(choice),
    },
  ];
}

function argilla(record: Record<string, unknown>): Cells[] {
  const metadata = isRecord(record['metadata']) ? record['metadata'] : {};
  const inside = record['fields'] as Record<string, unknown>;
  const shared = { ...attributes({ ...inside, ...metadata }), item: text(metadata['item'] ?? record['id']) };
  return Object.entries(record['responses'] as Record<string, unknown>).flatMap(([question, answers]) => {
    const criterion = /^(choice|preference|winner|vote)$/i.test(question) ? '' : question;
    return list(answers).map((answer) => {
      const status = text(answer['status']);
      return {
        ...shared,
        annotator: text(answer['user_id'] ?? answer['user']),
        choice: text(answer['value']),
        criterion,
        status: status === 'submitted' || status === '' ? '' : status,
      };
    });
  });
}

function attributes(data: Record<string, unknown>): Cells {
  const out: Cells = {};
  for (const field of ['model_a', 'model_b', 'left', 'category', 'challenge'] as const)
    if (data[field] !== undefined) out[field] = text(data[field]);
  return out;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function list(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

function text(value: unknown): string {
  return value === undefined || value === null || typeof value === 'object'
    ? ''
    : String(value as string | number | boolean);
}
