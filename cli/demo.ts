/** @file `visavis demo`: the first run, from starter prompts to an open study and a server. */
import { spawn } from 'node:child_process';
import { Command } from 'commander';
import type { Database } from '../db/open.ts';
import { findModel } from '../db/queries/models.ts';
import { findPromptSet } from '../db/queries/prompts.ts';
import { findReward } from '../db/queries/rewards.ts';
import { findStudy } from '../db/queries/studies.ts';
import { promptsWithoutRender } from '../db/queries/renders.ts';
import { starter } from '../evaluator/starter/starter.ts';
import { defaultHost, defaultPort } from '../server/config.ts';
import { withWorkspace, type DataOption, type Workspace } from './context.ts';
import { portNumber } from './numbers.ts';
import { serveUntilStopped, type ServeOptions } from './serve.ts';

/** Enough to see every category of the starter prompts, few enough to render in seconds. */
const demoPrompts = 40;
const studyName = 'demo';

export function demoCommand(): Command {
  return new Command('demo')
    .description('first run: starter prompts, models, renders, rewards and an open study, then serve')
    .option('--port <port>', 'port to listen on', portNumber, defaultPort)
    .option('--host <host>', 'address to listen on', defaultHost)
    .option('--data <dir>', 'data directory')
    .action((options: ServeOptions) =>
      withWorkspace(options, async (workspace) => {
        await prepare(workspace, options);
        const study = await findStudy(workspace.db, studyName);
        await serveUntilStopped(workspace, options, study === undefined ? [] : [`/annotate/${study.inviteToken}`]);
      }),
    );
}

/** Each step looks for what is missing; a second start finds nothing to do. */
async function prepare({ db }: Workspace, options: DataOption): Promise<void> {
  if ((await findStudy(db, studyName)) !== undefined) return;
  const { importPrompts } = await import('../evaluator/prompts/import.ts');
  const { addModel } = await import('../evaluator/models/add.ts');
  const { createStudy } = await import('../server/study/design.ts');
  const { changeState } = await import('../server/study/lifecycle.ts');
  if ((await findPromptSet(db, starter.promptSet)) === undefined) {
    const imported = await importPrompts(db, { file: starter.prompts, name: starter.promptSet });
    console.error(`Imported ${imported.prompts} starter prompts.`);
  }
  for (const { name, adapter } of starter.models) {
    if ((await findModel(db, name)) === undefined) {
      await addModel(db, {
        name,
        pipeline: starter.pipeline,
        adapters: [{ file: adapter, scale: 1 }],
        ...starter.settings,
      });
    }
    await renderInItsOwnProcess({ db }, name, options);
  }
  await scoreRenders(db, options);
  const { pairs } = await createStudy(db, {
    name: studyName,
    prompts: starter.promptSet,
    models: starter.models.map(({ name }) => name),
    votesPerPair: 3,
    criteria: ['appeal', 'general', 'alignment'],
    ties: false,
    seed: 0,
  });
  await changeState(db, studyName, 'open');
  console.error(`Opened the study "${studyName}" with ${pairs} pairs, three criteria and three votes each.`);
  console.error(
    `Its images are drawn with seed ${starter.seed}, on which the two models differ more than on most: this shows the tool, not which model is better.`,
  );
}

/** Rewards beside the votes that will come. */
async function scoreRenders(db: Database, options: DataOption): Promise<void> {
  const { name, kind, network } = starter.reward;
  if ((await findReward(db, name)) === undefined)
    await inItsOwnProcess(['rewards', 'add', name, '--kind', kind, '--network', network], options);
  for (const { name: model } of starter.models)
    await inItsOwnProcess(
      ['score', '--prompts', starter.promptSet, '--model', model, '--reward', name, '--device', 'cpu'],
      options,
    );
}

async function renderInItsOwnProcess({ db }: Pick<Workspace, 'db'>, model: string, options: DataOption): Promise<void> {
  const [set, row] = [(await findPromptSet(db, starter.promptSet))!, (await findModel(db, model))!];
  const missing = await promptsWithoutRender(db, { promptSetId: set.id, modelId: row.id, seed: starter.seed });
  if (missing.every((prompt) => prompt.position >= demoPrompts)) return;
  await inItsOwnProcess(
    [
      ...['render', '--prompts', starter.promptSet, '--model', model],
      ...['--limit', String(demoPrompts), '--seed', String(starter.seed)],
    ],
    options,
  );
}

/** As anybody would call it: the process that serves later never loads ONNX Runtime. */
async function inItsOwnProcess(command: string[], { data }: DataOption): Promise<void> {
  const argv = [process.argv[1]!, ...command, ...(data === undefined ? [] : ['--data', data])];
  // What a command prints as data is no part of this one's.
  const child = spawn(process.execPath, argv, { stdio: ['inherit', 'ignore', 'inherit'] });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  if (code !== 0)
    throw new Error(
      `visavis ${command.slice(0, 2).join(' ')} ended with exit code ${String(code)}; start again to go on.`,
    );
}
