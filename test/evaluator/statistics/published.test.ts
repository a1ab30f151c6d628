/** @file Every published value of test/fixtures/golden/statistics.json. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { agrestiCoull } from '../../../evaluator/statistics/agresti-coull.ts';
import { binomialTest } from '../../../evaluator/statistics/binomial-test.ts';
import { bradleyTerry, type Battle } from '../../../evaluator/statistics/bradley-terry.ts';
import { clopperPearson } from '../../../evaluator/statistics/clopper-pearson.ts';
import { clusterError } from '../../../evaluator/statistics/cluster-error.ts';
import { cochranQ } from '../../../evaluator/statistics/cochran-q.ts';
import { dawidSkene } from '../../../evaluator/statistics/dawid-skene.ts';
import { fleissKappa, randolphKappa } from '../../../evaluator/statistics/fleiss-kappa.ts';
import { holm } from '../../../evaluator/statistics/holm.ts';
import { countRatings, krippendorffAlpha, type Metric } from '../../../evaluator/statistics/krippendorff-alpha.ts';
import { decide } from '../../../evaluator/statistics/majority.ts';
import { mcnemarChiSquared, mcnemarExact } from '../../../evaluator/statistics/mcnemar.ts';
import { cohenH, majorityOutcomes, promptsNeeded, sampleSizeByH } from '../../../evaluator/statistics/power.ts';
import { betaBinomialSequence, eValue } from '../../../evaluator/statistics/sequential.ts';
import { jodSigma } from '../../../evaluator/statistics/thurstone.ts';
import { wilson, type Interval } from '../../../evaluator/statistics/wilson.ts';
import { golden } from '../../support/folders.ts';

/* The file's inputs are as various as the methods; each computation below knows its own. */
/* eslint-disable @typescript-eslint/no-explicit-any */
interface Entry {
  input?: any;
  published?: number | number[];
  computed?: any;
  tol?: number;
}

const file = join(golden, 'statistics.json');
const entries = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Entry>;
const both = ({ low, high }: Interval) => [low, high];

/** [subject][rating 1 … 5], six ratings each, as the file has them. */
function tabulate(rows: number[][]): number[][] {
  const categories = [...new Set(rows.flat())].sort();
  return rows.map((row) => categories.map((category) => row.filter((x) => x === category).length));
}

const won = ([left, right]: number[]): Battle => ({ left: left!, right: right!, winner: 'left' });
const wikipedia = (rows: number[][]): Battle[] =>
  rows.map(([left, right, count]) => ({ left: left!, right: right!, winner: 'left', count: count! }));
const values = (battles: Battle[], items: number, options = {}) =>
  bradleyTerry(items, battles, options).ratings!.map((r) => r.value);

const teams = ['Baltimore', 'Boston', 'Cleveland', 'Detroit', 'Milwaukee', 'New York', 'Toronto'];
const baseball = (side: boolean) =>
  bradleyTerry(
    teams.length,
    (entries['bt_order_effect_baseball_home_coef']!.input as [string, string, number, number][]).flatMap(
      ([home, away, wins, losses]) => {
        const pair = { left: teams.indexOf(home), right: teams.indexOf(away) };
        return [
          { ...pair, winner: 'left' as const, count: wins },
          { ...pair, winner: 'right' as const, count: losses },
        ];
      },
    ),
    { side },
  );

const metrics: Record<string, Metric> = {
  nominal: 'nominal',
  ordinal: 'ordinal',
  interval: 'interval',
  ratio: 'ratio',
  easy: 'nominal',
  binary: 'nominal',
};

