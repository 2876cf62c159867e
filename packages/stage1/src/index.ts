export { createCodebookInitialization, createCodebookRevival, type CareableQuantizer } from './codebook-care.js';
export { createCNNVQ, type CNNVQConfig } from './create-cnn-vq.js';
export { createViTVQ, type TransformerSize, type ViTVQConfig } from './create-vitvq.js';
export {
  createDiscriminatorGradients,
  createDiscriminatorLoss,
  type DiscriminatorGradientOptions,
  type DiscriminatorLossOptions,
} from './discriminator-gradients.js';
export { createDiscriminatorStep, type DiscriminatorStepOptions } from './discriminator-step.js';
export { createEvaluationStep, type EvaluationStepResult } from './evaluation-step.js';
export { Evaluator, type Evaluation, type EvaluatorOptions, type HostImages } from './evaluator.js';
export { importTokenizer, type ImportedTokenizer, type ImportOptions } from './import-tokenizer.js';
export {
  inferTokenizerConfig,
  MissingHintError,
  type CheckpointEntry,
  type CheckpointTensors,
  type ImportHints,
  type InferredTokenizer,
} from './infer-tokenizer-config.js';
export { type ReferenceKind } from './internal/reference-kinds.js';
export { type Step, type StepResult, type StepUpdate } from './internal/create-step.js';
export { type GradientsWithValues } from './internal/gradients-with-values.js';
export { type AdversarialParts, type ImageBatch } from './internal/stage1-task.js';
export { loadLPIPS, type LPIPSDownload, type LPIPSWeightSource } from './load-lpips.js';
export {
  LLAMA_GEN_VQ_16,
  LLAMA_GEN_VQ_8,
  QUICKSTART,
  QUICKSTART_BATCH_SIZE,
  QUICKSTART_TRAINING,
  REFERENCE_DISCRIMINATOR,
  REFERENCE_LOSSES,
  SINGLE_MACHINE,
  SINGLE_MACHINE_BATCH_SIZE,
  SINGLE_MACHINE_TRAINING,
  VIT_BASE,
  VIT_LARGE,
  VIT_SMALL,
  VIT_VQGAN_BASE,
  VIT_VQGAN_BATCH_SIZE,
  VIT_VQGAN_LARGE,
  VIT_VQGAN_LOSSES,
  VIT_VQGAN_SMALL,
  VIT_VQGAN_TRAINING,
  VQGAN_F16,
} from './presets.js';
export {
  type ConfiguredQuantizer,
  type GumbelQuantizerConfig,
  type QuantizationConfig,
  type QuantizerConfig,
  type ResidualQuantizerConfig,
  type VectorQuantizerConfig,
} from './quantization-config.js';
export { cnnVQReferenceWeights, viTVQReferenceWeights, type ViTVQReferenceParts } from './reference-weights.js';
export { type DiscriminatorPlan, type ResolvedStage1Plan, type Stage1Plan } from './stage1-plan.js';
export { createStage1Gradients, type Stage1Gradients } from './stage1-gradients.js';
export {
  createStage1Loss,
  type AdversarialTerm,
  type Stage1Controls,
  type Stage1LossOptions,
  type Stage1LossWeights,
  type Stage1Model,
  type Stage1Values,
} from './stage1-loss.js';
export { createStage1Step, type Stage1StepOptions } from './stage1-step.js';
export {
  readStage1State,
  readTokenizerWeights,
  type Stage1State,
  type TokenizerWeightsOptions,
} from './stage1-checkpoint.js';
export { type Stage1Events, type Stage1Look, type Stage1Summary } from './stage1-events.js';
export { Stage1Trainer, type ImageBatchSource, type Stage1TrainerOptions } from './stage1-trainer.js';
export { loadTokenizer, saveTokenizer, type TokenizerConfig } from './tokenizer-folder.js';
export {
  learningRateAt,
  TrainingDivergedError,
  type IntervalOptions,
  type StepReport,
  type TrainingDivergedFacts,
  type WarningReport,
} from '@vitvq/training';
export {
  ViTVQ,
  type ForwardOptions,
  type TrainableQuantizeOptions,
  type TrainableQuantizer,
  type ViTVQForward,
  type ViTVQImages,
  type ViTVQOptions,
  type ViTVQOutput,
  type ViTVQPass,
} from './vit-vq.js';
