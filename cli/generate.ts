/** @file `visavis generate`: one image, without a database. */
import { Command } from 'commander';
import { BadInput } from '../evaluator/engine/files/bad-input.ts';
import { exitCode, interruptSignal, writeOutput } from './context.ts';
import { adaptersOf, withSamplerFlags, type SamplerFlags } from './models.ts';
import { wholeNumber } from './numbers.ts';
import { printJson } from './output.ts';

interface Options extends SamplerFlags {
  pipeline: string;
  prompt: string;
  seed: number;
  out: string;
  latents?: string;
  device: string;
  json?: boolean;
}

export function generateCommand(): Command {
  return withSamplerFlags(
    new Command('generate')
      .description('one image, without a database')
      .requiredOption('--pipeline <dir>', 'the pipeline’s folder')
      .requiredOption('--prompt <text>', 'prompt')
      .requiredOption('--seed <n>', 'seed', wholeNumber(0))
      .requiredOption('--out <file.png>', 'PNG to write'),
  )
    .option('--latents <file.f32>', 'also write the final latents: float32, little-endian, NCHW')
    .option('--device <device>', 'auto, cpu, cuda[:ID], webgpu', 'auto')
    .option('--data <dir>', 'data directory; not used')
    .option('--json', 'print JSON')
    .action(async (options: Options) => {
      const { renderImage } = await import('../evaluator/renders/generate.ts');
      const { out, latents, json, ...request } = options;
      if (!out.toLowerCase().endsWith('.png')) throw new BadInput(`--out is ${out}; it must end in .png.`);
      try {
        const image = await renderImage({
          ...request,
          adapters: adaptersOf(options),
          signal: interruptSignal(),
          onNote: (note) => console.error(`visavis: ${note}`),
        });
        await writeOutput(out, image.png);
        if (latents !== undefined) await writeOutput(latents, image.latents);
        if (json) printJson({ out, ...image.settings, seed: options.seed, latents: latents ?? null });
      } catch (error) {
        if ((error as Error).name !== 'Stopped') throw error;
        process.exitCode = exitCode.failed;
      }
    });
}
