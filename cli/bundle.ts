/** @file `visavis bundle` and `visavis verify`: a study as a file that a stranger can compute again. */
import { Command } from 'commander';
import { exitCode, withWorkspace, type DataOption } from './context.ts';
import { printJson } from './output.ts';
import { packageVersion } from '../evaluator/engine/files/package-root.ts';

interface Options extends DataOption {
  images?: boolean;
  identified?: boolean;
  simulated?: boolean;
  json?: boolean;
}

export function bundleCommand(): Command {
  return new Command('bundle')
    .description('a study as one zip file: votes, pairs, seeds, hashes, log, and the report that follows from them')
    .argument('<study>')
    .argument('<file>', 'file to write')
    .option('--images', 'with the images')
    .option('--identified', 'with participants’ own ids; pseudonyms without it')
    .option('--simulated', 'the simulated votes, although people have voted')
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (study: string, file: string, options: Options) => {
      const { bundleStudy } = await import('../server/bundle/bundle.ts');
      const { reveal } = await import('../server/study/reveal.ts');
      const made = await withWorkspace(options, async ({ db, images }) => {
        if (!options.simulated) await reveal(db, study);
        return bundleStudy(db, images, study, {
          out: file,
          images: options.images === true,
          identified: options.identified === true,
          population: options.simulated ? 'simulated' : undefined,
          version: packageVersion(),
        });
      });
      if (options.json) printJson({ study, file, ...made });
      else
        console.log(
          `${file}: ${made.votes} votes on ${made.pairs} pairs${made.images > 0 ? `, ${made.images} images` : ''}. Anybody can check it: visavis verify ${file}`,
        );
    });
}

export function verifyCommand(): Command {
  return new Command('verify')
    .description('compute a bundle’s report anew and say what differs; exit code 3 when something does')
    .argument('<file>', 'as bundle wrote it')
    .option('--json', 'print JSON')
    .action(async (file: string, { json }: { json?: boolean }) => {
      const { verifyBundle } = await import('../server/bundle/verify.ts');
      const found = await verifyBundle(file);
      if (json) printJson({ file, ...found });
      else if (found.differences.length === 0) {
        const images = found.images > 0 ? ` and ${found.images} images` : '';
        console.log(
          `"${found.study}": ${found.votes} votes${images} agree with their hashes, and the report with its votes. That proves that the file agrees with itself, no more.`,
        );
      } else {
        console.log(`"${found.study}" does not agree with itself:`);
        for (const difference of found.differences) console.log(`  ${difference}`);
      }
      if (found.differences.length > 0) process.exitCode = exitCode.gateNotMet;
    });
}
