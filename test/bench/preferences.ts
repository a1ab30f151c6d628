/**
 * @file A table of Pick-a-Pic's size, made here with images of a few bytes: how long the filter takes, how much memory, and whether it
 * keeps what the table was made to keep. Five rows a caption, three kinds of captions in turn:
 *   one image beats three others, which is one absolute winner, a tie, and a row that nobody labelled;
 *   x beats y and z beats x, a contradiction: z is an absolute winner; x and y beat q; a tie;
 *   ties alone: none.
 * Usage: npx tsx test/bench/preferences.ts [rows]    (850,000; 0.5 GB of disk)
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ParquetWriter, fileWriter, schemaFromColumnData } from 'hyparquet-writer';
import { filterPairs, inspectPairs } from '../../evaluator/preference/filter.ts';
import { openPreferences } from '../../evaluator/preference/preference-rows.ts';
import { writePairs } from '../../evaluator/preference/write-pairs.ts';

interface Row {
  caption: string;
  image_0_uid: string;
  image_1_uid: string;
  label_0: number;
  label_1: number;
  has_label: boolean;
  ranking_id: bigint;
  jpg_0: Uint8Array;
  jpg_1: Uint8Array;
}

const kinds: [string, string, number, boolean][][] = [
  [
    ['x', 'y', 1, true],
    ['z', 'x', 0, true],
    ['x', 'w', 1, true],
    ['u', 'v', 0.5, true],
    ['x', 'u', 1, false],
  ],
  [
    ['x', 'y', 1, true],
    ['z', 'x', 1, true],
    ['x', 'q', 1, true],
    ['y', 'q', 1, true],
    ['u', 'v', 0.5, true],
  ],
  Array.from({ length: 5 }, (_, i) => [`a${i}`, `b${i}`, 0.5, true]),
];

async function write(file: string, rows: number): Promise<void> {
  const columns = (part: Row[]) => [
    ...(['caption', 'image_0_uid', 'image_1_uid'] as const).map((name) => ({
      ...{ name, type: 'STRING' as const, nullable: true },
      data: part.map((row) => row[name]),
    })),
    ...(['label_0', 'label_1'] as const).map((name) => ({
      ...{ name, type: 'DOUBLE' as const, nullable: true },
      data: part.map((row) => row[name]),
    })),
    { name: 'has_label', type: 'BOOLEAN' as const, nullable: true, data: part.map((row) => row.has_label) },
    { name: 'ranking_id', type: 'INT64' as const, nullable: true, data: part.map((row) => row.ranking_id) },
    ...(['jpg_0', 'jpg_1'] as const).map((name) => ({
      ...{ name, type: 'BYTE_ARRAY' as const, nullable: true },
      data: part.map((row) => row[name]),
    })),
  ];
  const writer = new ParquetWriter({
    writer: fileWriter(file),
    schema: schemaFromColumnData({ columnData: columns([]) }),
    statistics: false,
  });
  const group = 10_000;
  for (let start = 0; start < rows; start += group) {
    const part = Array.from({ length: Math.min(group, rows - start) }, (_, k): Row => {
      const caption = Math.floor((start + k) / 5);
      const [a, b, label, has_label] = kinds[caption % 3]![(start + k) % 5]!;
      const image = (name: string) => Buffer.from(`image ${name} of caption ${caption}, `.repeat(4));
      return {
        caption: `caption number ${caption} of a long table`,
        ...{ image_0_uid: `${caption}-${a}`, image_1_uid: `${caption}-${b}`, label_0: label, label_1: 1 - label },
        ...{ has_label, ranking_id: BigInt(start + k), jpg_0: image(a), jpg_1: image(b) },
      };
    });
    await writer.write({ columnData: columns(part), rowGroupSize: group });
  }
  await writer.finish();
}

const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(2)} GiB`;
const [first = '850000', file] = process.argv.slice(2);
if (file === undefined) {
  const folder = mkdtempSync(join(tmpdir(), 'visavis-preferences-'));
  try {
    const path = join(folder, 'train.parquet');
    await write(path, Number(first));
    console.log(`${first} rows in ${gib(statSync(path).size)}`);
    // In a process of its own, whose memory is the filter's alone.
    const argv = ['--import', 'tsx', fileURLToPath(import.meta.url), first, path];
    execFileSync(process.execPath, argv, { stdio: 'inherit' });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
} else {
  const rows = Number(first);
  const captions = Math.floor(rows / 5);
  const ofKind = (kind: number) => Math.floor((captions + 2 - kind) / 3);
  let started = performance.now();
  const seconds = () => {
    const passed = (performance.now() - started) / 1000;
    started = performance.now();
    return `${passed.toFixed(1)} s`;
  };
  const source = await openPreferences(file);
  console.log(`read in ${seconds()}, ${gib(process.resourceUsage().maxRSS * 1024)} at most so far`);
  const kept = filterPairs(source.rows, { keep: 'absolute-winners', rows: 'first', minWins: 1 });
  const { pairs, ties, contradictoryImages } = inspectPairs(source.rows);
  console.log(`filtered and inspected in ${seconds()}`);
  const found = { kept: kept.length, pairs, ties, contradictoryImages, unlabelled: source.skipped[0]?.count ?? 0 };
  const expected = {
    kept: ofKind(0) + ofKind(1),
    pairs: 4 * ofKind(0) + 5 * (ofKind(1) + ofKind(2)),
    ties: ofKind(0) + ofKind(1) + 5 * ofKind(2),
    // x and y of the second kind
    contradictoryImages: 2 * ofKind(1),
    unlabelled: ofKind(0),
  };
  if (JSON.stringify(found) !== JSON.stringify(expected))
    throw new Error(`Found ${JSON.stringify(found)}, made ${JSON.stringify(expected)}.`);
  await writePairs(`${file}.kept.parquet`, source, kept);
  console.log(
    `${kept.length} pairs with their images written in ${seconds()}; ${gib(process.resourceUsage().maxRSS * 1024)} at most`,
  );
}