const methods: [RegExp, (entry: Entry, name: string) => number | number[]][] = [
  [/^fleiss_1971/, ({ input }) => fleissKappa(tabulate(input)).value!],
  [/^fleiss_/, ({ input }) => fleissKappa(input).value!],
  [/^randolph_free/, ({ input }) => randolphKappa(input).value!],
  [
    /^kripp_/,
    ({ input }, name) => {
      const { counts, values: categories } = countRatings(input as (number | null)[][]);
      return krippendorffAlpha(counts, categories as number[], metrics[name.split('_').at(-1)!]!).value!;
    },
  ],
  [/^prop_wilson/, ({ input: [s, n] }) => both(wilson(s, n))],
  [/^prop_clopper|^clopper_pearson/, ({ input: [s, n] }) => both(clopperPearson(s, n))],
  [/^prop_agresti/, ({ input: [s, n] }) => both(agrestiCoull(s, n))],
  [/^binom_exact/, ({ input: [s, n] }) => binomialTest(s, n, 1 / 6)],
  [/^mcnemar_exact/, ({ input: [b, c] }) => mcnemarExact(b, c)],
  [/^mcnemar_chi2/, ({ input: [b, c] }) => Object.values(mcnemarChiSquared(b, c))],
  [/^cochran_q/, ({ input }) => Object.values(cochranQ(input)) as number[]],
  [/^holm/, ({ input }) => holm(input) as number[]],
  [
    /^power_one_prop/,
    ({ input: { p1, p0, alpha, power } }) => sampleSizeByH(cohenH(p1, p0), { alpha, power, oneSided: true }),
  ],
  [/^cohen_h/, ({ input: [p1, p2] }) => cohenH(p1, p2)],
  [/^bt_wikipedia_4teams/, ({ input }) => values(wikipedia(input), 4).map(Math.exp)],
  [/^bt_choix_8random/, ({ input }) => values((input as number[][]).map(won), 8, { prior: 0.5 })],
  [/^bt_choix/, ({ input }) => values((input as number[][]).map(won), 3)],
  [/^bt_order_effect/, () => baseball(true).side!.value],
  [/^thurstone/, () => jodSigma],
  [/^confseq/, ({ input: [s, n, alpha, optimal] }) => both(betaBinomialSequence(s, n - s, optimal, 1 - alpha))],
  [/^dawid_skene_1979_class/, ({ input }) => dawidAndSkene(input).marginals],
];

/** "1:111/1/1/1/1 …": item, then the answers of each observer; the first saw each patient three times. */
function dawidAndSkene(text: string) {
  const responses = text.split(' ').flatMap((row) => {
    const [item, answers] = row.split(':');
    return answers!
      .split('/')
      .flatMap((labels, annotator) =>
        [...labels].map((label) => ({ item: Number(item) - 1, annotator, label: Number(label) - 1 })),
      );
  });
  return dawidSkene({ items: 45, annotators: 5, classes: 4 }, responses);
}

describe('published values', () => {
  it.each(Object.keys(entries).filter((name) => entries[name]!.published !== undefined))('%s', (name) => {
    const entry = entries[name]!;
    const method = methods.find(([pattern]) => pattern.test(name));
    expect(method, `no method for ${name}`).toBeDefined();
    const got = [method![1](entry, name)].flat();
    const wanted = [entry.published!].flat();
    expect(got).toHaveLength(wanted.length);
    got.forEach((value, i) =>
      expect(Math.abs(value - wanted[i]!), `${value} for ${wanted[i]}`).toBeLessThanOrEqual(entry.tol!),
    );
    // What the file's author computed to all digits is held too, a little wider than rounding.
    if (Array.isArray(entry.computed) || typeof entry.computed === 'number') {
      const digits = [entry.computed].flat().filter((x): x is number => typeof x === 'number');
      got.slice(0, digits.length).forEach((value, i) => {
        // The ranges of confidence sequences and of EM end at their own stopping rules.
        const wide = /confseq|dawid/.test(name) ? 2e-6 : 1e-7;
        expect(Math.abs(value - digits[i]!)).toBeLessThan(wide * Math.max(1, Math.abs(digits[i]!)));
      });
    }
  });
});

