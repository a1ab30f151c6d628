/** @file `visavis participant`: what is stored of somebody, and its erasure. */
import { Command } from 'commander';
import { BadInput } from '../evaluator/engine/files/bad-input.ts';
import { withWorkspace, writeOutput, type DataOption } from './context.ts';
import { printJson } from './output.ts';

interface Options extends DataOption {
  study?: string;
  out?: string;
  yes?: boolean;
  json?: boolean;
}

export function participantCommand(): Command {
  const participant = new Command('participant').description('what is stored of one participant, and its erasure');
  participant
    .command('export <id>')
    .description('all that is stored of somebody, under their platform’s id, as JSON')
    .option('--study <name>', 'of one study; all by default')
    .option('--out <file>', 'write it into a file')
    .option('--data <dir>', 'data directory')
    .action(async (id: string, { out, study, ...options }: Options) => {
      const { participantData } = await import('../server/study/people.ts');
      const data = await withWorkspace(options, ({ db }) => participantData(db, id, study));
      if (out === undefined) printJson(data);
      else await writeOutput(out, `${JSON.stringify(data, null, 2)}\n`);
    });
  participant
    .command('erase <id>')
    .description('put a pseudonym in the place of somebody’s id; votes and reports stay as they are')
    .option('--study <name>', 'in one study; in all by default')
    .option('--yes', 'it cannot be taken back; needed')
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (id: string, { study, yes, json, ...options }: Options) => {
      if (!yes) throw new BadInput('An erasure cannot be taken back; say --yes.');
      const { eraseParticipant } = await import('../server/study/people.ts');
      const erased = await withWorkspace(options, ({ db }) => eraseParticipant(db, id, { study }));
      if (json) printJson({ participant: id, erased });
      else {
        for (const { study: name, pseudonym } of erased) console.log(`${name}: "${id}" is now ${pseudonym}.`);
        console.log('Backups and files that were exported before still have the id.');
      }
    });
  return participant;
}
