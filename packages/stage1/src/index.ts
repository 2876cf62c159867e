export { createCodebookInitialization, createCodebookRevival, type CareableQuantizer } from './codebook-care.js';
export { createViTVQ, type TransformerSize, type ViTVQConfig } from './create-vitvq.js';
export { createEvaluationStep, type EvaluationStepResult } from './evaluation-step.js';
export { Evaluator, type Evaluation, type HostImages } from './evaluator.js';
export { type IntervalOptions } from './internal/interval.js';
export { loadLPIPS, type LPIPSDownload, type LPIPSWeightSource } from './load-lpips.js';
export {
  QUICKSTART,
  QUICKSTART_BATCH_SIZE,
  QUICKSTART_TRAINING,
  VIT_BASE,
  VIT_LARGE,
  VIT_SMALL,
  VIT_VQGAN_BASE,
  VIT_VQGAN_BATCH_SIZE,
  VIT_VQGAN_LARGE,
  VIT_VQGAN_SMALL,
  VIT_VQGAN_TRAINING,
} from './presets.js';
export { viTVQReferenceWeights, type ViTVQReferenceParts } from './reference-weights.js';
export { learningRateAt, type Stage1Plan } from './stage1-plan.js';
export {
  createStage1Loss,
  createStage1Step,
  type Stage1Loss,
  type Stage1LossWeights,
  type Stage1Optimizer,
  type Stage1Step,
  type Stage1StepOptions,
  type Stage1StepResult,
} from './stage1-step.js';
export { readStage1State, readTokenizerWeights, type Stage1State } from './stage1-checkpoint.js';
export { type Stage1Events, type Stage1Summary, type StepReport, type WarningReport } from './stage1-events.js';
export { Stage1Trainer, type BatchSource, type Stage1TrainerOptions } from './stage1-trainer.js';
export { TrainingDivergedError, type TrainingDivergedFacts } from './training-diverged-error.js';
export { ViTVQ, type TrainableQuantizer, type ViTVQForward, type ViTVQOptions, type ViTVQOutput } from './vit-vq.js';
