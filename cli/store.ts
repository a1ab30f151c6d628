/** @file `visavis store copy`: images and files from one store into another. */
import { Command } from 'commander';
import { exitCode, interruptSignal } from './context.ts';
import { printJson } from './output.ts';

export function storeCommand(): Command {
  return new Command('store')
    .description('where images, networks and adapters lie: the data directory, or a bucket (VISAVIS_STORE)')
    .addCommand(
      new Command('copy')
        .description('copy what is missing, checking every byte: safe to stop and repeat, in both directions')
        .argument('<from>', 'a data directory, or s3://BUCKET/PREFIX')
        .argument('<to>', 'the other')
        .option('--json', 'print JSON')
        .action(async (from: string, to: string, { json = false }: { json?: boolean }) => {
          const { openStore } = await import('../evaluator/engine/store/open.ts');
          const { copyStore } = await import('../evaluator/engine/store/copy.ts');
          const target = openStore(to);
          const every = 1000;
          const summary = await copyStore(openStore(from), target, {
            signal: interruptSignal(),
            onProgress: (done) => {
              if (done % every === 0) console.error(`visavis: ${done} objects looked at`);
            },
          });
          const { copied, bytes, skipped, damaged, stopped } = summary;
          if (json) printJson(summary);
          else {
            const megabytes = (bytes / 2 ** 20).toFixed(1);
            console.error(`${target.location}: ${copied} copied (${megabytes} MiB), ${skipped} already there.`);
          }
          for (const key of damaged.slice(0, 5))
            console.error(`visavis: ${key} is damaged in ${from}; it was not copied.`);
          if (damaged.length > 5) console.error(`visavis: and ${damaged.length - 5} more (--json lists all).`);
          if (stopped || damaged.length > 0) process.exitCode = exitCode.failed;
        }),
    );
}
