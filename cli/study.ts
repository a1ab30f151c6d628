/** @file `visavis study`: create, list, show, open, pause, close, copy, archive, delete, exclude, include, reopen, recount, mturk-review, invite. */
import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { Command, InvalidArgumentError } from 'commander';
import { isBuiltIn, type BuiltInCriterion } from '../contract/criteria.ts';
import type { Quality } from '../contract/quality.ts';
import { mturkFrameHeight } from '../contract/mturk.ts';
import { planSchema, presetNames, presets, type PresetName } from '../contract/plan.ts';
import type { StudyDesign } from '../server/study/design.ts';
import { BadInput } from '../evaluator/engine/files/bad-input.ts';
import type { Database } from '../db/open.ts';
import type { StudyState } from '../db/tables.ts';
import { modelsOf } from '../evaluator/votes/models.ts';
import { addressOf, defaultHost, defaultPort, serverConfig } from '../server/config.ts';
import { withWorkspace, writeOutput, type DataOption } from './context.ts';
import { newName, realNumber, wholeNumber } from './numbers.ts';
import { printJson, printTable } from './output.ts';

interface Options extends DataOption {
  json?: boolean;
}
interface InviteOptions extends Options {
  port: number;
  host: string;
  single?: number;
  mturk?: boolean;
  frameHeight?: number;
  qr?: string;
}
interface CreateOptions extends Options {
  from?: string;
  prompts?: string;
  a?: string;
  b?: string;
  models?: string[];
  against?: string;
  preset?: PresetName;
  primary?: string;
  votes?: number;
  criteria: string;
  ties?: boolean;
  seed: number;
  promptSample?: number;
  prescreen?: string;
  disagreement?: number;
}

