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
      const { readPipelineFolder } = await import('../evaluator/engine/diffusion/folder.ts');
      const { Renderer } = await import('../evaluator/renders/renderer.ts');
      const { defaultSettings } = await import('../evaluator/models/add.ts');
      const { chooseDevices } = await import('../evaluator/engine/onnx/choose-device.ts');
      const { encodePng } = await import('../evaluator/engine/images/png.ts');
      if (!options.out.toLowerCase().endsWith('.png'))
        throw new BadInput(`--out is ${options.out}; it must end in .png.`);
      const settings = defaultSettings(await readPipelineFolder(options.pipeline), options);
      const { devices, notes } = await chooseDevices(options.device);
      for (const note of notes) console.error(`visavis: ${note}`);
      const renderer = await Renderer.start({ folder: options.pipeline, adapters: adaptersOf(options) }, devices[0]!);
      interruptSignal().addEventListener('abort', () => renderer.stop());
      try {
        const [image] = await renderer.generate({ prompts: [options.prompt], seeds: [options.seed], settings });
        const { width, height } = settings;
        await writeOutput(
          options.out,
          await encodePng(image!.pixels, width, height, { prompt: options.prompt, seed: options.seed, ...settings }),
        );
        if (options.latents !== undefined) await writeOutput(options.latents, image!.latents);
        if (options.json)
          printJson({ out: options.out, ...settings, seed: options.seed, latents: options.latents ?? null });
      } catch (error) {
        if ((error as Error).name !== 'Stopped') throw error;
        process.exitCode = exitCode.failed;
      } finally {
        await renderer.close();
      }
    });
}
