/**
 * @file The moving average of what is trained, which is what a run then makes: Polyak & Juditsky (1992), SIAM J. Control Optim.
 * 30:838–855. The decay grows as in diffusers' EMAModel: after update n it is min(decay, n/(9 + n)), and 0 after the first.
 */
export class WeightAverage {
  readonly values: Float32Array[];
  readonly #decay: number;

  /** @param decay 0 … 1, what is kept of the average at each step in the end */
  constructor(parameters: readonly Float32Array[], decay: number) {
    this.values = parameters.map((values) => values.slice());
    this.#decay = decay;
  }

  /** @param step how many steps the parameters have taken */
  update(parameters: readonly Float32Array[], step: number): void {
    const decay = step <= 1 ? 0 : Math.min(this.#decay, step / (9 + step));
    this.values.forEach((average, p) => {
      const values = parameters[p]!;
      for (let i = 0; i < average.length; i++) average[i]! -= (1 - decay) * (average[i]! - values[i]!);
    });
  }
}