export function studyCommand(): Command {
  const study = new Command('study').description('studies: pairs of models’ images shown to annotators');
  study
    .command('create')
    .argument('[name]', 'the study’s name; with --from it may be left to the file', newName)
    .description('create a study; its pairs are fixed here')
    .option('--from <file>', 'a study’s file (YAML, as study show --yaml writes it), instead of the options below')
    .option('--prompts <name>', 'prompt set')
    .option('--a <model>', 'model A')
    .option('--b <model>', 'model B')
    .option('--models <names>', 'instead of --a and --b, any number, as A,B,C: each two are compared', names)
    .option('--against <model>', 'with --models: each is compared with this one alone')
    .option('--prescreen <id>', 'instead of --prompts and models: the best two of a prescreen (its id, or last)')
    .option('--preset <name>', `replicate a paper: ${presetNames.join(', ')}`, preset)
    .option(
      '--primary <criterion>',
      'plan: the criterion that is tested alone (superiority, α .05, all votes); --from can plan more',
    )
    .option('--votes <k>', 'votes a pair and criterion, by different annotators; 3 by default', wholeNumber(1))
    .option('--criteria <list>', 'what is asked', 'general,appeal,alignment')
    .option('--ties', 'allow a tie')
    .option('--seed <n>', 'seed of the order, the sides and the sample', wholeNumber(0), 0)
    .option('--prompt-sample <n>', 'a sample of n prompts, stratified by category', wholeNumber(1))
    .option(
      '--disagreement <factor>',
      'with --prescreen and --prompt-sample: sample prompts on which the rewards disagree this many times likelier',
      realNumber(1, 100),
    )
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (given: string | undefined, options: CreateOptions, command: Command) => {
      if (options.from !== undefined) refuseBeside('--from', command);
      const { pairs, pairings, missing, study } = await withWorkspace(options, ({ db }) =>
        options.from === undefined ? createFrom(db, required(given), options) : createFromFile(db, options.from, given),
      );
      const { name } = study;
      if (options.json) {
        const [{ modelA: a, modelB: b }] = pairings as [(typeof pairings)[number]];
        const compared = pairings.length === 1 ? { a, b } : { models: modelsOf(pairings), pairings };
        printJson({ name, state: study.state, ...compared, pairs, missing });
        return;
      }
      const compared = pairings.map(({ modelA, modelB, pairs: own }) =>
        pairings.length === 1 ? `${modelA} against ${modelB}` : `${modelA} against ${modelB}: ${own}`,
      );
      console.log(
        `Created "${name}" (${compared.join(', ')}) with ${pairs} pairs. Open it with: visavis study open ${name}`,
      );
      if (missing.length > 0) {
        const lack = pairings.length === 1 ? 'are left out' : 'lack a pair';
        console.log(`${missing.length} prompts ${lack}, for lack of a render:`);
        for (const { prompt, models } of missing.slice(0, 10)) console.log(`  ${prompt} (${models.join(', ')})`);
        if (missing.length > 10) console.log(`  and ${missing.length - 10} more (--json lists all)`);
      }
    });
  study
    .command('list')
    .description('list the studies')
    .option('--all', 'archived ones too')
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (options: Options & { all?: boolean }) => {
      const { studySummaries } = await import('../server/study/summary.ts');
      const studies = await withWorkspace(options, ({ db }) => studySummaries(db, options));
      if (options.json) printJson(studies);
      else {
        printTable(
          ['name', 'state', 'models', 'pairs', 'votes', 'of'],
          studies.map((s) => [
            s.name,
            s.state,
            s.models.join(', '),
            s.pairs,
            `${s.votes}${s.simulated ? ' simulated' : ''}`,
            s.votesNeeded,
          ]),
          [3, 4, 5],
        );
      }
    });
  study
    .command('show <name>')
    .description('show a study and its progress')
    .option('--yaml', 'print the study’s file, which study create --from reads')
    .option('--plan', 'print the plan for a registry (Markdown), with its hash')
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (name: string, options: Options & { yaml?: boolean; plan?: boolean }) => {
      if (options.plan) {
        if (options.yaml || options.json) throw new BadInput('Choose one of --plan, --yaml and --json.');
        const { planText } = await import('../server/study/plan.ts');
        const { studyFile } = await import('../server/study/study-file.ts');
        const { requireStudy } = await import('../server/study/lifecycle.ts');
        const text = await withWorkspace(options, async ({ db }) => {
          const { planSha256 } = await requireStudy(db, name);
          if (planSha256 === null) throw new BadInput(`The study "${name}" has no plan.`);
          return planText(await studyFile(db, name), planSha256);
        });
        process.stdout.write(text);
        return;
      }
      if (options.yaml) {
        if (options.json) throw new BadInput('Choose one of --yaml and --json.');
        const { studyFile, yamlOf } = await import('../server/study/study-file.ts');
        process.stdout.write(yamlOf(await withWorkspace(options, ({ db }) => studyFile(db, name))));
        return;
      }
      const { studySummary } = await import('../server/study/summary.ts');
      const summary = await withWorkspace(options, ({ db }) => studySummary(db, name));
      if (options.json) printJson(summary);
      else
        printTable(
          ['', ''],
          Object.entries(summary)
            .filter(([, value]) => value !== null && !(Array.isArray(value) && value.length === 0))
            .map(([key, value]) => [key, oneLine(value)]),
        );
    });
  for (const [verb, state] of [
    ['open', 'open'],
    ['pause', 'paused'],
    ['close', 'closed'],
  ] as [string, StudyState][]) {
    study
      .command(`${verb} <name>`)
      .description(`${verb} a study`)
      .option('--data <dir>', 'data directory')
      .option('--json', 'print JSON')
      .action(async (name: string, options: Options) => {
        const { changeState } = await import('../server/study/lifecycle.ts');
        await withWorkspace(options, ({ db }) => changeState(db, name, state));
        if (options.json) printJson({ name, state });
        else console.log(`"${name}" is ${state}.`);
      });
  }
  study
    .command('copy <name> <new>')
    .description('make the same study again under another name, without votes, as a draft')
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (name: string, given: string, options: Options) => {
      const { designOf, studyFile } = await import('../server/study/study-file.ts');
      const { createStudy } = await import('../server/study/design.ts');
      const { rendersShown } = await import('../db/queries/studies.ts');
      const { pairs, same } = await withWorkspace(options, async ({ db }) => {
        const copy = await createStudy(db, { ...designOf(await studyFile(db, name)), name: newName(given) });
        return { ...copy, same: isDeepStrictEqual(await rendersShown(db, name), await rendersShown(db, given)) };
      });
      if (options.json) printJson({ name: given, copyOf: name, state: 'draft', pairs, samePairs: same });
      else console.log(`Created "${given}", a copy of "${name}", with ${pairs} pairs.`);
      if (!same) console.error(`visavis: its pairs are not those of "${name}": what is rendered has changed since.`);
    });
  study
    .command('archive <name>')
    .description('leave a study out of lists; nothing of it changes')
    .option('--undo', 'show it again')
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (name: string, options: Options & { undo?: boolean }) => {
      const { archiveStudy } = await import('../server/study/lifecycle.ts');
      await withWorkspace(options, ({ db }) => archiveStudy(db, name, options));
      if (options.json) printJson({ name, archived: options.undo !== true });
      else console.log(`"${name}" is ${options.undo ? 'in the lists again' : 'archived'}.`);
    });
  for (const verb of ['exclude', 'include'] as const) {
    const command = study
      .command(`${verb} <name> <annotator>`)
      .description(
        verb === 'exclude'
          ? 'leave somebody out of the results; reports show both'
          : 'take an annotator’s exclusion back',
      )
      .option('--data <dir>', 'data directory')
      .option('--json', 'print JSON');
    if (verb === 'exclude') command.requiredOption('--reason <text>', 'why, for the reports');
    else command.option('--reason <text>', 'why');
    command.action(async (name: string, annotator: string, options: Options & { reason?: string }) => {
      const { excludeAnnotator, includeAnnotator } = await import('../server/study/exclusions.ts');
      await withWorkspace(options, ({ db }) =>
        verb === 'exclude'
          ? excludeAnnotator(db, name, annotator, options.reason!)
          : includeAnnotator(db, name, annotator, options.reason),
      );
      if (options.json) printJson({ name, annotator, excluded: verb === 'exclude' });
      else if (verb === 'exclude') console.log(`"${annotator}" is left out of the results of "${name}".`);
      else console.log(`"${annotator}" counts in the results of "${name}" again.`);
    });
  }
  study
    .command('reopen <name>')
    .description(
      'ask others about the pairs of those who are left out; their votes stay, and reports show both results',
    )
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (name: string, options: Options) => {
      const { reopenSeats } = await import('../server/study/extra-seats.ts');
      const { opened, shared } = await withWorkspace(options, ({ db }) => reopenSeats(db, name));
      if (options.json) printJson({ name, opened, shared });
      else console.log(`${opened} ${opened === 1 ? 'seat is' : 'seats are'} open for others in "${name}".`);
      if (shared > 0)
        console.error(
          `visavis: ${shared} ${shared === 1 ? 'seat was' : 'seats were'} filled by two, of whom one is left out; nobody is asked for them again.`,
        );
    });
  study
    .command('delete <name>')
    .description('delete a study with all of its votes, for good; prompts, renders and images stay')
    .requiredOption('--confirm <name>', "the study's name, once more")
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (name: string, options: Options & { confirm: string }) => {
      const { removeStudy } = await import('../server/study/removal.ts');
      const votes = await withWorkspace(options, ({ db }) => removeStudy(db, name, options.confirm));
      if (options.json) printJson({ name, votes });
      else console.log(`"${name}" is deleted, with ${votes} ${votes === 1 ? 'vote' : 'votes'}.`);
    });
  study
    .command('rename <name> <new>')
    .description('give a study another name; that of a plan is frozen with it once the study was opened')
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (name: string, next: string, options: Options) => {
      const { changeName } = await import('../server/study/naming.ts');
      await withWorkspace(options, ({ db }) => changeName(db, name, next));
      if (options.json) printJson({ name: next, was: name });
      else console.log(`"${name}" is called "${next}" now.`);
    });
  study
    .command('forget <name>')
    .description("replace the ids of a closed study's people by pseudonyms, for good; votes and reports stay")
    .requiredOption('--confirm <name>', "the study's name, once more")
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (name: string, options: Options & { confirm: string }) => {
      const { forgetStudy } = await import('../server/study/retention.ts');
      const people = await withWorkspace(options, ({ db }) => forgetStudy(db, name, options.confirm));
      if (options.json) printJson({ name, people });
      else console.log(`"${name}": ${people} ${people === 1 ? 'person has' : 'people have'} a pseudonym now.`);
    });
  study
    .command('annotators <name>')
    .description('how annotators worked, and whom the plan’s rule on exclusions names; nothing of which model wins')
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (name: string, options: Options) => {
      const { studyQuality } = await import('../server/study/quality.ts');
      const quality = await withWorkspace(options, ({ db }) => studyQuality(db, name));
      if (options.json) printJson(quality);
      else printQuality(quality);
    });
  study
    .command('recount <name>')
    .description('count the votes anew and compare them with the tally that is kept while people vote')
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (name: string, options: Options) => {
      const { recount } = await import('../server/study/recount.ts');
      const { votes, corrected } = await withWorkspace(options, ({ db }) => recount(db, name));
      if (options.json) printJson({ name, votes, corrected });
      else if (corrected.length === 0) console.log(`The tally of "${name}" agrees with its ${votes} votes.`);
      else console.log(`Corrected ${corrected.join(' and ')} of "${name}", by its ${votes} votes.`);
    });
  study
    .command('mturk-review <name> <results>')
    .description(
      "fill in whom to approve in MTurk's file of results: whoever finished; others are left for you to decide",
    )
    .requiredOption('--out <file>', 'the file to give back to MTurk')
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (name: string, results: string, options: Options & { out: string }) => {
      const { reviewMturk } = await import('../server/study/mturk.ts');
      const { readFile } = await import('node:fs/promises');
      const text = await readFile(results, 'utf8').catch(() => {
        throw new BadInput(`There is no file ${results} that can be read.`);
      });
      const { csv, approved, decided, left } = await withWorkspace(options, ({ db }) => reviewMturk(db, name, text));
      await writeOutput(options.out, csv);
      if (options.json) printJson({ name, approved, decided, left });
      else {
        console.log(`${options.out}: ${approved} to approve, ${left.length} left for you, ${decided} decided before.`);
        for (const { worker, why } of left.slice(0, 20)) console.error(`visavis: ${worker} ${why}.`);
        if (left.length > 20) console.error(`visavis: and ${left.length - 20} more (--json lists all).`);
      }
    });
  study
    .command('invite <name>')
    .description('print the annotators’ link')
    .option('--port <port>', 'the server’s port', wholeNumber(1), defaultPort)
    .option('--host <host>', 'the server’s address', defaultHost)
    .option('--data <dir>', 'data directory')
    .option('--single <n>', 'n links instead, each for one person, as CSV', wholeNumber(1))
    .option('--mturk', 'the question of an MTurk HIT instead (ExternalQuestion XML), which shows the study in a frame')
    .option('--frame-height <n>', `pixels of that frame (default: ${mturkFrameHeight})`, wholeNumber(1))
    .option('--qr <file>', 'write the link as a QR code too, in SVG')
    .option('--json', 'print JSON')
    .action(async (name: string, options: InviteOptions) => {
      const { single, mturk = false, frameHeight, qr } = options;
      if (single !== undefined && (mturk || qr !== undefined))
        throw new BadInput(
          `--single is for links of one person each; ${mturk ? '--mturk' : '--qr'} has the link for all.`,
        );
      if (frameHeight !== undefined && !mturk) throw new BadInput('--frame-height goes with --mturk.');
      const { requireStudy } = await import('../server/study/lifecycle.ts');
      const study = await withWorkspace(options, ({ db }) => requireStudy(db, name));
      const url = `${addressOf(serverConfig(options))}/annotate/${study.inviteToken}`;
      if (qr !== undefined) {
        const { renderSVG } = await import('uqr');
        await writeOutput(qr, renderSVG(url));
      }
      if (mturk) {
        if (!url.startsWith('https://'))
          throw new BadInput(`MTurk shows https pages alone; set VISAVIS_PUBLIC_URL (the link is ${url}).`);
        const { externalQuestion } = await import('../server/study/mturk.ts');
        const question = externalQuestion(url, frameHeight ?? mturkFrameHeight);
        if (options.json) printJson({ name, url, question });
        else process.stdout.write(question);
        return;
      }
      if (single !== undefined) {
        // Nobody can guess another's id, and the first browser that opens a link holds it.
        const people = Array.from({ length: single }, () => {
          const participant = `single-${randomBytes(12).toString('base64url')}`;
          return { participant, url: `${url}?participant=${participant}` };
        });
        if (options.json) printJson({ name, links: people });
        else {
          const { stringify } = await import('csv-stringify/sync');
          process.stdout.write(stringify(people, { header: true }));
        }
        return;
      }
      if (options.json) printJson({ name, url, token: study.inviteToken });
      else console.log(url);
    });
  return study;
}

