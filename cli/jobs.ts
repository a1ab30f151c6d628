/** @file `visavis jobs`: what the team's queue holds. */
import { Command } from 'commander';
import { withWorkspace, type DataOption } from './context.ts';
import { printJson, printTable } from './output.ts';

export function jobsCommand(): Command {
  return new Command('jobs')
    .description('jobs of the team’s queue: how far they are, and ending one')
    .addCommand(
      new Command('list')
        .description('all jobs, newest first')
        .option('--data <dir>', 'data directory')
        .option('--json', 'print JSON')
        .action(async (options: DataOption & { json?: boolean }) => {
          const { allJobs } = await import('../server/queue/jobs.ts');
          const jobs = await withWorkspace(options, ({ db }) => allJobs(db));
          if (options.json) printJson({ jobs });
          else
            printTable(
              ['id', 'job', 'state', 'done', 'of', 'workers', 'left'],
              jobs.map(({ id, title, state, done, items, workers, secondsLeft }) => [
                id,
                title,
                state,
                done,
                items,
                workers.length,
                secondsLeft === null ? '–' : `${Math.ceil(secondsLeft / 60)} min`,
              ]),
              [3, 4, 5, 6],
            );
        }),
    )
    .addCommand(
      new Command('cancel')
        .description('end a job; what is finished is kept')
        .argument('<id>', 'its id')
        .option('--data <dir>', 'data directory')
        .action(async (id: string, options: DataOption) => {
          const { cancelJob } = await import('../server/queue/jobs.ts');
          const { commandLine } = await import('../server/access/audit.ts');
          const { state, title } = await withWorkspace(options, ({ db }) => cancelJob(db, id, commandLine));
          console.error(`${title}: ${state}.`);
        }),
    );
}
