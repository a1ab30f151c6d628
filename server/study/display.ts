/** @file What people had on screen while they voted, from what the page told with each vote: how often, and what it changes. */
import type { CountedVote } from '../../db/queries/counted-votes.ts';
import type { Seen } from '../../contract/annotate.ts';
import type { Report } from '../../contract/report.ts';
import { twoWayMean } from '../../evaluator/statistics/two-way.ts';

type DisplayReport = NonNullable<Report['display']>;

/** A smaller part of the images' pixels than this was shown: the question was answered on a reduction. */
const half = 0.5;

/** Each is a property of a vote, and who has it not is told beside. */
const properties: { name: string; holds: (seen: Seen) => boolean }[] = [
  {
    name: 'fewer than half of the pixels along a side were shown, zoom included',
    holds: ({ scale, zoom }) => scale > 0 && scale * zoom < half,
  },
  { name: 'looked closer (zoom)', holds: ({ zoom }) => zoom > 1 },
  { name: 'the page was out of sight for a while', holds: ({ hidden }) => hidden },
  { name: 'the browser had translated the page', holds: ({ translated }) => translated },
  { name: 'the page was shorter than 600 CSS pixels', holds: ({ viewport }) => viewport[1] < 600 },
];

/** Undefined when no vote says what was seen. */
export function displayReport(votes: readonly CountedVote[], criteria: readonly string[]): DisplayReport | undefined {
  const told = votes.flatMap((vote) => (vote.seen === null ? [] : [{ vote, seen: JSON.parse(vote.seen) as Seen }]));
  if (told.length === 0) return undefined;
  const languages = [...new Set(told.map(({ seen }) => seen.language ?? 'en'))].sort();
  const asked = [
    ...properties,
    ...(languages.length < 2
      ? []
      : languages.map((language) => ({
          name: `the page was in ${language}`,
          holds: (seen: Seen) => (seen.language ?? 'en') === language,
        }))),
  ];
  return {
    votes: told.length,
    untold: votes.length - told.length,
    slices: asked
      .map(({ name, holds }) => {
        const [having, lacking] = [told.filter(({ seen }) => holds(seen)), told.filter(({ seen }) => !holds(seen))];
        return {
          name,
          votes: having.length,
          byCriterion: criteria.map((criterion) => ({
            criterion,
            with: shareOf(having.map(({ vote }) => vote).filter((vote) => vote.criterion === criterion)),
            without: shareOf(lacking.map(({ vote }) => vote).filter((vote) => vote.criterion === criterion)),
          })),
        };
      })
      .filter(({ votes: having }) => having > 0),
  };
}

function shareOf(votes: readonly CountedVote[]): DisplayReport['slices'][number]['byCriterion'][number]['with'] {
  const values: number[] = votes.map(({ choice, sideA }) => (choice === 'tie' ? 0.5 : choice === sideA ? 1 : 0));
  const annotators = new Map([...new Set(votes.map(({ annotator }) => annotator))].map((name, i) => [name, i]));
  const found = twoWayMean(
    values,
    votes.map(({ pair }) => pair),
    votes.map(({ annotator }) => annotators.get(annotator)!),
  );
  const value = values.length === 0 ? null : values.reduce((sum, each) => sum + each, 0) / values.length;
  if (found === null)
    return { value, low: null, high: null, n: values.length, why: 'it needs two prompts and two annotators' };
  return { value, low: found.low, high: found.high, n: values.length };
}