/** What is more than a line stands in the file or in JSON. */
function oneLine(value: unknown): string {
  if (typeof value !== 'object') return String(value);
  if (Array.isArray(value) && value.every((part) => typeof part === 'string')) return value.join(', ');
  return Array.isArray(value) ? `${value.length} (see --json)` : 'see --yaml';
}

function required(name: string | undefined): string {
  if (name === undefined) throw new BadInput('A study needs a name: visavis study create NAME.');
  return name;
}

/** @throws BadInput for an option that the file says itself */
function refuseBeside(flag: string, command: Command): void {
  const beside = ['from', 'data', 'json'];
  const clash = command.options.find(
    (option) =>
      !beside.includes(option.attributeName()) && command.getOptionValueSource(option.attributeName()) === 'cli',
  );
  if (clash !== undefined)
    throw new BadInput(`${clash.long ?? clash.flags} does not go with ${flag}; write it into the file.`);
}

async function createFromFile(db: Database, path: string, name: string | undefined) {
  const { designOf, readStudyFile } = await import('../server/study/study-file.ts');
  const { createStudy } = await import('../server/study/design.ts');
  const file = await readStudyFile(path);
  if (name !== undefined && name !== file.name)
    console.error(`visavis: the file calls the study "${file.name}"; it is created as "${name}".`);
  const design = { ...designOf(file), ...(name === undefined ? {} : { name }) };
  return createStudy(db, design);
}

