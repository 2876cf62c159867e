export { Alignment, type AlignmentFeatures, type AlignmentOptions } from './alignment.js';
export { readTokenizerTraining, readTokenizerWeights, type TokenizerTrainingState } from './checkpoint.js';
export { createCodebookInitialization, createCodebookReset, type CodebookUpdate } from './codebook-reset.js';
export {
  tokenizerTrainingSchema,
  type CodebookTrainingConfig,
  type DiscriminatorTrainingConfig,
  type LatentNoiseConfig,
  type ResolvedTokenizerTrainingConfig,
  type Start,
  type TemperatureConfig,
  type TokenizerTrainingConfig,
} from './config.js';
export {
  createTokenizerTrainer,
  type ImageBatchSource,
  type TokenizerTrainer,
  type TokenizerTrainerOptions,
} from './create-tokenizer-trainer.js';
export {
  createDiscriminatorGradients,
  createDiscriminatorLoss,
  type DiscriminatorGradientOptions,
  type DiscriminatorLossOptions,
} from './discriminator-gradients.js';
export {
  type TokenizerEvaluation,
  type TokenizerPreview,
  type TokenizerTrainingEvents,
  type TokenizerTrainingSummary,
} from './events.js';
export { createTokenizerGradients, type ImageGradients } from './gradients.js';
export { type AdversarialParts } from './internal/adversary.js';
export { type Phase } from './internal/phase.js';
export {
  tokenizerLossTerms,
  tokenizerLossWeightsSchema,
  type TokenizerLossInputs,
  type TokenizerLossTerm,
  type TokenizerLossWeights,
} from './loss-terms.js';
export {
  createTokenizerLoss,
  type AdversarialTerm,
  type LossValues,
  type TokenizerLossControls,
  type TokenizerLossOptions,
  type TrainedTokenizer,
} from './loss.js';
export {
  QUICKSTART_BATCH_SIZE,
  QUICKSTART_TRAINING,
  REFERENCE_DISCRIMINATOR,
  REFERENCE_LOSSES,
  SINGLE_MACHINE_BATCH_SIZE,
  SINGLE_MACHINE_TRAINING,
  VIT_VQGAN_BATCH_SIZE,
  VIT_VQGAN_LOSSES,
  VIT_VQGAN_TRAINING,
} from './presets.js';
