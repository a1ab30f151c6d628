/** @file The command line. One file a command; this one puts them together and maps errors to exit codes. */
import { Command, CommanderError } from 'commander';
import { accountCommand } from './account.ts';
import { adaptersCommand } from './adapters.ts';
import { analyzeCommand } from './analyze.ts';
import { auditCommand } from './audit.ts';
import { backupCommand, restoreCommand } from './backup.ts';
import { exitCode, reportFailure } from './context.ts';
import { demoCommand } from './demo.ts';
import { doctorCommand } from './doctor.ts';
import { bundleCommand, verifyCommand } from './bundle.ts';
import { exportCommand } from './export.ts';
import { generateCommand } from './generate.ts';
import { jobsCommand } from './jobs.ts';
import { loginCommand } from './login.ts';
import { mcpCommand } from './mcp.ts';
import { migrateCommand } from './migrate.ts';
import { modelsCommand } from './models.ts';
import { participantCommand } from './participant.ts';
import { planCommand } from './plan.ts';
import { preferencesCommand } from './preferences.ts';
import { prescreenCommand } from './prescreen.ts';
import { promptsCommand } from './prompts.ts';
import { renderCommand } from './render.ts';
import { rendersCommand } from './renders.ts';
import { reportCommand } from './report.ts';
import { rewardCommand } from './reward.ts';
import { rewardsCommand } from './rewards.ts';
import { scoreCommand } from './score.ts';
import { serveCommand } from './serve.ts';
import { simulateCommand } from './simulate.ts';
import { storeCommand } from './store.ts';
import { studyCommand } from './study.ts';
import { tokenCommand } from './token.ts';
import { trainCommand } from './train.ts';
import { packageVersion } from '../evaluator/engine/files/package-root.ts';
import { workerCommand } from './worker.ts';

const commands = [
  demoCommand,
  serveCommand,
  promptsCommand,
  modelsCommand,
  adaptersCommand,
  renderCommand,
  rendersCommand,
  generateCommand,
  rewardsCommand,
  scoreCommand,
  rewardCommand,
  prescreenCommand,
  studyCommand,
  simulateCommand,
  reportCommand,
  analyzeCommand,
  planCommand,
  participantCommand,
  exportCommand,
  bundleCommand,
  verifyCommand,
  preferencesCommand,
  trainCommand,
  workerCommand,
  jobsCommand,
  backupCommand,
  restoreCommand,
  storeCommand,
  migrateCommand,
  loginCommand,
  accountCommand,
  tokenCommand,
  auditCommand,
  mcpCommand,
  doctorCommand,
];

/** Throws instead of ending the process, so that every way out goes through one place. */
function withoutExit(command: Command): Command {
  command.exitOverride();
  command.commands.forEach((child) => withoutExit(child as Command));
  return command;
}

/** The last one would win silently. Options that may be repeated collect into a list, which they begin with. */
function refuseRepeats(command: Command): void {
  for (const option of command.options) {
    if (option.isBoolean() || option.variadic || option.parseArg?.length === 2) continue;
    let given = 0;
    command.on(`option:${option.name()}`, () => {
      given += 1;
      if (given > 1) command.error(`error: option '${option.flags}' is given twice`);
    });
  }
  command.commands.forEach((child) => refuseRepeats(child as Command));
}

export async function main(argv: readonly string[]): Promise<number> {
  const program = new Command('visavis')
    .description('Side-by-side human evaluation of text-to-image models.')
    .version(packageVersion())
    .showHelpAfterError('(see --help)');
  for (const make of commands) program.addCommand(make());
  withoutExit(program);
  refuseRepeats(program);
  try {
    await program.parseAsync([...argv]);
    return process.exitCode === undefined ? exitCode.done : Number(process.exitCode);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.done : exitCode.badInput;
    return reportFailure(error);
  }
}
