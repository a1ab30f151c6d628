/** @file `visavis models`, and the sampler's flags that other commands share. */
import { Command } from 'commander';
import { listModels } from '../db/queries/models.ts';
import { BadInput } from '../evaluator/engine/files/bad-input.ts';
import type { ModelSettings } from '../evaluator/models/settings.ts';
import { withWorkspace, type DataOption } from './context.ts';
import { newName, realNumber, wholeNumber } from './numbers.ts';
import { printJson, printTable } from './output.ts';

export interface SamplerFlags {
  adapter?: string[];
  adapterScale?: number[];
  sampler?: string;
  steps?: number;
  guidance?: number;
  negativePrompt?: string;
  width?: number;
  height?: number;
}

/** The flags of `models add` that `generate` shares. */
export function withSamplerFlags(command: Command): Command {
  const collect =
    <T>(parse: (text: string) => T) =>
    (text: string, all: T[] | undefined) => [...(all ?? []), parse(text)];
  return command
    .option('--adapter <file>', 'a LoRA adapter; repeat for several', collect(String))
    .option('--adapter-scale <scale>', 'the adapter’s scale (1); repeat in the adapters’ order', collect(realNumber()))
    .option(
      '--sampler <id>',
      'ddim, pndm, euler, euler-a, heun, dpmpp-2m, dpmpp-2m-sde (both also -karras), unipc, ddpm, lcm, tcd, flow-euler; with -leading, -trailing or -linspace',
    )
    .option('--steps <n>', 'denoising steps (50; of SD 3, FLUX.1 and PixArt as diffusers has them)', wholeNumber(1))
    .option('--guidance <scale>', 'guidance scale (7.5; of SD 3, FLUX.1 and PixArt as diffusers has it)', realNumber(0))
    .option('--negative-prompt <text>', 'negative prompt')
    .option('--width <pixels>', 'width', wholeNumber(8))
    .option('--height <pixels>', 'height', wholeNumber(8));
}

export function adaptersOf({ adapter = [], adapterScale = [] }: SamplerFlags): { file: string; scale: number }[] {
  if (adapterScale.length > adapter.length) {
    throw new BadInput(`There are ${adapterScale.length} --adapter-scale for ${adapter.length} --adapter.`);
  }
  return adapter.map((file, i) => ({ file, scale: adapterScale[i] ?? 1 }));
}

interface Options extends DataOption {
  json?: boolean;
}

export function modelsCommand(): Command {
  const models = new Command('models').description('models: pipeline, adapters and sampler settings');
  withSamplerFlags(
    models
      .command('add')
      .argument('<name>', 'the model’s name', newName)
      .description('add a model from a diffusers/optimum ONNX folder')
      .requiredOption('--pipeline <dir>', 'the pipeline’s folder'),
  )
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (name: string, options: Options & SamplerFlags & { pipeline: string }) => {
      const { addModel } = await import('../evaluator/models/add.ts');
      const settings = await withWorkspace(options, ({ db }) =>
        addModel(db, { ...options, name, adapters: adaptersOf(options) }),
      );
      if (options.json) printJson({ name, ...publicSettings(settings) });
      else console.log(`Added "${name}": ${describe(settings)}.`);
    });
  models
    .command('list')
    .description('list the models')
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (options: Options) => {
      const rows = await withWorkspace(options, ({ db }) => listModels(db));
      const shown = rows.map((row) => {
        const settings = row.kind === 'pipeline' ? (row.settings as ModelSettings) : undefined;
        return { name: row.name, kind: row.kind, renders: row.renders, settings: settings && publicSettings(settings) };
      });
      if (options.json) printJson(shown);
      else {
        printTable(
          ['name', 'renders', 'made from'],
          shown.map((row) => [
            row.name,
            row.renders,
            row.settings === undefined ? 'imported images' : describe(row.settings),
          ]),
          [1],
        );
      }
    });
  return models;
}

function publicSettings({ pipelineFiles: _files, adapters, ...settings }: ModelSettings) {
  return { ...settings, adapters: adapters.map(({ path, sha256, scale }) => ({ path, sha256, scale })) };
}

function describe(settings: ReturnType<typeof publicSettings>): string {
  const adapters = settings.adapters.map(({ path, scale }) => `${path}${scale === 1 ? '' : ` × ${scale}`}`);
  return [
    [settings.pipeline, ...adapters].join(' + '),
    `${settings.sampler}, ${settings.steps} steps, guidance ${settings.guidance}, ${settings.width} × ${settings.height}`,
  ].join(', ');
}
