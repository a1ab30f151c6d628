// Writes docs/dependencies.md: every direct dependency with its version, licence and reason. `--check` compares instead.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const read = (path) => JSON.parse(readFileSync(join(root, path), 'utf8'));
const { dependencies, optionalDependencies, devDependencies } = read('package.json');
const { packages } = read('package-lock.json');
const reasons = read('scripts/dependencies.json');

const named = { ...dependencies, ...optionalDependencies, ...devDependencies };
const missing = Object.keys(named).filter((name) => !(name in reasons));
const gone = Object.keys(reasons).filter((name) => !(name in named));
if (missing.length + gone.length > 0) {
  console.error(
    `scripts/dependencies.json lacks ${missing.join(', ') || 'nothing'} and names ${gone.join(', ') || 'nothing'} too many.`,
  );
  process.exit(1);
}

/** The lock file has the licence that a package declares, unless in the old way. */
function row(name) {
  const { version, license = read(`node_modules/${name}/package.json`).licenses[0].type } =
    packages[`node_modules/${name}`];
  return `| ${name} | ${version} | ${license} | ${reasons[name]} |`;
}
const table = (list) =>
  ['| package | version | licence | why |', '|---|---|---|---|', ...Object.keys(list).map(row)].join('\n');
const text = `# Dependencies

Written by \`npm run dependencies\` from package.json, the lock file and \`scripts/dependencies.json\`, which has the reasons. What
visavis exists for is its own code; all else is a library that is well kept.

## At run time

${table({ ...dependencies, ...optionalDependencies })}

## To build and test

${table(devDependencies)}
`;
const file = join(root, 'docs', 'dependencies.md');
if (process.argv.includes('--check')) {
  if (readFileSync(file, 'utf8') === text) process.exit(0);
  console.error('docs/dependencies.md is old; run npm run dependencies.');
  process.exit(1);
}
writeFileSync(file, text);
