import { VitvqError } from '@vitvq/core';

export interface TrainingDivergedFacts {
  /** Number of the step that failed; the first is 1. */
  readonly step: number;
  /** What was not finite first: `reconstructionLoss`, `quantizerLoss`, `loss` or `gradientNorm`. */
  readonly term: string;
  readonly value: number;
  /** Variables with the largest gradients, largest first, of the last step where some were finite. */
  readonly largestGradients: readonly { readonly name: string; readonly norm: number }[];
  /** The step that `largestGradients` belongs to. */
  readonly gradientStep: number;
  /** The newest checkpoint, written before the failure. */
  readonly checkpoint: string | undefined;
  /** Whether the batch itself held a value that is not finite. */
  readonly batchIsFinite: boolean;
}

/** The loss or its gradient is NaN or infinite; the weights in memory are lost, those of the checkpoint are good. */
export class TrainingDivergedError extends VitvqError implements TrainingDivergedFacts {
  readonly step: number;
  readonly term: string;
  readonly value: number;
  readonly largestGradients: TrainingDivergedFacts['largestGradients'];
  readonly gradientStep: number;
  readonly checkpoint: string | undefined;
  readonly batchIsFinite: boolean;

  constructor(facts: TrainingDivergedFacts) {
    const { step, term, value, largestGradients, gradientStep, checkpoint, batchIsFinite } = facts;
    const listed = largestGradients.map(({ name, norm }) => `${name} ${norm.toPrecision(3)}`).join(', ');
    super({
      where: `training step ${step}`,
      expected: `${term} to be finite`,
      got: String(value),
      fix: [
        batchIsFinite ? '' : 'The images of this batch hold NaN or infinite values.',
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
    this.largestGradients = largestGradients;
    this.gradientStep = gradientStep;
    this.checkpoint = checkpoint;
    this.batchIsFinite = batchIsFinite;
  }
}