describe('computed checks', () => {
  const computed = (name: string) => entries[name]!.computed;

  it('prompts needed for each win rate', () => {
    for (const [p, n] of Object.entries(computed('sample_size_prompts_two_sided_computed') as Record<string, number>)) {
      expect(promptsNeeded(Number(p), { power: 0.8, alpha: 0.05, tieRate: 0 })).toBeCloseTo(n, 6);
    }
  });

  it('Agresti’s baseball with and without the home term', () => {
    const { no_order: without, order: withHome } = entries['bt_baseball_full_computed'] as any;
    for (const [fit, expected] of [
      [baseball(false), without],
      [baseball(true), withHome],
    ] as const) {
      for (const [team, coefficient] of Object.entries(expected.coef as Record<string, number>)) {
        if (team === 'at.home') {
          expect(fit.side!.value).toBeCloseTo(coefficient, 6);
          expect(fit.side!.error).toBeCloseTo(expected.se[team], 6);
        } else expect(fit.ratings![teams.indexOf(team)]!.value - fit.ratings![0]!.value).toBeCloseTo(coefficient, 6);
      }
    }
  });

  it('Stigler’s citations', () => {
    const { input, computed: expected } = entries['bt_citations_computed'] as { input: number[][]; computed: number[] };
    const battles = input.flatMap((row, cited) =>
      row.flatMap((count, citing) =>
        cited === citing ? [] : [{ left: cited, right: citing, winner: 'left' as const, count }],
      ),
    );
    const ratings = values(battles, 4);
    ratings.forEach((rating, i) => expect(rating - ratings[0]!).toBeCloseTo(expected[i]!, 6));
  });

  it('the sandwich errors of arena-rank', () => {
    const { theta, se } = computed('bt_wikipedia_sandwich_computed') as { theta: number[]; se: number[] };
    const battles = wikipedia(entries['bt_wikipedia_4teams']!.input);
    const n = battles.reduce((sum, battle) => sum + battle.count!, 0);
    const { ratings } = bradleyTerry(4, battles, { prior: (1e-5 * n) / 2 });
    ratings!.forEach((rating, i) => {
      expect(rating.value).toBeCloseTo(theta[i]!, 3);
      expect(rating.robustError).toBeCloseTo(se[i]!, 3);
    });
  });

  it('e-values of the uniform mixture', () => {
    for (const [key, value] of Object.entries(
      computed('evalue_uniform_mixture_p0_half_computed') as Record<string, number>,
    )) {
      const [wins, n] = key.split('/').map(Number) as [number, number];
      expect(eValue(wins, n - wins) / value).toBeCloseTo(1, 9);
    }
  });

  it('the 27 triples of three votes with ties', () => {
    const names = { a: 'A', b: 'B', tie: 'tie_majority', split: 'no_majority(A,B,T)' } as Record<string, string>;
    const counts: Record<string, number> = {};
    for (let code = 0; code < 27; code++) {
      const votes = [code % 3, Math.floor(code / 3) % 3, Math.floor(code / 9)];
      const count = (choice: number) => votes.filter((vote) => vote === choice).length;
      const decision = names[decide(count(0), count(1), count(2), 3)]!;
      counts[decision] = (counts[decision] ?? 0) + 1;
    }
    expect(counts).toEqual(computed('majority_of_three_enumeration'));
  });

  it('three independent votes amplify a preference', () => {
    for (const [p, expected] of Object.entries(computed('majority3_amplification') as Record<string, number>)) {
      expect(majorityOutcomes(Number(p), { votes: 3 }).a).toBeCloseTo(expected, 12);
    }
  });

  it('three identical votes a prompt have the error of one', () => {
    const { se_one_vote, se_cluster } = computed('cluster_robust_identity');
    const outcomes = [1, 0, 1, 1, 0, 1, 0, 1, 1, 0].map((x) => [x]);
    const thrice = outcomes.map(([x]) => [x!, x!, x!]);
    expect(clusterError(thrice)).toBeCloseTo(clusterError(outcomes), 12);
    expect(se_cluster).toBeCloseTo(se_one_vote, 12);
  });

  it('Dawid and Skene’s log-likelihood', () => {
    const fit = dawidAndSkene(entries['dawid_skene_1979_class_marginals']!.input);
    expect(fit.logLikelihood).toBeCloseTo(computed('dawid_skene_1979_loglik_computed'), 5);
  });
});
