/** @file Just-objectionable differences. Perez-Ortiz & Mantiuk (2017), arXiv:1712.03686: 1 JOD is a win rate of 75 %. */
import { normalQuantile } from './special.ts';

/** σ of the difference of two items when 1 unit of quality is preferred by 75 %: 1/Φ⁻¹(.75). */
export const jodSigma = 1 / normalQuantile(0.75);

/** The distance in JOD that a win rate between 0 and 1 stands for: σ·Φ⁻¹(p). */
export function jodOf(winRate: number): number {
  return jodSigma * normalQuantile(winRate);
}
