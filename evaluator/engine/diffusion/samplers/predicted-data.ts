/** @file The data that a U-Net predicts at α·x0 + σ·ε, α² + σ² = 1: (x − σε)/α, or αx − σv (Salimans & Ho 2022, arXiv:2202.00512). */
import type { SchedulerConfig } from '../schedule.ts';

/** @param limit x̂0 is clipped to ±limit, where the class does that */
export function predictedData(
  { predictionType }: Pick<SchedulerConfig, 'predictionType'>,
  [alpha, sigma]: readonly [number, number],
  output: Float32Array,
  x: Float32Array,
  limit = Infinity,
): Float32Array {
  const isVelocity = predictionType === 'v_prediction';
  return x.map((value, i) => {
    const x0 = isVelocity ? alpha * value - sigma * output[i]! : (value - sigma * output[i]!) / alpha;
    return Math.min(limit, Math.max(-limit, x0));
  });
}

/** Of a class that clips where its config says so. */
export function clipLimit({ clipSample, clipSampleRange }: SchedulerConfig): number {
  return clipSample ? clipSampleRange : Infinity;
}