/** The study that the flags describe, or the best two of a prescreen. */
async function createFrom(db: Database, name: string, options: CreateOptions) {
  const { promptSample, ties = false, criteria, seed, prompts, prescreen, disagreement } = options;
  const like = options.preset === undefined ? undefined : presets[options.preset];
  const primary = options.primary ?? (like === undefined ? undefined : 'general');
  const design = {
    name,
    // What was not said the preset says; what contradicts it is refused.
    votesPerPair: options.votes ?? like?.votesPerPair ?? 3,
    criteria: parseCriteria(criteria),
    ...(options.preset === undefined ? {} : { preset: options.preset }),
    ...(primary === undefined ? {} : { plan: planSchema.parse({ primary: onlyCriterion(primary) }) }),
    ties,
    seed,
    ...(promptSample === undefined ? {} : { promptSample }),
  };
  if (prescreen !== undefined) {
    const named = (['prompts', 'a', 'b', 'models', 'against', 'preset', 'primary'] as const).find(
      (key) => options[key] !== undefined,
    );
    if (named !== undefined)
      throw new BadInput(`--prescreen names the prompts and both models and has no plan; leave out --${named}.`);
    const { studyFromScreen } = await import('../server/study/best-two.ts');
    return studyFromScreen(db, prescreen, { ...design, disagreement: disagreement ?? 1 });
  }
  const models = modelsAsked(options);
  if (prompts === undefined || models === undefined)
    throw new BadInput('A study needs --prompts and --a and --b, or --models, or else --prescreen.');
  if (disagreement !== undefined) throw new BadInput('--disagreement goes with --prescreen, whose rewards disagree.');
  const { createStudy } = await import('../server/study/design.ts');
  return createStudy(db, { ...design, prompts, ...models });
}

