import type { Classification } from '@vitvq/linear-probe';
import type { TrainingEvents, TrainingSummary } from '@vitvq/training';

/** Measurement of a classifier on images that it is not trained on. */
export type ClassifierEvaluation = Classification;

/** Summary of a classifier's training. */
export type ClassifierTrainingSummary = TrainingSummary<ClassifierEvaluation>;

/**
 * Events and the arguments of their listeners. Values of a step: `loss`, `crossEntropy` in nats,
 * `top1` of the step's own batch, `gradientNorm` and `learningRate`.
 */
export type ClassifierTrainingEvents = TrainingEvents<ClassifierEvaluation, never>;
