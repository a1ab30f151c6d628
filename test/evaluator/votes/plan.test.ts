/** @file Verdicts by a plan, from counts whose tests and intervals are known. */
import { expect, it } from 'vitest';
import { contradictsPreset, planSchema } from '../../../contract/plan.ts';
import type { Report } from '../../../contract/report.ts';
import { planReport } from '../../../evaluator/votes/plan.ts';
import { buildReport } from '../../../evaluator/votes/report.ts';
import { outcomes, sides, VoteTableBuilder } from '../../../evaluator/votes/vote-table.ts';

/** One vote a pair. @param open pairs without one */
function reportOn({ wins = 0, losses = 0, ties = 0, open = 0 }, primary = 'general'): Report {
  const table = new VoteTableBuilder(['appeal', 'general', 'alignment']);
  const all = [
    ...Array<'a'>(wins).fill('a'),
    ...Array<'b'>(losses).fill('b'),
    ...Array<'tie'>(ties).fill('tie'),
    ...Array<null>(open).fill(null),
  ];
  for (const [i, outcome] of all.entries()) {
    const item = table.itemIndex({ id: String(i), category: null, challenge: null });
    if (outcome === null) continue;
    for (const criterion of [0, 1, 2])
      table.add({
        item,
        annotator: table.annotatorIndex(`p${i % 7}`),
        criterion,
        outcome: outcomes[outcome],
        sideOfA: sides.left,
        responseTimeMs: 1000,
      });
  }
  const votes = table.finish();
  return buildReport({ study: 's', modelA: 'x', modelB: 'y', simulated: false, votesPerPair: 1, votes, primary });
}

function verdict(plan: object, counts: Parameters<typeof reportOn>[0], state = 'closed', departures: string[] = []) {
  const parsed = planSchema.parse({ primary: 'general', ...plan });
  return planReport(reportOn(counts), { plan: parsed, sha256: 'h', preset: null, state, departures });
}

it.each([
  // z = 20/√100 = 2, p = .0455.
  ['superiority', {}, { wins: 60, losses: 40 }, 'holds', 'x is preferred to y (p 0.046, α 0.05).'],
  ['superiority', {}, { wins: 40, losses: 60 }, 'holds', 'y is preferred to x (p 0.046, α 0.05).'],
  ['superiority', { alpha: 0.01 }, { wins: 60, losses: 40 }, 'fails', 'No difference is shown (p 0.046, α 0.01).'],
  ['superiority', {}, { wins: 59, losses: 41 }, 'fails', 'No difference is shown (p 0.072, α 0.05).'],
  // Wilson 95 % of 50 of 100: .4038–.5962; 90 %: .4188–.5812.
  [
    'non-inferiority',
    { margin: 0.1 },
    { wins: 50, losses: 50 },
    'holds',
    'x is not worse than y by 10 points (95 % interval 40.4–59.6).',
  ],
  [
    'non-inferiority',
    { margin: 0.09 },
    { wins: 50, losses: 50 },
    'fails',
    'Not shown: x is not worse than y by 9 points (95 % interval 40.4–59.6).',
  ],
  [
    'equivalence',
    { margin: 0.09 },
    { wins: 50, losses: 50 },
    'holds',
    'x and y are equivalent within 9 points (90 % interval 41.9–58.1).',
  ],
  [
    'equivalence',
    { margin: 0.08 },
    { wins: 50, losses: 50 },
    'fails',
    'Not shown: x and y are equivalent within 8 points (90 % interval 41.9–58.1).',
  ],
  // Better by more than the margin is no equivalence, but no inferiority either.
  ['equivalence', { margin: 0.09 }, { wins: 60, losses: 40 }, 'fails', undefined],
  ['non-inferiority', { margin: 0.09 }, { wins: 60, losses: 40 }, 'holds', undefined],
] as const)('%s %j on %j: %s', (hypothesis, more, counts, expected, says) => {
  const [found] = verdict({ hypothesis, ...more }, counts).verdicts;
  expect(found!.verdict).toBe(expected);
  if (says !== undefined) expect(found!.says).toBe(says);
});

