import { TrainingDivergedError } from '../training-diverged-error.js';

/** Remembers the gradients of the last good step, to say which ones grew when a later step fails. */
export class GradientDiagnosis {
  readonly #names: readonly string[];
  #last: { step: number; norms: Float32Array } | undefined;

  constructor(names: readonly string[]) {
    this.#names = names;
  }

  keep(step: number, norms: Float32Array): void {
    this.#last = { step, norms };
  }

  error(failure: {
    step: number;
    term: string;
    value: number;
    norms: Float32Array;
    batch: Float32Array;
    checkpoint: string | undefined;
  }): TrainingDivergedError {
    const { step, term, value, norms, batch, checkpoint } = failure;
    // When every gradient is NaN, the failing step says nothing about where it began; the one before does.
    const shown = norms.some(Number.isFinite) ? { step, norms } : (this.#last ?? { step, norms });
    const largestGradients = this.#names
      .map((name, index) => ({ name, norm: shown.norms[index]! }))
      .sort((a, b) => rank(b.norm) - rank(a.norm))
      .slice(0, 5);
    const batchIsFinite = batch.every(Number.isFinite);
    return new TrainingDivergedError({
      step,
      term,
      value,
      largestGradients,
      gradientStep: shown.step,
      checkpoint,
      batchIsFinite,
    });
  }
}

function rank(norm: number): number {
  return Number.isFinite(norm) ? norm : Number.MAX_VALUE;
}
