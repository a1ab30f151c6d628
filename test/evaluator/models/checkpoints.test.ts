/** @file A run's checkpoints as models: adapters on the baseline's pipeline, or pipelines that were trained whole. */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { findModel } from '../../../db/queries/models.ts';
import { addModel } from '../../../evaluator/models/add.ts';
import { addCheckpoints, addVariant } from '../../../evaluator/models/checkpoints.ts';
import type { ModelSettings } from '../../../evaluator/models/settings.ts';
import { starter } from '../../../evaluator/starter/starter.ts';
import { freshSqlite } from '../../support/databases.ts';
import { temporaryFolder } from '../../support/folders.ts';

it('adapters and whole pipelines become models with the baseline’s sampler, each once', async () => {
  const { db } = await freshSqlite();
  const [dpo] = starter.models;
  const file = dpo.adapter;
  const base = { name: 'base', pipeline: starter.pipeline, adapters: [{ file, scale: 0.5 }], steps: 7, guidance: 3 };
  await addModel(db, base);
  const run = join(temporaryFolder(), 'run');
  const checkpoints = join(run, 'checkpoints');
  mkdirSync(checkpoints, { recursive: true });
  cpSync(file, join(checkpoints, 'step-000010.safetensors'));
  const whole = join(checkpoints, 'step-000020');
  cpSync(starter.pipeline, whole, { recursive: true });
  // What is still being written is no checkpoint.
  cpSync(starter.pipeline, join(checkpoints, 'step-000030.part'), { recursive: true });
  writeFileSync(join(run, 'log.jsonl'), '{"step":10,"deviceSeconds":4}\n{"step":20,"deviceSeconds":9}\n');

  const names = await addCheckpoints(db, { folder: run, baseline: 'base' });
  expect(names).toEqual(['run@10', 'run@20']);
  const settingsOf = async (name: string) => (await findModel(db, name))!.settings as ModelSettings;
  const [own, adapter, pipeline] = [await settingsOf('base'), await settingsOf('run@10'), await settingsOf('run@20')];
  expect(adapter).toMatchObject({ pipeline: starter.pipeline, steps: 7, guidance: 3, adapters: [{ scale: 1 }] });
  expect(adapter.adapters[0]!.sha256).toBe(own.adapters[0]!.sha256);
  // Nothing of the baseline's adapter stays on what was trained whole.
  expect(pipeline).toMatchObject({ pipeline: whole, steps: 7, guidance: 3, adapters: [] });
  expect(pipeline.pipelineSha256).toBe(own.pipelineSha256);
  const times = await db.selectFrom('checkpoint').select(['step', 'device_seconds']).orderBy('step').execute();
  expect(times).toEqual([
    { step: 10, device_seconds: 4 },
    { step: 20, device_seconds: 9 },
  ]);

  expect(await addCheckpoints(db, { folder: run, baseline: 'base' })).toEqual(names);
  // The same file at another strength is another model.
  const adapterAt = (scale: number) =>
    addVariant(db, { name: 'run@10', baseline: 'base', adapter: join(checkpoints, 'step-000010.safetensors'), scale });
  await adapterAt(1);
  await expect(adapterAt(0.5)).rejects.toThrow('A model named "run@10" exists already with another adapter');
  await addModel(db, { ...base, name: 'other', steps: 9 });
  await expect(addCheckpoints(db, { folder: run, baseline: 'other' })).rejects.toThrow(
    'A model named "run@10" exists already with another adapter, pipeline or sampler',
  );
  writeFileSync(
    join(whole, 'scheduler', 'scheduler_config.json'),
    '{"_class_name":"DDIMScheduler","beta_schedule":"scaled_linear"}',
  );
  await expect(addCheckpoints(db, { folder: run, baseline: 'base' })).rejects.toThrow(
    'A model named "run@20" exists already with another adapter, pipeline or sampler',
  );
});
