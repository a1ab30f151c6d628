/** @file `visavis renders`: images of other programs. */
import { Command } from 'commander';
import { withWorkspace, type DataOption } from './context.ts';
import { newName } from './numbers.ts';
import { printJson, startProgress, type Progress } from './output.ts';

interface Options extends DataOption {
  prompts: string;
  model: string;
  json?: boolean;
}

export function rendersCommand(): Command {
  const renders = new Command('renders').description('imported renders');
  renders
    .command('import <source>')
    .description(
      'import images: a manifest (CSV or JSONL: prompt, path, seed) or a folder of 00000.png … in prompt order',
    )
    .requiredOption('--prompts <name>', 'prompt set')
    .requiredOption('--model <name>', 'model; a new name becomes an imported model', newName)
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (source: string, options: Options) => {
      const { importRenders } = await import('../evaluator/renders/import.ts');
      let progress: Progress | undefined;
      const result = await withWorkspace(options, async ({ db, images }) => {
        try {
          return await importRenders(db, images, {
            ...options,
            source,
            onProgress: (done, total) => {
              progress ??= startProgress('checking', total, 'images');
              progress.update(done);
            },
          });
        } finally {
          progress?.stop();
        }
      });
      if (options.json) printJson({ model: options.model, ...result });
      else {
        console.log(`Imported ${result.imported} images of "${options.model}".`);
        for (const { change, images } of result.converted) console.log(`  ${images} converted: ${change}`);
      }
    });
  return renders;
}