/** @throws BadInput for flags that do not go together */
function modelsAsked({ a, b, models, against }: CreateOptions): Pick<StudyDesign, 'models' | 'against'> | undefined {
  if (models === undefined) {
    if (against !== undefined) throw new BadInput('--against goes with --models.');
    return a === undefined || b === undefined ? undefined : { models: [a, b] };
  }
  if (a !== undefined || b !== undefined) throw new BadInput('--models stands instead of --a and --b.');
  return against === undefined ? { models } : { models, against };
}

function onlyCriterion(text: string): BuiltInCriterion {
  const [criterion, ...more] = parseCriteria(text);
  if (more.length > 0) throw new BadInput(`--primary is one criterion, not "${text}".`);
  return criterion!;
}

function preset(text: string): PresetName {
  if (!(presetNames as readonly string[]).includes(text))
    throw new InvalidArgumentError(`It must be one of ${presetNames.join(', ')}.`);
  return text as PresetName;
}

function names(text: string): string[] {
  return text.split(',').map((name) => name.trim());
}

function parseCriteria(text: string): BuiltInCriterion[] {
  return text.split(',').map((part) => {
    const name = part.trim();
    if (!isBuiltIn(name))
      throw new BadInput(
        `There is no criterion "${part}"; it must be general, appeal or alignment (questions of your own are written into a file: --from).`,
      );
    return name;
  });
}

function printQuality({ annotators, simulated, rule, ruleOf }: Quality): void {
  const rate = (share: { value: number; n: number } | null) =>
    share === null ? '–' : `${(100 * share.value).toFixed(0)} % of ${share.n}`;
  const seconds = (ms: number | null) => (ms === null ? '–' : `${(ms / 1000).toFixed(1)} s`);
  printTable(
    ['annotator', 'votes', 'gold right', 'repeats alike', 'median time', 'left', 'agrees', 'suggested, or left out'],
    annotators.map((person) => [
      person.id,
      person.votes,
      rate(person.gold),
      rate(person.repeats),
      seconds(person.medianMs),
      rate(person.left),
      rate(person.agreement),
      person.excluded === null ? (person.suggestion ?? '') : `left out: ${person.excluded}`,
    ]),
    [1, 2, 3, 4, 5, 6],
  );
  if (simulated) console.error('These annotators are simulated.');
  console.error(`${ruleOf === 'plan' ? 'The plan’s rule' : 'No rule is planned; the usual one, as a hint'}: ${rule}`);
}
