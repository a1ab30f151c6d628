/**
 * @file Reading prompt files: PartiPrompts' TSV, CSV, JSONL, TXT. A file is read whole or refused with its line; nothing
 * is skipped.
 */
import { BadInput } from '../engine/files/bad-input.ts';
import { csvRows, jsonRows, linesOf, type Row } from '../engine/files/table-rows.ts';

export interface ParsedPrompt {
  text: string;
  category: string | null;
  challenge: string | null;
  note: string | null;
  /** Where it stands in the file, counted from 1. */
  line: number;
}

/** Column names under which people keep their prompts, compared in lower case. */
const textColumns = ['prompt', 'prompts', 'caption', 'text'];

/**
 * @param name the file's name: its ending says the format, and messages carry it
 * @throws BadInput with the file and line of the first thing that is wrong
 */
export function parsePrompts(bytes: Uint8Array, name: string): ParsedPrompt[] {
  const text = decode(bytes, name);
  const prompts = rowsOf(text, name).map((row) => toPrompt(row, name));
  if (prompts.length === 0) throw new BadInput(`${name} holds no prompts.`);
  const first = new Map<string, number>();
  for (const prompt of prompts) {
    const earlier = first.get(prompt.text);
    if (earlier !== undefined) {
      throw new BadInput(
        `${name}, line ${prompt.line}: this prompt stands on line ${earlier} already; a set holds each prompt once.`,
      );
    }
    first.set(prompt.text, prompt.line);
  }
  return prompts;
}

function decode(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    // The line of the first bad byte: decode line by line until one fails.
    let line = 1;
    for (let start = 0; start < bytes.length; line++) {
      const newline = bytes.indexOf(10, start);
      const end = newline === -1 ? bytes.length : newline;
      try {
        new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(start, end));
      } catch {
        break;
      }
      start = end + 1;
    }
    throw new BadInput(`${name}, line ${line}: this is not valid UTF-8; save the file as UTF-8.`);
  }
}

function rowsOf(text: string, name: string): Row[] {
  const ending = /\.([a-z0-9]+)$/i.exec(name)?.[1]?.toLowerCase();
  if (ending === 'tsv') return tsvRows(text, name);
  if (ending === 'csv') return csvRows(text, name);
  if (ending === 'jsonl' || ending === 'ndjson') return jsonRows(text, name);
  if (ending === 'txt') return linesOf(text).map(({ line, content }) => ({ line, fields: { prompt: content } }));
  throw new BadInput(`${name} ends in no format that visavis reads; it must be .tsv, .csv, .jsonl or .txt.`);
}

/** PartiPrompts' own dialect: split at tabs, quotes are letters. */
function tsvRows(text: string, name: string): Row[] {
  const [header, ...lines] = linesOf(text);
  if (header === undefined) return [];
  const columns = header.content.split('\t');
  return lines.map(({ line, content }) => {
    const values = content.split('\t');
    if (values.length !== columns.length) {
      throw new BadInput(`${name}, line ${line}: ${values.length} fields, the header has ${columns.length}.`);
    }
    return { line, fields: Object.fromEntries(columns.map((column, i) => [column, values[i]])) };
  });
}

function toPrompt({ line, fields }: Row, name: string): ParsedPrompt {
  const lower = new Map(Object.entries(fields).map(([key, value]) => [key.trim().toLowerCase(), value]));
  const column = textColumns.find((candidate) => lower.has(candidate));
  if (column === undefined) {
    throw new BadInput(
      `${name}, line ${line}: there is no column named ${textColumns.join(', ')}; found: ${[...lower.keys()].join(', ')}.`,
    );
  }
  const text = lower.get(column);
  if (typeof text !== 'string' || text.trim() === '') throw new BadInput(`${name}, line ${line}: the prompt is empty.`);
  const optional = (key: string): string | null => {
    const value = lower.get(key);
    if (value === undefined || value === null || value === '') return null;
    if (typeof value !== 'string') throw new BadInput(`${name}, line ${line}: ${key} must be a text.`);
    return value;
  };
  return { text, category: optional('category'), challenge: optional('challenge'), note: optional('note'), line };
}
