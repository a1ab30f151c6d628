/** @file The tiny pipelines of flow matching, put together from the parts they share (test/fixtures/golden/flow-tiny). */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { golden, temporaryFolder } from './folders.ts';

export const flowParts = join(golden, 'flow-tiny');

export type FlowPipeline = 'sd3' | 'sd3-without-t5' | 'flux-dev' | 'flux-schnell' | 'pixart';

/** Where each part of the folder comes from. */
function partsOf(name: FlowPipeline): Record<string, string> {
  const of = (part: string) => join(flowParts, part);
  const shared = { vae_decoder: of('vae_decoder'), tokenizer: join(golden, 'sdxl-tiny', 'tokenizer') };
  if (name.startsWith('flux'))
    return {
      ...shared,
      text_encoder: of('clip-flux'),
      text_encoder_2: of('t5'),
      tokenizer_2: of('t5-tokenizer'),
      transformer: of(name),
    };
  return {
    ...shared,
    text_encoder: of('clip-l'),
    text_encoder_2: of('clip-g'),
    tokenizer_2: join(golden, 'sdxl-tiny', 'tokenizer_2'),
    ...(name === 'sd3' && { text_encoder_3: of('t5'), tokenizer_3: of('t5-tokenizer') }),
    transformer: of('sd3'),
  };
}

/** Its own parts are in one folder already. */
const isWhole = (name: FlowPipeline) => name === 'pixart';

/** @param changes of its JSON files: fields by the file's name */
export function flowPipeline(name: FlowPipeline, changes: Record<string, object> = {}): string {
  const folder = join(temporaryFolder(), name);
  mkdirSync(folder);
  cpSync(isWhole(name) ? join(flowParts, name) : join(flowParts, 'index', name), folder, { recursive: true });
  const parts = isWhole(name) ? { tokenizer: join(flowParts, 't5-tokenizer') } : partsOf(name);
  for (const [part, source] of Object.entries(parts)) cpSync(source, join(folder, part), { recursive: true });
  for (const [file, fields] of Object.entries(changes)) {
    // diffusers writes -Infinity into some, which is no JSON: left as they are where nothing changes.
    if (Object.keys(fields).length === 0) continue;
    const path = join(folder, file);
    writeFileSync(path, JSON.stringify({ ...(JSON.parse(readFileSync(path, 'utf8')) as object), ...fields }));
  }
  return folder;
}
