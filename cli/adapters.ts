/** @file `visavis adapters`: what an adapter is, and the same one in another program's words. */
import { Argument, Command, Option } from 'commander';
import { adapterStyles, type AdapterStyle, type AdapterSummary } from '../evaluator/engine/diffusion/adapter-styles.ts';
import { networkNames, networkTitles } from '../evaluator/engine/diffusion/adapter-keys.ts';
import { printJson } from './output.ts';

export function adaptersCommand(): Command {
  const adapters = new Command('adapters').description('adapter files: what they are, and in other programs’ words');
  adapters
    .command('inspect')
    .addArgument(new Argument('<file>', 'a safetensors file or a PEFT folder'))
    .description('kind, rank, layers, strength, and which base it is for')
    .option('--json', 'print JSON')
    .action(async (file: string, { json }: { json?: boolean }) => {
      const { inspectAdapter } = await import('../evaluator/engine/diffusion/adapter-styles.ts');
      const summary = await inspectAdapter(file);
      if (json) printJson(summary);
      else console.log(inWords(summary));
    });
  adapters
    .command('convert')
    .argument('<in>', 'a safetensors file or a PEFT folder')
    .argument('<out>', 'a file; a folder for peft')
    .description('the same adapter with other programs’ names: kohya for ComfyUI and A1111, peft for PEFT’s folder')
    .addOption(new Option('--to <style>', 'whose names').choices(adapterStyles).makeOptionMandatory())
    .action(async (from: string, out: string, { to }: { to: AdapterStyle }) => {
      const { convertAdapter } = await import('../evaluator/engine/diffusion/adapter-styles.ts');
      await convertAdapter(from, out, to);
      console.log(`Wrote ${out}.`);
    });
  return adapters;
}

function inWords({ kinds, rank, strength, layers, targets, base, types }: AdapterSummary): string {
  const span = ({ low, high }: { low: number; high: number }) => (low === high ? String(low) : `${low} to ${high}`);
  return [
    `${kinds.join(' and ')}${rank === null ? ', without a rank' : `, rank ${span(rank)}`}, ${types.join(' and ')}.`,
    `Changes ${networkNames
      .flatMap((network) => {
        const count = layers[network];
        return count === undefined
          ? []
          : `${count} ${count === 1 ? 'layer' : 'layers'} of the ${networkTitles[network]}`;
      })
      .join(', ')}: ${Object.entries(targets)
      .map(([target, count]) => `${target} (${count})`)
      .join(', ')}.`,
    `Strength at scale 1 (α / rank): ${span(strength)}.`,
    base === null ? 'Nothing in it tells which base it is for.' : `Made for ${base}, by its shapes.`,
  ].join('\n');
}
