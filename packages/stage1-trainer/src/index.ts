export { readStage1State, readTokenizerWeights, type Stage1State, type TokenizerWeightsOptions } from './checkpoint.js';
export { type CodebookUpdate, createCodebookInitialization, createCodebookReset } from './codebook-reset.js';
export {
  createDiscriminatorGradients,
  createDiscriminatorLoss,
  type DiscriminatorGradientOptions,
  type DiscriminatorLossOptions,
} from './discriminator-gradients.js';
export { createDiscriminatorStep, type DiscriminatorStepOptions } from './discriminator-step.js';
export { type Stage1Events, type Stage1Look, type Stage1Summary } from './events.js';
export { createStage1Gradients, type Stage1Gradients } from './gradients.js';
export { type Step, type StepResult, type StepUpdate } from './internal/create-step.js';
export { type GradientsWithValues } from './internal/gradients-with-values.js';
export { type AdversarialParts } from './internal/stage1-task.js';
export {
  type AdversarialTerm,
  createStage1Loss,
  type Stage1Controls,
  type Stage1LossOptions,
  type Stage1LossWeights,
  type Stage1Model,
  type Stage1Values,
} from './loss.js';
export { type DiscriminatorPlan, type ResolvedStage1Plan, type Stage1Plan, stage1PlanSchema } from './plan.js';
export { type ImageBatchSource, Stage1Trainer, type Stage1TrainerOptions } from './stage1-trainer.js';
export { createStage1Step, type Stage1StepOptions } from './step.js';
export {
  VIT_VQGAN_LOSSES,
  REFERENCE_LOSSES,
  REFERENCE_DISCRIMINATOR,
  VIT_VQGAN_TRAINING,
  VIT_VQGAN_BATCH_SIZE,
  SINGLE_MACHINE_TRAINING,
  SINGLE_MACHINE_BATCH_SIZE,
  QUICKSTART_TRAINING,
  QUICKSTART_BATCH_SIZE,
} from './presets.js';
