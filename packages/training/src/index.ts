export { abortOnSignals, type AbortOnSignalsOptions, type StopSignal } from './abort-on-signals.js';
export { durationSchema, type Duration } from './duration.js';
export { PREVIEW_FOLDER } from './internal/preview-files.js';
export { type FollowedLog, TrainingLogFollower } from './follow-training-log.js';
export {
  gradientStep,
  type GradientStepOptions,
  type GradientStepResult,
  type LossGradients,
} from './gradient-step.js';
export { gradientsWithValues } from './gradients-with-values.js';
export { intervalOptionNames, type IntervalOptions } from './interval.js';
export { keepUnlessFinite } from './keep-unless-finite.js';
export { LazyResources } from './lazy-resources.js';
export { Learner, type LearnerOptions } from './learner.js';
export { learningRateAt, learningRateSchema, type LearningRateConfig } from './learning-rate.js';
export { assertOwnTerms, termWeights, type LossTerm, type LossTerms } from './loss-terms.js';
export { microBatchSize } from './micro-batches.js';
export { LossScaler, scaledGradients } from './loss-scaler.js';
export { ModelEMA } from './model-ema.js';
export {
  createOptimizer,
  optimizerSchema,
  type AdafactorConfig,
  type AdamConfig,
  type OptimizerConfig,
  type ResolvedOptimizerConfig,
} from './optimizer-config.js';
export { drawGrid, type Picture } from './picture.js';
export { isPreviewDue, previewScheduleNames, type PreviewSchedule } from './preview-schedule.js';
export { readTrainedWeights, type TrainedWeightsOptions, type TrainedWeightsPlace } from './read-trained-weights.js';
export { logCurve, readTrainingLog, type ReadTrainingLogOptions, type TrainingLogEntry } from './read-training-log.js';
export { Trainer } from './trainer.js';
export {
  type BestMetric,
  type RestoreOptions,
  runOptionNames,
  type RunOptions,
  type TensorBoardOptions,
  type TrainerOptions,
} from './trainer-options.js';
export { TrainStep, type GradientFunction, type TrainStepOptions, type UpdateResult } from './train-step.js';
export { trainingFields, type NonFinitePolicy, type TrainingConfig } from './training-config.js';
export { TrainingDivergedError, type TrainingDivergedFacts } from './training-diverged-error.js';
export {
  type BestCheckpoint,
  type StepReport,
  type TrainingEvents,
  type TrainingSummary,
  type WarningReport,
} from './training-events.js';
export { readTrainingState, trainingStateOf, type TrainingState } from './training-state.js';
export {
  type StepContext,
  type StepResult,
  type TaskEvaluation,
  type TaskPreview,
  type TrainingPart,
  type TrainingTask,
} from './training-task.js';
