/** @file A JSON file, or one sentence. */
import { readFile } from 'node:fs/promises';
import { BadInput, cannotRead } from './bad-input.ts';

/** Python's json writes numbers that JSON does not have; outside of strings they are what JavaScript reads as the same, NaN as null. */
function withoutPythonNumbers(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g, (token) =>
    token.startsWith('"') ? token : token === 'NaN' ? 'null' : token.startsWith('-') ? '-1e999' : '1e999',
  );
}

/** @throws BadInput when the file is missing or no JSON */
export async function readJson(file: string): Promise<object> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw cannotRead(file, error);
  }
  try {
    return JSON.parse(/Infinity|NaN/.test(text) ? withoutPythonNumbers(text) : text) as object;
  } catch (error) {
    throw new BadInput(`${file} is not valid JSON: ${(error as Error).message}.`);
  }
}
