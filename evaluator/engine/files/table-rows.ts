/** @file Rows of CSV and JSONL files, with the line that each stands on, for messages. */
import { parse as parseCsv } from 'csv-parse/sync';
import { BadInput } from './bad-input.ts';
import { unescapeCell } from './spreadsheet.ts';

export interface Row {
  line: number;
  fields: Record<string, unknown>;
}

/** The lines that are not blank, without their ends. */
export function linesOf(text: string): { line: number; content: string }[] {
  return text
    .split('\n')
    .map((content, i) => ({ line: i + 1, content: content.replace(/\r$/, '') }))
    .filter(({ content }) => content.trim() !== '');
}

/** @throws BadInput with the file and, from the parser, the line */
export function csvRows(text: string, file: string): Row[] {
  try {
    const options = { columns: true, info: true, skip_empty_lines: true, bom: true, cast: unescapeCell };
    const records = parseCsv(text, options) as unknown as {
      record: Record<string, string>;
      info: { lines: number };
    }[];
    return records.map(({ record, info }) => ({ line: info.lines, fields: record }));
  } catch (error) {
    throw new BadInput(`${file}: ${(error as Error).message}.`);
  }
}

/** @throws BadInput with the file and line of the first that is no JSON object */
export function jsonRows(text: string, file: string): Row[] {
  return linesOf(text).map(({ line, content }) => {
    let fields: unknown;
    try {
      fields = JSON.parse(content);
    } catch (error) {
      throw new BadInput(`${file}, line ${line}: not valid JSON: ${(error as Error).message}.`);
    }
    if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
      throw new BadInput(`${file}, line ${line}: each line must be a JSON object with a prompt.`);
    }
    return { line, fields: fields as Record<string, unknown> };
  });
}
