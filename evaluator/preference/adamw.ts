/** @file AdamW. Loshchilov & Hutter (2019), arXiv:1711.05101; the order of operations is torch.optim.AdamW's. */
export interface AdamWSettings {
  learningRate: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  weightDecay: number;
}
/** METHOD: β .9/.999, ε 1e-8, weight decay 1e-2. */
export const adamWDefaults = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 1e-2 } as const;

export class AdamW {
  /** Steps taken. */
  step = 0;
  readonly first: Float32Array[];
  readonly second: Float32Array[];

  /** @param sizes numbers of each parameter */
  constructor(sizes: readonly number[]) {
    this.first = sizes.map((size) => new Float32Array(size));
    this.second = sizes.map((size) => new Float32Array(size));
  }

  /** Changes the parameters in place. Moments are float32, the arithmetic of a step float64. */
  update(
    parameters: readonly Float32Array[],
    gradients: readonly Float32Array[],
    { learningRate, beta1, beta2, epsilon, weightDecay }: AdamWSettings,
  ): void {
    this.step += 1;
    const stepSize = learningRate / (1 - beta1 ** this.step);
    const root = Math.sqrt(1 - beta2 ** this.step);
    for (let p = 0; p < parameters.length; p++) {
      const [values, gradient, m, v] = [parameters[p]!, gradients[p]!, this.first[p]!, this.second[p]!];
      for (let i = 0; i < values.length; i++) {
        const g = gradient[i]!;
        const mean = m[i]! * beta1 + g * (1 - beta1);
        const square = v[i]! * beta2 + g * g * (1 - beta2);
        m[i] = mean;
        v[i] = square;
        values[i] =
          values[i]! * (1 - learningRate * weightDecay) - (stepSize * mean) / (Math.sqrt(square) / root + epsilon);
      }
    }
  }
}

/** √ Σ g² over all parameters, in float64. */
export function globalNorm(gradients: readonly Float32Array[]): number {
  let sum = 0;
  for (const gradient of gradients) for (let i = 0; i < gradient.length; i++) sum += gradient[i]! ** 2;
  return Math.sqrt(sum);
}
