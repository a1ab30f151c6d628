/**
 * @file How often the usual rule on exclusions names honest annotators and others, by how much work each has done. Run: npx tsx
 * test/bench/attackers.ts. Prints the table of docs/quality.md.
 */
import { median } from '../../evaluator/statistics/median.ts';
import { Random } from '../../evaluator/statistics/random.ts';
import { wilson } from '../../evaluator/statistics/wilson.ts';
import { suggestionFor, usualRule } from '../../evaluator/votes/quality.ts';
import { behave, behaviours, type Behaviour } from '../../server/simulation/behaviour.ts';

const people = 2000;
/** One gold pair and one repeat, with its sides exchanged, after so many pairs. */
const every = 5;

/**
 * Somebody's counts after so many pairs of one question. Honest people differ: they see the answer of a gold pair with .90 to .99,
 * decide as before with .65 to .90, and are up to twice as fast or slow as others.
 */
function work(
  { behaviour, patient }: { behaviour: Behaviour; patient: boolean },
  { pairs, usualMs, random, annotator }: { pairs: number; usualMs: number; random: Random; annotator: string },
) {
  const [sees, stands, pace] = [
    0.9 + 0.09 * random.uniform(),
    0.65 + 0.25 * random.uniform(),
    2 ** (2 * random.uniform() - 1),
  ];
  const side = (): 'left' | 'right' => (random.uniform() < 0.5 ? 'left' : 'right');
  const image = () => (random.uniform() < 0.5 ? 'a' : 'b');
  const counts = { gold: { right: 0, n: 0 }, repeats: { right: 0, n: 0 }, fast: { right: 0, n: 0 } };
  const timesOf: number[] = [];
  const answer = (pair: number, time: number, thinks: 'a' | 'b', i: number, sideA = side()) => {
    const situation = { seed: 1, annotator, pair, criterion: 'general', time, sideA, thinks, progress: i / pairs };
    const { choice, ms } = behave(behaviour, { ...situation, reward: rewardOf(pair) } as Parameters<typeof behave>[1]);
    const taken = patient ? 800 + 6000 * random.uniform() : ms;
    return { sideA, image: choice === sideA ? 'a' : 'b', ms: patient || behaviour === 'honest' ? taken * pace : taken };
  };
  // The reward sees the known answer in eight of ten gold pairs.
  const rewardOf = (pair: number) => (pair < 0 ? (known(pair, 0.8) ? 'a' : 'b') : pair % 2 === 0 ? 'a' : 'b');
  const known = (pair: number, share: number) => (Math.imul(pair, 2654435761) >>> 0) / 2 ** 32 < share;
  for (let i = 1; i <= pairs; i++) {
    const thinks = image();
    const first = answer(i, 0, thinks, i);
    timesOf.push(first.ms);
    if (i % every !== 0) continue;
    counts.gold.n++;
    if (answer(-i, 0, random.uniform() < sees ? 'a' : 'b', i).image === 'a') counts.gold.right++;
    counts.repeats.n++;
    const same = random.uniform() < stands ? thinks : thinks === 'a' ? 'b' : 'a';
    const swapped = first.sideA === 'left' ? 'right' : 'left';
    if (answer(i, 1, same, i, swapped).image === first.image) counts.repeats.right++;
  }
  counts.fast.n = timesOf.length;
  counts.fast.right = timesOf.filter((ms) => ms < usualMs * usualRule.fast).length;
  return counts;
}

const random = new Random(11);
const usualMs = median(Array.from({ length: 1000 }, () => 3800 * 2 ** (2 * random.uniform() - 1)))!;
const works = [20, 50, 100, 200];
console.log(`| behaviour | ${works.map((pairs) => `${pairs} pairs`).join(' | ')} |`);
console.log(`|---|${works.map(() => '---').join('|')}|`);
const rows = behaviours.flatMap((behaviour) => [
  { behaviour, patient: false },
  // The same, but each vote takes as long as an honest one: time gives nothing away.
  ...(['left', 'random', 'colluder', 'burst'].includes(behaviour) ? [{ behaviour, patient: true }] : []),
]);
for (const row of rows) {
  const cells = works.map((pairs) => {
    let named = 0;
    for (let i = 0; i < people; i++) {
      const annotator = `${row.behaviour} ${i}`;
      if (suggestionFor(work(row, { pairs, usualMs, random, annotator }), usualRule) !== null) named++;
    }
    const { low, high } = wilson(named, people);
    return `${((100 * named) / people).toFixed(1)} % (${(100 * low).toFixed(1)}–${(100 * high).toFixed(1)})`;
  });
  console.log(`| ${row.behaviour}${row.patient ? ', at an honest pace' : ''} | ${cells.join(' | ')} |`);
}
