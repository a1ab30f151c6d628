/** @file Gates: `pickscore.winRate>=0.55`. Every candidate has to meet each; of a training run, its best checkpoint. */
import { BadInput } from '../engine/files/bad-input.ts';
import type { CandidateResult, GateResult, RewardResult } from '../../contract/prescreen.ts';

export interface Gate {
  text: string;
  reward: string;
  field: string;
  operator: string;
  threshold: number;
}

const fields: Record<string, (row: CandidateResult) => number | null> = {
  winRate: (row) => row.winRate.value,
  'winRate.low': (row) => row.winRate.low,
  'winRate.high': (row) => row.winRate.high,
  'bootstrap.low': (row) => row.bootstrap.low,
  'bootstrap.high': (row) => row.bootstrap.high,
  median: (row) => row.median.value,
  'median.low': (row) => row.median.low,
  medianDifference: (row) => row.medianDifference.value,
  'medianDifference.low': (row) => row.medianDifference.low,
  p: (row) => row.signTest.p,
  pHolm: (row) => row.signTest.pHolm,
};
const operators: Record<string, (value: number, threshold: number) => boolean> = {
  '>=': (value, threshold) => value >= threshold,
  '<=': (value, threshold) => value <= threshold,
  '>': (value, threshold) => value > threshold,
  '<': (value, threshold) => value < threshold,
};

/** @throws BadInput when the text is no gate on one of these rewards */
export function parseGate(text: string, rewards: readonly string[]): Gate {
  const match = /^\s*(.+?)\s*(>=|<=|>|<)\s*(-?[\d.]+(?:e-?\d+)?)\s*$/i.exec(text);
  const threshold = Number(match?.[3]);
  const reward = rewards.filter((name) => match?.[1]?.startsWith(`${name}.`)).sort((a, b) => b.length - a.length)[0];
  const field = reward === undefined ? '' : match![1]!.slice(reward.length + 1);
  if (match === null || Number.isNaN(threshold) || reward === undefined || fields[field] === undefined) {
    throw new BadInput(
      `"${text}" is no gate; it must be REWARD.FIELD, then >=, >, <= or <, then a number: REWARD is one of ${rewards.join(', ')}, FIELD one of ${Object.keys(fields).join(', ')}.`,
    );
  }
  return { text, reward, field, operator: match[2]!, threshold };
}

/** A number that is undefined meets nothing. */
export function checkGates(gates: readonly Gate[], rewardResults: readonly RewardResult[]): GateResult[] {
  return gates.flatMap(({ text, reward, field, operator, threshold }) => {
    const result = rewardResults.find((other) => other.reward === reward)!;
    return gated(result).map((row) => {
      const value = fields[field]!(row);
      return {
        requirement: text,
        model: row.model,
        value,
        met: value !== null && operators[operator]!(value, threshold),
      };
    });
  });
}

/** The named candidates, and of each run the checkpoint with the highest median. */
function gated({ candidates }: RewardResult): CandidateResult[] {
  const best = new Map<string, CandidateResult>();
  for (const row of candidates) {
    const key = row.checkpoint === null ? `model ${row.model}` : `run ${row.checkpoint.run}`;
    const other = best.get(key);
    if (other === undefined || (row.median.value ?? -Infinity) > (other.median.value ?? -Infinity)) best.set(key, row);
  }
  return [...best.values()];
}
