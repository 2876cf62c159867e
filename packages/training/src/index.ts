export { keepUnlessFinite } from './keep-unless-finite.js';
export { type IntervalOptions } from './interval.js';
export { LazyParts } from './lazy-parts.js';
export { isLookDue, type LookSchedule } from './look-schedule.js';
export {
  createOptimizer,
  decayRules,
  durationSchema,
  learningRateAt,
  learningRateSchema,
  optimizerSchema,
  type Duration,
  type LearningRatePlan,
  type OptimizerPlan,
} from './plan.js';
export { logCurve, readTrainingLog, type TrainingLogEntry } from './read-training-log.js';
export {
  Trainer,
  type BestMetric,
  type RestoreOptions,
  type RunOptions,
  type TensorBoardOptions,
  type TrainerOptions,
} from './trainer.js';
export { TrainingDivergedError, type TrainingDivergedFacts } from './training-diverged-error.js';
export {
  type BestCheckpoint,
  type StepReport,
  type TrainingEvents,
  type TrainingSummary,
  type WarningReport,
} from './training-events.js';
export { trainingStateOf, type TrainingState } from './training-state.js';
export {
  type NonFinitePolicy,
  type Picture,
  type StepContext,
  type StepResult,
  type TaskEvaluation,
  type TaskLook,
  type TrainingTask,
} from './training-task.js';
export {
  Updater,
  type GradientFunction,
  type LossGradients,
  type UpdateResult,
  type UpdaterOptions,
} from './updater.js';
export { WeightAverages } from './weight-averages.js';
