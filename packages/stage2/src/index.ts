export { attentionMask } from './attention-mask.js';
export {
  type AutoregressiveModel,
  type ChooseToken,
  type Conditions,
  type ImageTokens,
  type LogitsOptions,
  type SamplingStep,
} from './autoregressive-model.js';
export {
  CausalAttention,
  type AttentionForward,
  type AttentionPart,
  type CausalAttentionOptions,
  type Remember,
} from './causal-attention.js';
export {
  CausalBlock,
  CausalTransformer,
  type BlockForward,
  type CausalBlockOptions,
  type CausalTransformerOptions,
  type TransformerForward,
} from './causal-transformer.js';
export { completeTokens } from './complete-tokens.js';
export { CodeSource, type CodeBatchOptions, type CodeBatchStream } from './codes/code-source.js';
export {
  encodeToShards,
  type EncodeProgress,
  type EncodeToShardsOptions,
  type RepeatedImages,
} from './codes/encode-to-shards.js';
export { openCodes } from './codes/open-codes.js';
export { ClassConditioner, type ClassConditionerOptions } from './conditioners/class-conditioner.js';
export { CodeConditioner, type CodeConditionerOptions } from './conditioners/code-conditioner.js';
export {
  type ClassConditionerConfig,
  type ConditionerConfig,
  type TextConditionerConfig,
  type UnconditionalConfig,
} from './conditioners/conditioner-config.js';
export { conditionTensor, nullConditions, type AnyConditioner, type Conditioner } from './conditioners/conditioner.js';
export { type EmbeddingConditioner } from './conditioners/embedding-conditioner.js';
export { TextConditioner, type Described, type TextConditionerOptions } from './conditioners/text-conditioner.js';
export { readTextTokenizer, textTokenizerFromJson, type TextTokenizer } from './conditioners/text-tokenizer.js';
export {
  trainTextTokenizer,
  type TextTokenizerJson,
  type TrainTextTokenizerOptions,
} from './conditioners/train-text-tokenizer.js';
export { Unconditional } from './conditioners/unconditional.js';
export { crossEntropy } from './cross-entropy.js';
export { drawDropoutMasks, type DropoutMasks, type DropoutRates, type DropoutSite } from './dropout.js';
export { drawTokens, filterLogits, type FilterOptions } from './filters.js';
export { GPT, type GPTOptions } from './gpt.js';
export {
  ImageGenerator,
  type GeneratedImages,
  type GenerateOptions,
  type ImageGeneratorOptions,
  type PartialImages,
  type StreamOptions,
} from './image-generator.js';
export { type FeedForwardActivation } from './internal/activation.js';
export { type ConditionValues } from './internal/condition-input.js';
export { type LookOptions } from './internal/stage2-task.js';
export { type SequenceEmbeddingOptions, type TokenPositions } from './internal/sequence-embedding.js';
export {
  loadTransformer,
  saveTransformer,
  type LoadedTransformer,
  type LoadTransformerOptions,
  type SaveTransformerOptions,
} from './model-folder.js';
export { natsOfTokens } from './nats-of-tokens.js';
export { VIM_BASE, VIM_LARGE, type TransformerPreset } from './presets.js';
export { gptReferenceWeights, rqTransformerReferenceWeights } from './reference-weights.js';
export {
  RejectionSampler,
  type AcceptanceRule,
  type AcceptedImages,
  type RejectionOptions,
  type RejectionProgress,
  type RejectionSamplerOptions,
  type ScoredImages,
  type Scorer,
} from './rejection-sampler.js';
export { RQTransformer, type RQTransformerOptions } from './rq-transformer.js';
export {
  Sampler,
  type Guidance,
  type PartialTokens,
  type SampleOptions,
  type SamplerOptions,
  type Schedule,
} from './sampler.js';
export { writeSlots, type AddedSlots, type BlockCache, type SamplingCache } from './sampling-cache.js';
export {
  type BatchFacts,
  type CodeBatch,
  type HostImages,
  type HostTokens,
  type ImageBatch,
  type Stage2Batch,
} from './stage2-batch.js';
export {
  readConditionerWeights,
  readStage2State,
  readTransformerWeights,
  type Stage2State,
  type TransformerWeightsOptions,
} from './stage2-checkpoint.js';
export { natsPerTokenOfImages, Stage2Evaluator, type Stage2EvaluatorOptions } from './stage2-evaluator.js';
export { type Stage2Evaluation, type Stage2Events, type Stage2Look, type Stage2Summary } from './stage2-events.js';
export { createStage2Gradients, type Stage2Gradients } from './stage2-gradients.js';
export {
  type AdafactorPlan,
  type ResolvedStage2Plan,
  type Stage2LearningRatePlan,
  type Stage2OptimizerPlan,
  type Stage2Plan,
} from './stage2-plan.js';
export { Stage2Trainer, type Stage2BatchSource, type Stage2TrainerOptions } from './stage2-trainer.js';
export { assertTokensInRange } from './token-checks.js';
export { type GPTConfig, type RQTransformerConfig, type StackConfig } from './transformer-config.js';
export {
  QUICKSTART_STAGE2_BATCH_SIZE,
  QUICKSTART_STAGE2_TRAINING,
  VIM_BATCH_SIZE,
  VIM_TRAINING,
} from './training-presets.js';
export { verifySampler, type SamplerReport, type VerifyOptions } from './verify-sampler.js';
