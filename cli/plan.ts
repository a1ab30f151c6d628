/** @file `visavis plan`: prompts needed, or the smallest win rate that can be detected. */
import { Command } from 'commander';
import { BadInput } from '../evaluator/engine/files/bad-input.ts';
import { detectableWinRate, majorityOutcomes, promptsNeeded, signTestPower } from '../evaluator/statistics/power.ts';
import { realNumber, wholeNumber } from './numbers.ts';
import { printJson } from './output.ts';

interface Options {
  winRate?: number;
  voteShare?: number;
  votes: number;
  prompts?: number;
  power: number;
  alpha: number;
  tieRate: number;
  json?: boolean;
}

export function planCommand(): Command {
  return new Command('plan')
    .description('how many prompts a study needs, or what a number of prompts can detect')
    .option('--win-rate <p>', 'majority win rate to detect', realNumber(0, 1))
    .option('--vote-share <p>', 'instead: chance that one vote is for A; votes taken as independent', realNumber(0, 1))
    .option('--votes <k>', 'votes a pair, with --vote-share', wholeNumber(1), 3)
    .option('--prompts <n>', 'prompts there are', wholeNumber(1))
    .option('--power <p>', 'probability of detecting it', realNumber(0, 1), 0.8)
    .option('--alpha <p>', 'two-sided error', realNumber(0, 1), 0.05)
    .option('--tie-rate <r>', 'share of prompts that end tied or split', realNumber(0, 1), 0)
    .option('--data <dir>', 'data directory; not used')
    .option('--json', 'print JSON')
    .action((options: Options) => {
      if (options.prompts !== undefined && (options.winRate ?? options.voteShare) !== undefined) {
        throw new BadInput(
          'Give a rate to get the prompts needed, or --prompts N to get the rate they detect; not both.',
        );
      }
      const plan = options.prompts === undefined ? needed(options) : detectable(options, options.prompts);
      if (options.json) printJson(plan);
      else console.log(plan.says);
    });
}

function needed({ winRate, voteShare, votes, power, alpha, tieRate }: Options) {
  if ((winRate === undefined) === (voteShare === undefined)) {
    throw new BadInput(
      'Give --win-rate P or --vote-share P for the prompts needed, or --prompts N for what they detect.',
    );
  }
  let [rate, ties] = [winRate ?? 0, tieRate];
  if (voteShare !== undefined) {
    // --tie-rate is then a vote's chance of a tie.
    const outcomes = majorityOutcomes(voteShare, { votes, tieRate });
    rate = outcomes.a / (outcomes.a + outcomes.b);
    ties = outcomes.tie + outcomes.split;
  }
  const prompts = Math.ceil(promptsNeeded(rate, { power, alpha, tieRate: ties }));
  const exactPrompts = exactly(prompts, rate, { power, alpha, ties });
  const tied = ties > 0 ? `, ${percent(ties)} of them tied or split` : '';
  return {
    prompts,
    exactPrompts,
    winRate: rate,
    power,
    alpha,
    tieRate: ties,
    says: `${prompts} prompts detect a majority win rate of ${percent(rate)} against 50 % with power ${power} at two-sided ${alpha}${tied}, by the normal approximation; the exact sign test needs ${exactPrompts}.`,
  };
}

/** The first number of prompts, from the approximation's on, at which the exact sign test has the power. */
function exactly(
  from: number,
  rate: number,
  { power, alpha, ties }: { power: number; alpha: number; ties: number },
): number {
  let prompts = Math.max(1, Math.floor(from * 0.9));
  while (signTestPower(Math.floor(prompts * (1 - ties)), rate, alpha) < power) prompts += 1;
  return prompts;
}

function detectable({ power, alpha, tieRate }: Options, prompts: number) {
  const decided = Math.floor(prompts * (1 - tieRate));
  // Even if every prompt were won.
  const reaches = signTestPower(decided, 1, alpha) >= power;
  const winRate = reaches ? detectableWinRate(prompts, { power, alpha, tieRate }) : null;
  return {
    prompts,
    winRate,
    power,
    alpha,
    tieRate,
    says: !reaches
      ? `${prompts} prompts are too few: the exact sign test cannot have power ${power} at two-sided ${alpha} with them.`
      : `${prompts} prompts detect a majority win rate of ${percent(winRate!)} or more (or ${percent(1 - winRate!)} or less) with power ${power} at two-sided ${alpha}.`,
  };
}

function percent(p: number): string {
  return `${(100 * p).toFixed(1)} %`;
}
