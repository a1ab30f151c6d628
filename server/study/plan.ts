/** @file A study's plan: frozen with its hash when the study is made, and what was done otherwise. */
import { createHash } from 'node:crypto';
import type { Plan, PresetName } from '../../contract/plan.ts';
import type { CriterionOfFile, StudyFile } from '../../contract/study-file.ts';
import { listAuditEntries } from '../../db/queries/audit.ts';
import type { Database } from '../../db/open.ts';
import type { Study } from '../../db/queries/studies.ts';
import { ruleInWords } from '../../evaluator/votes/quality.ts';
import { declared, levelOf, type StudyPlan } from '../../evaluator/votes/plan.ts';
import { excludedNow } from './exclusions.ts';
import { seenWhileRunning } from './reveal.ts';

/** It was checked when the study was made. */
export function planOf({ plan }: Pick<Study, 'plan'>): Plan | null {
  return plan as Plan | null;
}

/** JSON with sorted keys and without spaces: the same text for the same value, whoever writes it. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value)
    .filter(([, part]) => part !== undefined)
    .sort(([x], [y]) => (x < y ? -1 : 1));
  return `{${entries.map(([key, part]) => `${JSON.stringify(key)}:${canonicalJson(part)}`).join(',')}}`;
}

/** Of all that was decided. */
export function planHash(file: StudyFile): string {
  return createHash('sha256').update(canonicalJson(file)).digest('hex');
}

/**
 * What a report says of the plan beside the votes; null without one.
 * @param ruleDepartures what was done otherwise than its rule on exclusions
 */
export async function studyPlan(
  db: Database,
  study: Study,
  ruleDepartures: readonly string[],
): Promise<StudyPlan | null> {
  const plan = planOf(study);
  if (plan === null || study.planSha256 === null) return null;
  // An earlier study may have had the name.
  const log = (await listAuditEntries(db, study.name)).filter(({ createdAt }) => createdAt >= study.createdAt);
  const looks = log.filter(({ action }) => action === seenWhileRunning).length;
  const states = log.filter(({ action }) => /^study (open|paused|closed)$/.test(action)).map(({ action }) => action);
  const reopened = states.filter((action, k) => action === 'study open' && states[k - 1] === 'study closed').length;
  const excluded = (await excludedNow(db, study.id)).size;
  const times = (count: number) => (count === 1 ? 'once' : `${count} times`);
  const departures = [
    ...(plan.stopping === 'fixed' && looks > 0 ? [`running results were seen ${times(looks)}`] : []),
    ...(reopened > 0 ? [`opened again after it was closed, ${times(reopened)}`] : []),
    ...(study.extraSeats > 0
      ? [
          `others were asked about ${study.extraSeats === 1 ? 'a place' : `${study.extraSeats} places`} of annotators who were left out`,
        ]
      : []),
    ...ruleDepartures,
    ...(plan.exclusions === undefined && plan.exclusionRule === undefined && excluded > 0
      ? [`${excluded === 1 ? 'one annotator was' : `${excluded} annotators were`} left out without a rule for it`]
      : []),
  ];
  const { state, planSha256: sha256, preset } = study;
  return {
    plan: { ...plan, exclusions: exclusionsInWords(plan), exclusionRule: undefined },
    sha256,
    preset: preset as PresetName | null,
    state,
    departures,
  };
}

/** A question of the study's own with its words: its name alone is nobody else's. */
function askedInWords(asked: CriterionOfFile): string {
  if (typeof asked === 'string') return asked;
  const words = typeof asked.question === 'string' ? [asked.question] : Object.values(asked.question);
  return `${asked.id} (${words.map((text) => `“${text}”`).join(', ')}${asked.hidesPrompt ? ', without the prompt' : ''})`;
}

/** The rule in words, in numbers, or both; undefined without one. */
export function exclusionsInWords({ exclusions, exclusionRule }: Plan): string | undefined {
  const said = [
    ...(exclusions === undefined ? [] : [exclusions]),
    ...(exclusionRule ? [ruleInWords(exclusionRule)] : []),
  ];
  return said.length === 0 ? undefined : said.join(' ');
}

const hypotheses = {
  superiority: 'One of the models wins more than half of the pairs.',
  'non-inferiority': 'Model A does not win less than half of the pairs by more than the margin.',
  equivalence: 'Model A wins half of the pairs within the margin.',
};

/** For a registry, as Markdown. */
export function planText(file: StudyFile, sha256: string): string {
  const { plan } = file;
  if (plan === undefined) return '';
  const models =
    'models' in file
      ? `${file.models.join(', ')}${file.against === undefined ? ', each two' : `, each against ${file.against}`}`
      : `${file.modelA} (A) against ${file.modelB} (B)`;
  return `# ${file.name}

Registered before the first vote. SHA-256 of the study's file as canonical JSON: \`${sha256}\`

- **Compared:** ${models}, side by side on ${file.promptSample === undefined ? 'every prompt' : `${file.promptSample} prompts, stratified by category,`} of ${file.promptSet}.
- **Asked:** ${file.criteria.map(askedInWords).join(', ')}; ${file.votesPerPair} ${file.votesPerPair === 1 ? 'vote' : 'votes'} a pair by different annotators${file.split === true ? ', each question of a pair by others' : ''}, ${file.ties ? 'ties allowed' : 'no ties'}; a pair is won by more than half of its votes.
- **Primary criterion:** ${plan.primary}, tested alone; the others are corrected by Holm's method.
- **Hypothesis:** ${plan.hypothesis}. ${hypotheses[plan.hypothesis]}${plan.margin === undefined ? '' : ` The margin is ${declared(100 * plan.margin)} points of the win rate.`}
- **Test:** ${plan.stopping === 'e-value' ? `the e-value of won against lost pairs, which must reach ${(1 / plan.alpha).toPrecision(3)}` : plan.hypothesis === 'superiority' ? `McNemar's score test, two-sided, α = ${plan.alpha}` : `Tango's interval at ${declared(100 * levelOf(plan))} %`}.
- **It ends** ${plan.stopping === 'fixed' ? 'when every pair has all its votes' : 'when the e-value is reached, or every pair has all its votes'}.
- **Annotators are left out:** ${exclusionsInWords(plan) ?? 'none'}

\`\`\`json
${canonicalJson(file)}
\`\`\`
`;
}
