/** @file A JSON file, or one sentence. */
import { readFile } from 'node:fs/promises';
import { BadInput, cannotRead } from './bad-input.ts';

/** @throws BadInput when the file is missing or no JSON */
export async function readJson(file: string): Promise<object> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw cannotRead(file, error);
  }
  try {
    return JSON.parse(text) as object;
  } catch (error) {
    throw new BadInput(`${file} is not valid JSON: ${(error as Error).message}.`);
  }
}
