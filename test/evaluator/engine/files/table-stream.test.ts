import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readTable, type TableSink } from '../../../../evaluator/engine/files/table-stream.ts';

const folder = mkdtempSync(join(tmpdir(), 'visavis-'));

/** Every record as it came; rows of another length as their sentence. */
class Rows implements TableSink {
  readonly records: unknown[] = [];
  read = 0;
  headerRows = 0;
  begin(names: readonly string[]): void {
    this.records.push([...names]);
  }
  row(_names: readonly string[], values: readonly (string | null | undefined)[]): void {
    this.read += 1;
    this.records.push([...values]);
  }
  object(): boolean {
    return false;
  }
  skip(reason: string): void {
    this.read += 1;
    this.records.push(reason);
  }
  note(): void {
    this.read += 0;
  }
}

async function recordsOf(text: string): Promise<unknown[]> {
  const file = join(folder, 'table.csv');
  writeFileSync(file, text);
  const rows = new Rows();
  await readTable(file, rows);
  return rows.records;
}

/** What csv-parse makes of the whole text. */
function parsed(text: string): unknown[] {
  const records = parse(text, { bom: true, relax_column_count: true, skip_empty_lines: true });
  return records.map((record, i) =>
    i > 0 && record.length !== records[0]!.length
      ? `it has ${record.length} fields, the header ${records[0]!.length}`
      : record,
  );
}

describe('a CSV file', () => {
  const cell = fc.oneof(
    fc.constantFrom('', 'a', 'ü', '中文', ' b ', '0'),
    fc.constantFrom('"c"', '"d,e"', '"f ""g"""', '"h\ni"'),
  );
  it.each(['\n', '\r\n'])(
    'has the records that csv-parse finds, before and after its first quote (%j)',
    async (end) => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { maxLength: 12 }),
          fc.nat(3),
          fc.boolean(),
          fc.boolean(),
          async (rows, plainRows, hasBom, isEnded) => {
            const lines = ['x,y,z', ...Array<string>(plainRows).fill('1,2,3'), '', ...rows.map((row) => row.join(','))];
            const text = `${hasBom ? '\ufeff' : ''}${lines.join(end)}${isEnded ? end : ''}`;
            expect(await recordsOf(text)).toEqual(parsed(text));
          },
        ),
        { numRuns: 150 },
      );
    },
  );

  it('keeps letters and rows that are cut between two chunks, and a quote that comes after many', async () => {
    // Rows of 11 bytes: every place of a row falls on the end of some 256 KiB.
    const plain = Array.from({ length: 120_000 }, (_, i) => `${String(i).padStart(6, '0')},ü,b`).join('\r\n');
    const text = `x,y,z\r\n${plain}\r\n"1,2",3,"4\n5"\r\n6,7,8`;
    const records = await recordsOf(text);
    expect(records).toHaveLength(120_003);
    expect(records[100_000]).toEqual(['099999', 'ü', 'b']);
    expect(records.slice(-2)).toEqual([
      ['1,2', '3', '4\n5'],
      ['6', '7', '8'],
    ]);
    expect(records).toEqual(parsed(text));
  });

  it('says the line of a quote that does not close as an editor shows it', async () => {
    await expect(recordsOf('x,y\n1,2\n\n3,4\n5,"6" 7\n')).rejects.toThrow(
      /after row 2: Invalid Closing Quote.* line 5/,
    );
    await expect(recordsOf('x,y\n5,"6" 7\n')).rejects.toThrow(/line 2/);
    // Beyond the first 256 KiB, which are read without the parser.
    const many = '1,2\n'.repeat(90_000);
    await expect(recordsOf(`x,y\n${many}5,"6" 7\n`)).rejects.toThrow(
      /after row 90000: Invalid Closing Quote.* line 90002/,
    );
  });
});
