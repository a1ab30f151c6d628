/**
 * @file A full report of 4 models: 6 pairs of models × 1,632 prompts × 3 criteria × 3 votes, 23 slices, 2,000 bootstraps;
 * twice, and the bytes compared. And Bradley–Terry with sandwich errors on 135,634 battles of 50 models.
 * Run: npx tsx test/bench/report.ts
 */
import { createHash } from 'node:crypto';
import { bradleyTerry, type Battle } from '../../evaluator/statistics/bradley-terry.ts';
import { Random } from '../../evaluator/statistics/random.ts';
import { buildReport } from '../../evaluator/votes/report.ts';
import { outcomes, sides, VoteTableBuilder, type OutcomeCode } from '../../evaluator/votes/vote-table.ts';

const random = new Random(1);
const inputs = Array.from({ length: 6 }, (_, pair) => {
  const table = new VoteTableBuilder(['appeal', 'general', 'alignment']);
  for (let item = 0; item < 1632; item++) {
    table.itemIndex({ id: `prompt ${item}`, category: `category ${item % 12}`, challenge: `challenge ${item % 11}` });
    for (let criterion = 0; criterion < 3; criterion++) {
      for (let seat = 0; seat < 3; seat++) {
        const outcome: OutcomeCode =
          random.uniform() < 0.1 ? outcomes.tie : random.uniform() < 0.5 + pair / 20 ? outcomes.a : outcomes.b;
        table.add({
          item,
          annotator: table.annotatorIndex(`person ${random.below(40)}`),
          criterion,
          outcome,
          sideOfA: seat % 2 ? sides.left : sides.right,
          responseTimeMs: 2000,
        });
      }
    }
  }
  return { study: 's', modelA: 'a', modelB: 'b', simulated: true, votesPerPair: 3, votes: table.finish() };
});
const hashes = [0, 1].map(() => {
  const started = performance.now();
  const bytes = JSON.stringify(inputs.map(buildReport));
  console.log(`six reports of 14,688 votes: ${((performance.now() - started) / 1000).toFixed(2)} s`);
  return createHash('sha256').update(bytes).digest('hex');
});
console.log(hashes[0] === hashes[1] ? 'the same bytes both times' : 'THE BYTES DIFFER');

const battles: Battle[] = Array.from({ length: 135_634 }, () => {
  const left = random.below(50);
  const right = (left + 1 + random.below(49)) % 50;
  const p = 1 / (1 + Math.exp((right - left) / 15));
  return { left, right, winner: random.uniform() < 0.1 ? 'tie' : random.uniform() < p ? 'left' : 'right' };
});
const started = performance.now();
bradleyTerry(50, battles, { side: true });
console.log(
  `Bradley–Terry, 135,634 battles of 50 models, side term and sandwich: ${(performance.now() - started).toFixed(0)} ms`,
);
