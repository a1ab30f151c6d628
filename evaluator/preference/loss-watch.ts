/** @file Ends a run that diverges, with what to try. */
import type { TrainingSettings } from './trainer.ts';

/** Steps whose mean loss says whether a run diverges. */
const watched = 20;
/** How far above where it began, or above a tenth of DPO's first loss, ln 2, where it began near 0. */
const divergence = 20;

/** What the command line prints in one sentence. */
export class Diverged extends Error {
  override name = 'Diverged';
}

type Tried = Pick<TrainingSettings, 'learningRate' | 'warmup' | 'beta'>;

export class LossWatch {
  readonly #settings: Tried;
  readonly #recent: number[] = [];
  #first: number | undefined;

  constructor(settings: Tried) {
    this.#settings = settings;
  }

  /** @throws Diverged when the loss or its gradient is no number */
  checkFinite(step: number, loss: number, gradientNorm: number): void {
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm))
      throw this.#diverged(step, 'the loss or its gradient is no number');
  }

  /** @throws Diverged when the mean loss of the last steps has run away from that of the first */
  check(step: number, loss: number): void {
    this.#recent.push(loss);
    if (this.#recent.length < watched) return;
    const mean = this.#recent.reduce((sum, x) => sum + x, 0) / watched;
    this.#recent.shift();
    this.#first ??= mean;
    if (mean > divergence * Math.max(this.#first, Math.LN2 / 10))
      throw this.#diverged(step, `the loss rose from ${this.#first.toPrecision(3)} to ${mean.toPrecision(3)}`);
  }

  #diverged(step: number, what: string): Diverged {
    const { learningRate, warmup, beta } = this.#settings;
    return new Diverged(
      `Stopped at step ${step}: ${what}. Try a lower --learning-rate (it is ${learningRate}), a longer --warmup (${warmup}) or a smaller --beta (${beta}); the last checkpoint is kept.`,
    );
  }
}
