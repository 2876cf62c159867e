export {
  readConditionerWeights,
  readStage2State,
  readTransformerWeights,
  type Stage2State,
  type TransformerWeightsOptions,
} from './checkpoint.js';
export { natsPerTokenOfImages, Stage2Evaluator, type Stage2EvaluatorOptions } from './evaluator.js';
export { type Stage2Evaluation, type Stage2Events, type Stage2Look, type Stage2Summary } from './events.js';
export { createStage2Gradients, type Stage2Gradients } from './gradients.js';
export { type LookOptions } from './internal/stage2-task.js';
export {
  type AdafactorPlan,
  type ResolvedStage2Plan,
  stage2LearningRateAt,
  type Stage2LearningRatePlan,
  type Stage2OptimizerPlan,
  type Stage2Plan,
} from './plan.js';
export { QUICKSTART_STAGE2_BATCH_SIZE, QUICKSTART_STAGE2_TRAINING, VIM_BATCH_SIZE, VIM_TRAINING } from './presets.js';
export { type Stage2BatchSource, Stage2Trainer, type Stage2TrainerOptions } from './stage2-trainer.js';
