// Mutation tests with Stryker: npm run mutate [NAME …]. Small faults are put into a folder's sources one at a time, and the
// tests in process that reach the place are run: a fault that none of them notices survives. Slow, so a folder at a time, and
// not part of CI. The last full table is in test/README.md.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Instrumenter } from '@stryker-mutator/instrumenter';
import { glob } from 'tinyglobby';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What is mutated, and which tests are run: those that are quick and in process. */
const targets = {
  statistics: { mutate: ['evaluator/statistics/*.ts'], tests: ['test/evaluator/statistics/**'] },
  votes: { mutate: ['evaluator/votes/*.ts'], tests: ['test/evaluator/votes/**'] },
  study: { mutate: ['server/study/*.ts'], tests: ['test/server/study/**'] },
  samplers: {
    mutate: ['evaluator/engine/diffusion/samplers/*.ts', 'evaluator/engine/diffusion/schedule.ts'],
    tests: ['test/evaluator/engine/diffusion/samplers.test.ts'],
  },
  objectives: {
    mutate: ['evaluator/preference/{objectives,reverse-step}.ts'],
    tests: ['test/evaluator/preference/{objectives,reverse-step}.test.ts'],
  },
  optimisers: {
    mutate: ['evaluator/preference/{adamw,adamw8bit}.ts'],
    tests: ['test/evaluator/preference/adamw.test.ts'],
  },
  training: {
    mutate: ['evaluator/preference/{batches,loss-watch,run-folder,training-state,training-step,adapter-file}.ts'],
    tests: ['test/evaluator/preference/training-loop.test.ts'],
  },
  lora: {
    mutate: ['evaluator/engine/diffusion/lora.ts'],
    tests: ['test/evaluator/engine/diffusion/lora.test.ts'],
  },
  gates: { mutate: ['evaluator/screens/gates.ts'], tests: ['test/evaluator/screens/gates.test.ts'] },
  sessions: { mutate: ['server/http/session.ts'], tests: ['test/server/http/session.test.ts'] },
};

/** Above so many mutants of a target a seeded sample of them is tried. */
const most = 300;

const keyOf = (file, { location: { start, end }, mutatorName, replacement }) =>
  JSON.stringify([file, start.line, start.column, end.line, end.column, mutatorName, replacement]);

/** Every mutant that Stryker would make, by file; lines from 0, columns from 0. */
async function mutantsOf(patterns) {
  const names = (await glob(patterns, { cwd: root })).sort();
  const silent = { debug() {}, info() {}, isDebugEnabled: () => false };
  const files = names.map((name) => ({ name, mutate: true, content: readFileSync(join(root, name), 'utf8') }));
  const options = { plugins: null, excludedMutations: [], ignorers: [] };
  return (await new Instrumenter(silent).instrument(files, options)).mutants;
}

/** Stryker's reports count lines and columns from 1. */
function asReported({ location: { start, end }, ...rest }) {
  const shift = ({ line, column }) => ({ line: line + 1, column: column + 1 });
  return { ...rest, location: { start: shift(start), end: shift(end) } };
}

function rangeOf({ fileName, location: { start, end } }) {
  return `${fileName}:${start.line + 1}:${start.column}-${end.line + 1}:${end.column}`;
}

/** The first `count` in an order that the places' hashes decide: the same sources give the same sample. */
function sampleOf(mutants, count) {
  const order = mutants.map((mutant) => ({
    mutant,
    at: createHash('sha256').update(keyOf(mutant.fileName, mutant)).digest('hex'),
  }));
  return order
    .sort((x, y) => (x.at < y.at ? -1 : 1))
    .slice(0, count)
    .map(({ mutant }) => mutant);
}

const asked = process.argv.slice(2);
const unknown = asked.find((name) => !(name in targets));
if (unknown !== undefined) {
  console.error(`There is no target "${unknown}"; it must be one of ${Object.keys(targets).join(', ')}.`);
  process.exit(2);
}

const rows = [];
for (const name of asked.length > 0 ? asked : Object.keys(targets)) {
  const { mutate, tests } = targets[name];
  const all = await mutantsOf(mutate);
  const sample = all.length > most ? sampleOf(all, most) : undefined;
  const chosen = sample && new Set(sample.map((mutant) => keyOf(mutant.fileName, asReported(mutant))));
  const folder = mkdtempSync(join(tmpdir(), 'visavis-mutate-'));
  const report = join(folder, 'report.json');
  const config = join(folder, 'stryker.json');
  writeFileSync(
    config,
    JSON.stringify({
      testRunner: 'vitest',
      plugins: ['@stryker-mutator/vitest-runner'],
      vitest: { configFile: 'vitest.mutation.config.ts' },
      mutate: sample ? sample.map(rangeOf) : mutate,
      coverageAnalysis: 'perTest',
      // What runs once when a module is loaded cannot be switched on for one test.
      ignoreStatic: true,
      disableTypeChecks: true,
      ignorePatterns: ['dist', 'docs', '*.md'],
      concurrency: 2,
      timeoutMS: 20_000,
      tempDirName: join(folder, 'sandbox'),
      allowEmpty: false,
      reporters: ['json', 'progress-append-only'],
      jsonReporter: { fileName: report },
    }),
  );
  const { status } = spawnSync(
    process.execPath,
    [join(root, 'node_modules/@stryker-mutator/core/bin/stryker.js'), 'run', config],
    {
      cwd: root,
      stdio: ['ignore', 2, 2],
      env: { ...process.env, VISAVIS_MUTATION_TESTS: JSON.stringify(tests) },
    },
  );
  if (status !== 0) process.exit(status ?? 1);
  const { files } = JSON.parse(readFileSync(report, 'utf8'));
  rmSync(folder, { recursive: true, force: true });
  const counts = { killed: 0, survived: 0, ignored: 0 };
  for (const [file, { mutants }] of Object.entries(files)) {
    for (const mutant of mutants) {
      const { status, location, replacement, mutatorName } = mutant;
      // A range holds the mutants inside it too.
      if (chosen && !chosen.has(keyOf(file, mutant))) continue;
      if (['Killed', 'Timeout'].includes(status)) counts.killed += 1;
      else if (['Survived', 'NoCoverage'].includes(status)) {
        counts.survived += 1;
        const { line, column } = location.start;
        console.log(
          `${status} ${file}:${line}:${column} ${mutatorName}: ${(replacement ?? '').split('\n')[0].slice(0, 100)}`,
        );
      } else counts.ignored += 1;
    }
  }
  const tried = counts.killed + counts.survived;
  const share = counts.killed / tried;
  // Of a sample, with the standard error of its share.
  const of = sample ? ` of ${all.length} (± ${(100 * Math.sqrt((share * (1 - share)) / tried)).toFixed(1)} %)` : '';
  const sources = mutate.map((pattern) => `\`${pattern}\``).join(', ');
  rows.push(`| ${name} | ${sources} | ${tried}${of} | ${(100 * share).toFixed(1)} |`);
  console.log(rows.at(-1));
}
console.log(['', '| target | sources | mutants tried | killed in % |', '|---|---|---|---|', ...rows].join('\n'));
