/** @file The folder of a training run: settings.json, log.jsonl, state, checkpoints, and in the end the adapter or the pipeline. */
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, truncate, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { BadInput } from '../engine/files/bad-input.ts';
import { readJson } from '../engine/files/read-json.ts';
import { writeWhole } from '../engine/files/write-whole.ts';

export const filesOf = (out: string) => ({
  settings: join(out, 'settings.json'),
  log: join(out, 'log.jsonl'),
  state: join(out, 'state.safetensors'),
  /** An adapter's has the suffix .safetensors; a pipeline's is a folder. */
  checkpoint: (step: number) => join(out, 'checkpoints', `step-${String(step).padStart(6, '0')}`),
  /** As diffusers' load_lora_weights looks for it. */
  adapter: join(out, 'pytorch_lora_weights.safetensors'),
  /** Of a run that trains the whole U-Net. */
  pipeline: join(out, 'pipeline'),
});

/** What may change when a run is continued: it may be made longer, and its checkpoints closer; nothing else. */
const free = ['steps', 'maxSeconds', 'checkpointEvery'];

/** What a setting was before it could be chosen, where it is not null. */
const once: Record<string, unknown> = { adapter: 'lora', gradientCheckpointing: false };

/**
 * Makes the folder, or finds the run in it that was asked for.
 * @param asked settings and the hashes of what the run is made from
 * @throws BadInput when the folder holds another run
 */
export async function claimRunFolder(out: string, asked: Record<string, unknown>): Promise<void> {
  const { settings: file } = filesOf(out);
  if (!existsSync(file)) {
    await mkdir(join(out, 'checkpoints'), { recursive: true });
    await writeWhole(file, Buffer.from(`${JSON.stringify(asked, null, 2)}\n`));
    return;
  }
  const before = (await readJson(file)) as Record<string, unknown>;
  const changed = firstChange(before, asked, free);
  if (changed !== undefined)
    throw new BadInput(
      `${out} holds a run with ${changed.key} = ${changed.was}, not ${changed.is}; continue it with its own settings or choose another --out.`,
    );
}

/** The first setting in which a run differs from what is asked for, as JSON. @param ignored settings that may */
export function firstChange(
  before: Readonly<Record<string, unknown>>,
  asked: Readonly<Record<string, unknown>>,
  ignored: readonly string[] = [],
): { key: string; was: string; is: string } | undefined {
  const was = (key: string) => before[key] ?? once[key] ?? null;
  const found = Object.entries(asked).find(
    ([key, value]) => !ignored.includes(key) && !isDeepStrictEqual(was(key), value),
  );
  return found && { key: found[0], was: JSON.stringify(was(found[0])), is: JSON.stringify(found[1]) };
}

/** The log, open to be appended to, without the rows after the step that the run continues from. */
export async function openLog(out: string, step: number): Promise<FileHandle> {
  const { log: file } = filesOf(out);
  if (existsSync(file)) {
    const text = await readFile(file, 'utf8');
    let kept = 0;
    for (const line of text.split('\n').slice(0, step)) kept += Buffer.byteLength(line) + 1;
    await truncate(file, Math.min(kept, Buffer.byteLength(text)));
  }
  return open(file, 'a');
}
