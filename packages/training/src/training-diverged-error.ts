import { VitvqError } from '@vitvq/core';

/** Facts of a step that failed. */
export interface TrainingDivergedFacts {
  /** Number of the step that failed; the first is 1. */
  readonly step: number;
  /** Name of the first value that is not finite: a term of the loss, a gradient norm, `weights`. */
  readonly term: string;
  readonly value: number;
  /**
   * First variable whose weight, or else whose gradient, is not finite; undefined when all
   * gradients or none are.
   */
  readonly layer: string | undefined;
  /**
   * Variables with the largest gradients, largest first, in the last step where some were finite.
   */
  readonly largestGradients: readonly { readonly name: string; readonly norm: number }[];
  /** Number of the step that `largestGradients` belongs to. */
  readonly gradientStep: number;
  /** Newest checkpoint from before the failure. */
  readonly checkpoint: string | undefined;
  /** Whether the batch held neither NaN nor infinite values. */
  readonly batchIsFinite: boolean;
  /** Whether the weights in memory are still those from before the step. */
  readonly weightsAreFinite: boolean;
  /** Number of skipped failures right before this one. */
  readonly skippedInRow: number;
}

/**
 * Error of a training whose loss, gradient or weight is NaN or infinite. Loss and gradient are
 * checked before the update, which is then left out, so that the weights in memory are still good;
 * weights are checked when a step fails and before each checkpoint.
 */
export class TrainingDivergedError extends VitvqError implements TrainingDivergedFacts {
  readonly step: number;
  readonly term: string;
  readonly value: number;
  readonly layer: string | undefined;
  readonly largestGradients: TrainingDivergedFacts['largestGradients'];
  readonly gradientStep: number;
  readonly checkpoint: string | undefined;
  readonly batchIsFinite: boolean;
  readonly weightsAreFinite: boolean;
  readonly skippedInRow: number;

  /** @param facts  they become properties of the error, and its message */
  constructor(facts: TrainingDivergedFacts) {
    const { step, term, value, layer, largestGradients, gradientStep, checkpoint, batchIsFinite } = facts;
    const listed = largestGradients.map(({ name, norm }) => `${name} ${norm.toPrecision(3)}`).join(', ');
    super({
      where: `training step ${step}`,
      expected: `${term} to be finite`,
      got:
        layer === undefined ? String(value) : `${value} (${facts.weightsAreFinite ? 'gradient' : 'weight'} ${layer})`,
      fix: [
        facts.skippedInRow ? `The ${facts.skippedInRow} steps before it failed too and were skipped.` : '',
        batchIsFinite ? '' : 'The batch holds NaN or infinite values.',
        listed ? `Largest gradients (norm, step ${gradientStep}): ${listed}.` : '',
        checkpoint ? `The last good checkpoint is ${checkpoint}.` : 'No checkpoint had been written yet.',
        batchIsFinite ? 'Lower the learning rate or clip gradients.' : '',
      ]
        .filter(Boolean)
        .join(' '),
    });
    this.step = step;
    this.term = term;
    this.value = value;
    this.layer = layer;
    this.largestGradients = largestGradients;
    this.gradientStep = gradientStep;
    this.checkpoint = checkpoint;
    this.batchIsFinite = batchIsFinite;
    this.weightsAreFinite = facts.weightsAreFinite;
    this.skippedInRow = facts.skippedInRow;
  }
}
