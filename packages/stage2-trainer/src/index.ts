export {
  readConditionerWeights,
  readTransformerTraining,
  readTransformerWeights,
  type TransformerTrainingState,
} from './checkpoint.js';
export {
  transformerTrainingSchema,
  type OrderAnnealing,
  type ResolvedTransformerTrainingConfig,
  type TransformerTrainingConfig,
} from './config.js';
export {
  createTransformerTrainer,
  type TransformerBatchSource,
  type TransformerTrainer,
  type TransformerTrainerOptions,
} from './create-transformer-trainer.js';
export { TransformerEvaluator, type TransformerEvaluatorOptions } from './evaluator.js';
export {
  type TransformerEvaluation,
  type TransformerPreview,
  type TransformerTrainingEvents,
  type TransformerTrainingSummary,
} from './events.js';
export { createTransformerGradients, type TransformerGradientOptions, type TransformerGradients } from './gradients.js';
export { type SamplePreviewOptions } from './internal/sample-previews.js';
export { type TransformerLossInputs, type TransformerLossWeights } from './loss-terms.js';
export {
  QUICKSTART_TRANSFORMER_BATCH_SIZE,
  QUICKSTART_TRANSFORMER_TRAINING,
  VIM_BATCH_SIZE,
  VIM_TRAINING,
} from './presets.js';
