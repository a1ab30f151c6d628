/** @file `visavis generate`: one image or several of one prompt, without a database. */
import { Command, Option } from 'commander';
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
  count?: number;
  seeds?: 'list' | 'stream';
  longPrompts?: boolean;
  device: string;
  json?: boolean;
}

export function generateCommand(): Command {
  return withSamplerFlags(
    new Command('generate')
      .description('one image or several of one prompt, without a database')
      .requiredOption('--pipeline <dir>', 'the pipeline’s folder')
      .requiredOption('--prompt <text>', 'prompt')
      .requiredOption('--seed <n>', 'seed', wholeNumber(0))
      .requiredOption('--out <file.png>', 'PNG to write'),
  )
    .option('--count <n>', 'so many images: FILE-0.png, FILE-1.png …', wholeNumber(1))
    .addOption(
      new Option(
        '--seeds <how>',
        'of several: list (seed, seed + 1, …) or stream (all from one generator, in one batch), as diffusers draws them',
      ).choices(['list', 'stream']),
    )
    .option('--long-prompts', 'read a prompt of more than 77 tokens in chunks instead of cutting it')
    .option('--latents <file.f32>', 'also write the final latents: float32, little-endian, NCHW')
    .option('--device <device>', 'auto, cpu, cuda[:ID], webgpu', 'auto')
    .option('--data <dir>', 'data directory; not used')
    .option('--json', 'print JSON')
    .action(async (options: Options) => {
      const { renderImages } = await import('../evaluator/renders/generate.ts');
      const { out, latents, json, count, ...request } = options;
      if (!out.toLowerCase().endsWith('.png')) throw new BadInput(`--out is ${out}; it must end in .png.`);
      if (options.seeds !== undefined && count === undefined)
        throw new BadInput('--seeds is for several images: say --count.');
      const numbered = (file: string, i: number) =>
        count === undefined ? file : file.replace(/(\.[^./\\]*)?$/, `-${i}$1`);
      const written: { out: string; seed: number; latents: string | null }[] = [];
      try {
        const images = renderImages({
          ...request,
          count: count ?? 1,
          adapters: adaptersOf(options),
          signal: interruptSignal(),
          onNote: (note) => console.error(`visavis: ${note}`),
        });
        let settings = {};
        for await (const image of images) {
          const files = {
            out: numbered(out, written.length),
            latents: latents === undefined ? null : numbered(latents, written.length),
          };
          await writeOutput(files.out, image.png);
          if (files.latents !== null) await writeOutput(files.latents, image.latents);
          written.push({ ...files, seed: image.seed });
          settings = image.settings;
        }
        if (json && count === undefined) printJson({ out, ...settings, seed: options.seed, latents: latents ?? null });
        else if (json) printJson({ ...settings, images: written });
      } catch (error) {
        if ((error as Error).name !== 'Stopped') throw error;
        process.exitCode = exitCode.failed;
      }
    });
}
