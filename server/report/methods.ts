/** @file How a study was made and computed, in sentences for a paper; and the points that Otani et al. (2023, arXiv:2304.01816) ask for. */
import { criterionTexts, hidesPrompt, isBuiltIn, nameOfCriterion } from '../../contract/criteria.ts';
import { inLanguage } from '../study/visit.ts';
import { pairingsOf } from '../../evaluator/votes/models.ts';
import type { StudyAbout } from './about.ts';
import type { AnyReport } from '../../contract/report.ts';

const list = (words: readonly string[]) =>
  words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)!}`;
const plural = (count: number, word: string) => `${count} ${word}${count === 1 ? '' : 's'}`;
const countWords = (count: number) => count.toLocaleString('en');

export function criteriaOf(report: AnyReport) {
  return pairingsOf(report).flatMap(({ criteria }) => criteria);
}

/** Paragraphs without markup. */
export function methods(about: StudyAbout, report: AnyReport, version: string): string[] {
  return [design(about), people(about, report), statistics(about, report, version)];
}

function modelWords({ models }: StudyAbout): string {
  const known = models.filter(({ sampler }) => sampler !== undefined);
  const settings = new Set(
    known.map(({ sampler, steps, guidance }) => `${sampler}, ${steps} steps, guidance ${guidance}`),
  );
  if (known.length === 0) return 'The images were imported.';
  if (settings.size === 1 && known.length === models.length)
    return `All images were rendered with the same settings (${[...settings][0]!}).`;
  return `Settings: ${models.map(({ name, sampler, steps, guidance }) => `${name}: ${sampler === undefined ? 'imported images' : `${sampler}, ${steps} steps, guidance ${guidance}`}`).join('; ')}.`;
}

function design(about: StudyAbout): string {
  const names = list(about.models.map(({ name }) => name));
  const compared =
    about.models.length === 2
      ? `We compared ${names}`
      : about.against === undefined
        ? `We compared each two of ${names}`
        : `We compared ${list(about.models.map(({ name }) => name).filter((name) => name !== about.against))}, each with ${about.against},`;
  const sample = about.promptSample === null ? '' : ', a sample stratified by category';
  const seeds = about.seeds.length <= 3 ? `seed ${list(about.seeds.map(String))}` : `${about.seeds.length} seeds`;
  return `${compared} side by side on ${countWords(about.prompts)} prompts of ${about.promptSet}${sample} (${countWords(about.pairs)} pairs of images of ${list(about.sizes)} pixels, both of a pair of the same seed; ${seeds}). ${drawnWords(about)}${modelWords(about)}`;
}

function drawnWords({ active }: StudyAbout): string {
  if (active === null) return '';
  return `Which two models a pair compared was drawn while people voted: evenly with the probability ${active.random}, else in proportion to how much one more comparison would shrink the summed variance of the Bradley–Terry strengths; strengths weight each vote by the inverse of its pair’s chance. `;
}

function people(about: StudyAbout, report: AnyReport): string {
  const asked = questionsOf(about).map((question) => `“${question}”`);
  const counted = report.annotators.filter(({ excluded }) => !excluded).length;
  const { visit } = about;
  const checks = [
    ...(visit?.practice === undefined ? [] : [plural(visit.practice.length, 'practice pair')]),
    ...(visit?.gold === undefined
      ? []
      : [`a pair with a known answer after every ${plural(visit.gold.every, 'pair')}`]),
    ...(visit?.repeat === undefined ? [] : [`a repeated pair after every ${plural(visit.repeat.every, 'pair')}`]),
  ];
  const left = report.withExcluded;
  return [
    `Each pair got ${plural(about.votesPerPair, 'vote')} by different ${report.simulated ? 'simulated annotators' : 'annotators'} on ${list(asked)}, ${tieWords(about)}${about.split ? '; each annotator answered one question of a pair' : ''}. Annotators did not know which model an image was of; each model stood on the left for half of the votes, and the order of the pairs was random.`,
    ...orderOfQuestions(about),
    ...(checks.length === 0 ? [] : [`The visit had ${list(checks)}.`]),
    `${takers(counted, report.simulated)} took part${left === undefined ? '' : `; ${excluded(left)} (results with them are reported beside)`}.`,
  ].join(' ');
}

function tieWords({ ties, bothBad }: StudyAbout): string {
  if (!ties) return 'without ties';
  return bothBad ? 'with ties allowed, which could say that neither image would do' : 'with ties allowed';
}

/** Word by word, in the language that the study has first. */
function questionsOf({ criteria, ownCriteria, visit }: StudyAbout): string[] {
  return criteria.map((criterion) => {
    if (isBuiltIn(criterion)) return criterionTexts[criterion].question;
    return inLanguage(ownCriteria.find(({ id }) => id === criterion)!.question, visit ?? { languages: ['en'] });
  });
}

function orderOfQuestions({ criteria, ownCriteria, visit, split }: StudyAbout): string[] {
  const hidden = criteria.filter((criterion) => hidesPrompt(criterion, ownCriteria));
  const names = list(
    hidden.map((criterion, i) => (i === 0 ? nameOfCriterion(criterion) : nameOfCriterion(criterion).toLowerCase())),
  );
  return [
    ...(hidden.length === 0
      ? []
      : [
          `${names} ${hidden.length === 1 ? 'was' : 'were'} judged ${split ? 'without the prompt' : 'before the prompt was shown'}.`,
        ]),
    ...(visit?.order === 'rotated' ? ['The order of the questions was rotated over annotators.'] : []),
  ];
}

function holmWords({ criteria }: StudyAbout, { plan }: AnyReport): string {
  if (criteria.length < 2) return '';
  return plan === undefined
    ? ` p values are corrected over the ${criteria.length} criteria by Holm’s method where we say so.`
    : ` The primary criterion (${plan.primary}) is tested alone; p values of the others are corrected over them by Holm’s method where we say so.`;
}

function takers(count: number, simulated: boolean): string {
  if (simulated) return plural(count, 'simulated annotator');
  return count === 1 ? 'One person' : `${countWords(count)} people`;
}

function excluded({ annotators, votes }: { annotators: number; votes: number }): string {
  const who = annotators === 1 ? 'one more was' : `${countWords(annotators)} more were`;
  return `${who} excluded with ${plural(votes, 'vote')}`;
}

function statistics(about: StudyAbout, report: AnyReport, version: string): string {
  const rows = criteriaOf(report);
  const hasTies = rows.some(({ ties, split }) => ties + split > 0);
  const holm = holmWords(about, report);
  const many =
    about.models.length > 2
      ? ' Strengths are from the Bradley–Terry model, with ties after Davidson where there were any, and sandwich errors clustered by prompt.'
      : '';
  const { plan } = report;
  const planned =
    plan === undefined
      ? ''
      : ` The plan (${plan.hypothesis} on ${plan.primary}, α = ${plan.alpha}) was fixed before the first vote (SHA-256 ${plan.sha256.slice(0, 16)}…)${plan.departures.length === 0 ? '' : `; otherwise than planned: ${plan.departures.join('; ')}`}.`;
  return `A pair is won by the model that more than half of its votes name${hasTies ? '; ties and pairs without a majority count one half' : ''}. We report the majority win rate over pairs with ${hasTies ? 'Tango’s score interval for paired proportions' : 'Wilson’s interval'} (95 %) and test it by McNemar’s score test, two-sided.${holm} Agreement is Krippendorff’s α (nominal), with intervals from ${countWords(rows[0]?.bootstrap.resamples ?? 2000)} bootstrap samples of prompts (seed ${rows[0]?.bootstrap.seed ?? 0}).${many}${planned} Computed with visavis ${version}.`;
}

export interface ChecklistItem {
  point: string;
  /** Undefined where the study does not know it: the author fills it in. */
  answer: string | undefined;
}

export function checklist(about: StudyAbout, report: AnyReport): ChecklistItem[] {
  const rows = criteriaOf(report);
  const alphas = rows.flatMap(({ criterion, agreement: { krippendorffAlpha } }) =>
    krippendorffAlpha === null ? [] : [`${criterion} ${krippendorffAlpha.toFixed(2)}`],
  );
  const times = report.annotators.flatMap(({ medianResponseTimeMs }) => medianResponseTimeMs ?? []);
  const { visit } = about;
  return [
    {
      point: 'What is evaluated, and what annotators are asked, word by word',
      answer: questionsOf(about).join(' / '),
    },
    {
      point: 'Kind of judgement',
      answer: `a choice between two images${about.ties ? ', or a tie' : ''}${about.bothBad ? ', which could say that neither would do' : ''}`,
    },
    {
      point: 'Prompts: source, number, how sampled',
      answer: `${about.promptSet}, ${about.prompts}${about.promptSample === null ? ', all that are rendered' : ', stratified by category'}`,
    },
    {
      point: 'Images: number for each prompt and model, seeds, cherry-picking',
      answer: `one, ${about.seeds.length === 1 ? `seed ${about.seeds[0]}` : `seeds ${about.seeds[0]} to ${about.seeds.at(-1)}`}; none was left out or picked`,
    },
    { point: 'Annotators: how recruited, who they are', answer: report.simulated ? 'simulated' : undefined },
    { point: 'Annotators: number, judgements by each', answer: judgements(report) },
    { point: 'Pay', answer: visit?.about?.pay },
    { point: 'Consent and ethics review', answer: undefined },
    { point: 'Judgements for each item, and how they are aggregated', answer: `${about.votesPerPair}; the majority` },
    {
      point: 'Blinding and order',
      answer: 'models blind; sides balanced within each pair’s votes; pairs in random order',
    },
    {
      point: 'Training and qualification of annotators',
      answer: visit?.practice === undefined ? 'none' : plural(visit.practice.length, 'practice pair'),
    },
    {
      point: 'Checks of attention',
      answer:
        visit?.gold === undefined && visit?.repeat === undefined
          ? 'none'
          : `${visit.gold === undefined ? 'no' : 'some'} pairs with a known answer, ${visit.repeat === undefined ? 'no' : 'some'} repeated pairs`,
    },
    {
      point: 'Exclusions',
      answer:
        report.withExcluded === undefined
          ? 'none'
          : `${report.withExcluded.annotators} annotators, ${report.withExcluded.votes} votes; results with them stand beside`,
    },
    {
      point: 'Agreement between annotators',
      answer: alphas.length === 0 ? undefined : `Krippendorff’s α: ${alphas.join(', ')}`,
    },
    {
      point: 'Time',
      answer:
        times.length === 0
          ? undefined
          : `annotators’ median times for a vote from ${(Math.min(...times) / 1000).toFixed(1)} to ${(Math.max(...times) / 1000).toFixed(1)} s`,
    },
    { point: 'Interval and test', answer: 'Tango’s 95 % interval over pairs, McNemar’s score test' },
    { point: 'Data and code', answer: 'visavis bundle writes prompts, images’ hashes, votes and log' },
  ];
}

function judgements({ annotators }: AnyReport): string {
  if (annotators.length === 0) return 'nobody yet';
  const votes = annotators.map((person) => person.votes);
  return `${annotators.length}, from ${Math.min(...votes)} to ${Math.max(...votes)} votes each`;
}
