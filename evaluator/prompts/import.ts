/** @file Into the first table: a prompt file becomes a prompt set, whole or not at all. */
import { createHash, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Database } from '../../db/open.ts';
import { findPromptSet, insertPromptSet } from '../../db/queries/prompts.ts';
import { BadInput, cannotRead } from '../engine/files/bad-input.ts';
import { parsePrompts, type ParsedPrompt } from './parse.ts';

export interface ImportedPrompts {
  name: string;
  prompts: number;
  categories: Record<string, number>;
  challenges: Record<string, number>;
}

/** @throws BadInput when the name is taken or the file cannot be read */
export async function importPrompts(
  db: Database,
  { file, name }: { file: string; name: string },
  now = Date.now(),
): Promise<ImportedPrompts> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw cannotRead(file, error);
  }
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return storePrompts(db, { name, prompts: parsePrompts(bytes, file), sha256 }, now);
}

/**
 * @param sha256 of what they were read from
 * @throws BadInput when the name is taken
 */
export async function storePrompts(
  db: Database,
  { name, prompts, sha256 }: { name: string; prompts: readonly ParsedPrompt[]; sha256: string },
  now = Date.now(),
): Promise<ImportedPrompts> {
  const setId = randomUUID();
  await db.transaction().execute(async (tx) => {
    if ((await findPromptSet(tx, name)) !== undefined) {
      throw new BadInput(`A prompt set named "${name}" exists already; prompt sets never change, choose another name.`);
    }
    await insertPromptSet(
      tx,
      { id: setId, name, sourceSha256: sha256, createdAt: now },
      prompts.map(({ text, category, challenge, note }, position) => ({
        id: randomUUID(),
        promptSetId: setId,
        position,
        text,
        category,
        challenge,
        note,
      })),
    );
  });
  return {
    name,
    prompts: prompts.length,
    categories: countBy(prompts.map((prompt) => prompt.category)),
    challenges: countBy(prompts.map((prompt) => prompt.challenge)),
  };
}

/** Largest first; prompts without the field are not counted. */
export function countBy(values: readonly (string | null)[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) if (value !== null) counts.set(value, (counts.get(value) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)));
}
