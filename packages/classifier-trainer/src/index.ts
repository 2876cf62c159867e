export { readClassifierTraining, readClassifierWeights, type ClassifierTrainingState } from './checkpoint.js';
export {
  classifierTrainingSchema,
  type ClassifierTrainingConfig,
  type ResolvedClassifierTrainingConfig,
} from './config.js';
export {
  createClassifierTrainer,
  type ClassifierTrainer,
  type ClassifierTrainerOptions,
} from './create-classifier-trainer.js';
export { ClassifierEvaluator, type ClassifierEvaluatorOptions } from './evaluator.js';
export { type ClassifierEvaluation, type ClassifierTrainingEvents, type ClassifierTrainingSummary } from './events.js';
export { createClassifierGradients, type ClassifierGradientOptions, type ClassifierGradients } from './gradients.js';
