/** @file `visavis prompts`: import, fetch, list, show. */
import { Command } from 'commander';
import { findPromptSet, listPrompts, listPromptSets } from '../db/queries/prompts.ts';
import { BadInput } from '../evaluator/engine/files/bad-input.ts';
import { withWorkspace, type DataOption } from './context.ts';
import { newName } from './numbers.ts';
import { printJson, printTable } from './output.ts';

interface Options extends DataOption {
  json?: boolean;
}

export function promptsCommand(): Command {
  const prompts = new Command('prompts').description('prompt sets');
  prompts
    .command('import <file>')
    .description('import a prompt set: .tsv (PartiPrompts), .csv, .jsonl, .txt')
    .requiredOption('--name <name>', 'the set’s name', newName)
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (file: string, options: Options & { name: string }) => {
      const { importPrompts } = await import('../evaluator/prompts/import.ts');
      const imported = await withWorkspace(options, ({ db }) => importPrompts(db, { file, name: options.name }));
      if (options.json) printJson(imported);
      else console.log(describe(imported));
    });
  prompts
    .command('fetch <set>')
    .description('download a published set and check it; prompts list --available names them')
    .option('--name <name>', 'the set’s name; its own by default', newName)
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (set: string, options: Options & { name?: string }) => {
      const { fetchPrompts } = await import('../evaluator/prompts/fetch.ts');
      const imported = await withWorkspace(options, ({ db, dataFolder }) =>
        fetchPrompts(db, { set, name: options.name ?? set, cacheFolder: dataFolder }),
      );
      if (options.json) printJson(imported);
      else {
        const { licence, cite, source, sha256, note } = imported;
        console.log(describe(imported));
        console.log(`From ${source} (SHA-256 ${sha256}), ${licence}. Cite ${cite}.${note === null ? '' : ` ${note}`}`);
      }
    });
  prompts
    .command('list')
    .description('list the prompt sets')
    .option('--available', 'the published sets that fetch knows, instead')
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (options: Options & { available?: boolean }) => {
      if (options.available === true) {
        await listAvailable(options.json === true);
        return;
      }
      const sets = await withWorkspace(options, ({ db }) => listPromptSets(db));
      if (options.json) printJson(sets);
      else
        printTable(
          ['name', 'prompts', 'sha256'],
          sets.map((set) => [set.name, set.prompts, set.sourceSha256.slice(0, 12)]),
          [1],
        );
    });
  prompts
    .command('show <name>')
    .description('print a prompt set')
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (name: string, options: Options) => {
      const rows = await withWorkspace(options, async ({ db }) => {
        const set = await findPromptSet(db, name);
        if (set === undefined) throw new BadInput(`There is no prompt set named "${name}".`);
        return listPrompts(db, set.id);
      });
      const shown = rows.map(({ position, text, category, challenge, note }) => ({
        position,
        prompt: text,
        category,
        challenge,
        note,
      }));
      if (options.json) printJson(shown);
      else
        printTable(
          ['#', 'prompt', 'category', 'challenge'],
          shown.map((row) => [row.position, row.prompt, row.category ?? '', row.challenge ?? '']),
          [0],
        );
    });
  return prompts;
}

async function listAvailable(isJson: boolean): Promise<void> {
  const { publishedSets } = await import('../evaluator/prompts/published.ts');
  const rows = Object.entries(publishedSets).map(([name, { prompts, repository, licence, cite, folder, note }]) => ({
    ...{ name, prompts, source: `github.com/${repository}`, licence, cite },
    ...{ isPinned: folder === undefined, note: note ?? null },
  }));
  if (isJson) printJson(rows);
  else
    printTable(
      ['name', 'prompts', 'source', 'licence', 'cite'],
      rows.map(({ name, prompts, source, licence, cite }) => [name, prompts, source, licence, cite]),
      [1],
    );
}

function describe(imported: { name: string; prompts: number; categories: object; challenges: object }): string {
  const count = (fields: object) => Object.keys(fields).length;
  return `Imported ${imported.prompts} prompts as "${imported.name}" (${count(imported.categories)} categories, ${count(imported.challenges)} challenges).`;
}
