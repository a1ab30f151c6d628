/** @file The command line. One file a command; this one puts them together and maps errors to exit codes. */
import { Command, CommanderError } from 'commander';
import { exitCode, reportFailure } from './context.ts';
import { packageVersion } from '../evaluator/engine/files/package-root.ts';

/** In the order of the help. One is loaded when it is asked for: all of them take a quarter of a second. */
const commands: Record<string, () => Promise<Command>> = {
  demo: async () => (await import('./demo.ts')).demoCommand(),
  serve: async () => (await import('./serve.ts')).serveCommand(),
  prompts: async () => (await import('./prompts.ts')).promptsCommand(),
  models: async () => (await import('./models.ts')).modelsCommand(),
  adapters: async () => (await import('./adapters.ts')).adaptersCommand(),
  render: async () => (await import('./render.ts')).renderCommand(),
  renders: async () => (await import('./renders.ts')).rendersCommand(),
  generate: async () => (await import('./generate.ts')).generateCommand(),
  rewards: async () => (await import('./rewards.ts')).rewardsCommand(),
  score: async () => (await import('./score.ts')).scoreCommand(),
  reward: async () => (await import('./reward.ts')).rewardCommand(),
  prescreen: async () => (await import('./prescreen.ts')).prescreenCommand(),
  study: async () => (await import('./study.ts')).studyCommand(),
  simulate: async () => (await import('./simulate.ts')).simulateCommand(),
  report: async () => (await import('./report.ts')).reportCommand(),
  analyze: async () => (await import('./analyze.ts')).analyzeCommand(),
  plan: async () => (await import('./plan.ts')).planCommand(),
  participant: async () => (await import('./participant.ts')).participantCommand(),
  export: async () => (await import('./export.ts')).exportCommand(),
  bundle: async () => (await import('./bundle.ts')).bundleCommand(),
  verify: async () => (await import('./bundle.ts')).verifyCommand(),
  preferences: async () => (await import('./preferences.ts')).preferencesCommand(),
  train: async () => (await import('./train.ts')).trainCommand(),
  worker: async () => (await import('./worker.ts')).workerCommand(),
  jobs: async () => (await import('./jobs.ts')).jobsCommand(),
  backup: async () => (await import('./backup.ts')).backupCommand(),
  restore: async () => (await import('./backup.ts')).restoreCommand(),
  store: async () => (await import('./store.ts')).storeCommand(),
  migrate: async () => (await import('./migrate.ts')).migrateCommand(),
  login: async () => (await import('./login.ts')).loginCommand(),
  account: async () => (await import('./account.ts')).accountCommand(),
  token: async () => (await import('./token.ts')).tokenCommand(),
  audit: async () => (await import('./audit.ts')).auditCommand(),
  mcp: async () => (await import('./mcp.ts')).mcpCommand(),
  doctor: async () => (await import('./doctor.ts')).doctorCommand(),
};

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
  const asked = argv[2] ?? '';
  const loaded = Object.hasOwn(commands, asked) ? [commands[asked]!] : Object.values(commands);
  for (const load of loaded) program.addCommand(await load());
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
