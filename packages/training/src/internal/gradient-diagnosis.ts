import type { TrainingDivergedFacts } from '../training-diverged-error.js';

/** Norms of gradients by variable. */
type Norms = ReadonlyMap<string, number>;

/**
 * Remembers the gradients of the last good step, to say which ones grew when a later step fails.
 */
export class GradientDiagnosis {
  #last: { readonly step: number; readonly norms: Norms } | undefined;

  keep(step: number, norms: Norms): void {
    this.#last = { step, norms };
  }

  /**
   * The first gradient that is not finite, if it says where a failure began: when all are NaN, as
   * after a loss that is NaN, none does.
   */
  layer(norms: Norms): string | undefined {
    const bad = [...norms].filter(([, norm]) => !Number.isFinite(norm));
    return bad.length < norms.size ? bad[0]?.[0] : undefined;
  }

  /** The largest gradients: of the failing step, or of the one before when all of them are NaN. */
  largest(step: number, norms: Norms): Pick<TrainingDivergedFacts, 'largestGradients' | 'gradientStep'> {
    const shown = [...norms.values()].some(Number.isFinite) ? { step, norms } : (this.#last ?? { step, norms });
    const largestGradients = [...shown.norms]
      .map(([name, norm]) => ({ name, norm }))
      .sort((a, b) => rank(b.norm) - rank(a.norm))
      .slice(0, 5);
    return { largestGradients, gradientStep: shown.step };
  }
}

function rank(norm: number): number {
  return Number.isFinite(norm) ? norm : Number.MAX_VALUE;
}