it('an open study has no verdict yet, one that is closed early departs from its plan', () => {
  const counts = { wins: 60, losses: 40, open: 12 };
  expect(verdict({}, counts, 'open')).toMatchObject({ verdicts: [{ verdict: 'open' }], departures: [] });
  expect(verdict({}, counts, 'closed', ['something else'])).toMatchObject({
    verdicts: [{ verdict: 'holds' }],
    departures: ['stopped 12 pairs early', 'something else'],
  });
  expect(verdict({}, { open: 3 }).verdicts[0]).toMatchObject({ verdict: 'open', says: 'Nothing is decided yet.' });
});

it('who is left out opens no pair: neither early nor open', () => {
  const plan = planSchema.parse({ primary: 'general', exclusions: 'a rule' });
  const now = reportOn({ wins: 60, losses: 40, open: 12 });
  const report = {
    ...now,
    withExcluded: { annotators: 1, votes: 12, criteria: reportOn({ wins: 72, losses: 40 }).criteria },
  };
  for (const state of ['closed', 'open'])
    expect(planReport(report, { plan, sha256: 'h', preset: null, state, departures: [] })).toMatchObject({
      verdicts: [{ verdict: 'holds' }],
      departures: [],
    });
});

it('margins and levels are printed as they were declared', () => {
  const plan = { hypothesis: 'non-inferiority', margin: 0.025, alpha: 0.025 };
  expect(verdict(plan, { wins: 500, losses: 500 }).verdicts[0]!.says).toMatch(/by 2\.5 points \(97\.5 % interval/);
});

it('one that ends by its e-value may end early once it is reached, and not before', () => {
  // E = 2^n W! L!/(n + 1)!: 8 to none 2^8/9 = 28.4, 7 to none 16.
  const plan = { stopping: 'e-value' };
  expect(verdict(plan, { wins: 8, open: 12 })).toMatchObject({
    verdicts: [{ verdict: 'holds', says: 'x is preferred to y (e-value 28.4, it needs 20.0).' }],
    departures: [],
  });
  expect(verdict(plan, { losses: 8 }).verdicts[0]!.says).toContain('y is preferred to x');
  expect(verdict(plan, { wins: 7, open: 13 })).toMatchObject({
    verdicts: [{ verdict: 'fails', says: 'No difference is shown (e-value 16.0, it needs 20.0).' }],
    departures: ['stopped 13 pairs early'],
  });
  expect(verdict(plan, { wins: 7, open: 13 }, 'open').verdicts[0]!.verdict).toBe('open');
  expect(verdict({ ...plan, alpha: 0.1 }, { wins: 6, open: 1 }).verdicts[0]!.says).toBe(
    'No difference is shown (e-value 9.14, it needs 10.0).',
  );
});

it('the primary criterion is tested alone, the others are corrected without it', () => {
  const p = (primary: string) =>
    Object.fromEntries(
      reportOn({ wins: 60, losses: 40 }, primary).criteria.map((row) => [row.criterion, row.signTest.pHolm]),
    );
  const alone = 0.0455002638;
  expect(p('general')['general']).toBeCloseTo(alone, 8);
  expect(p('general')['appeal']).toBeCloseTo(2 * alone, 8);
  expect(p('none')['general']).toBeCloseTo(3 * alone, 8);
});

it.each([
  [{ primary: 'general', hypothesis: 'equivalence' }, 'margin'],
  [{ primary: 'general', margin: 0.1 }, 'margin'],
  [{ primary: 'general', hypothesis: 'non-inferiority', margin: 0.1, stopping: 'e-value' }, 'stopping'],
  [{ primary: 'Beauty' }, 'primary'],
  [{ primary: 'general', alpha: 0 }, 'alpha'],
])('%j is no plan', (plan, path) => {
  expect(planSchema.safeParse(plan).error!.issues[0]!.path).toEqual([path]);
});

it('a preset is what its paper did', () => {
  const ncp = { criteria: ['general', 'appeal', 'alignment'] as const, votesPerPair: 3, ties: false };
  const like = (change: object) => ({ ...ncp, criteria: [...ncp.criteria], ...change });
  expect(contradictsPreset('ncp', like({}))).toBeUndefined();
  expect(contradictsPreset('diffusion-dpo', like({ votesPerPair: 5 }))).toBeUndefined();
  expect(contradictsPreset('diffusion-dpo', like({}))).toBe('the preset diffusion-dpo has 5 votes a pair, not 3');
  expect(contradictsPreset('ncp', like({ ties: true }))).toContain('no ties');
  expect(contradictsPreset('ncp', like({ criteria: ['general'] }))).toContain('asks about');
});
