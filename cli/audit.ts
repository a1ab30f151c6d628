/** @file `visavis audit`: what researchers did, and whether the log is whole. */
import { Command } from 'commander';
import { exitCode, withWorkspace, type DataOption } from './context.ts';
import { printJson, printTable } from './output.ts';

export function auditCommand(): Command {
  return new Command('audit')
    .description('what researchers did; ends with 3 when the log was changed')
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (options: DataOption & { json?: boolean }) => {
      const { readAudit } = await import('../server/access/audit.ts');
      const { entries, brokenAt } = await withWorkspace(options, ({ db }) => readAudit(db));
      if (options.json) printJson({ entries, brokenAt });
      else
        printTable(
          ['', 'when', 'who', 'did', 'to'],
          entries.map(({ position, createdAt, actor, action, subject }) => [
            position,
            new Date(createdAt).toISOString(),
            actor,
            action,
            subject,
          ]),
          [0],
        );
      if (brokenAt !== null) {
        console.error(`The log was changed: its entry ${brokenAt} does not follow from the one before.`);
        process.exitCode = exitCode.gateNotMet;
      }
    });
}
