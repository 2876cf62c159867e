export { isAnyOrder, type AnyOrderModel, type TokenGroup, type TokenOrder } from './any-order-model.js';
export { AnyOrderTransformer } from './any-order-transformer.js';
export {
  type AutoregressiveModel,
  type ChooseToken,
  type PermutedLogitsOptions,
  type PermutedModel,
  prefixLengthOf,
  type SamplingStep,
  takesOrders,
} from './autoregressive-model.js';
export {
  CaptionConditioner,
  type CaptionConditionerOptions,
  type CaptionsOf,
} from './conditioners/caption-conditioner.js';
export { ClassConditioner, type ClassConditionerOptions } from './conditioners/class-conditioner.js';
export { type ConditionAttention, type ConditionOptions, type ConditionPadding } from './condition-options.js';
export {
  type CaptionConditionerConfig,
  type ClassConditionerConfig,
  type ConditionerConfig,
  type TextConditionerConfig,
  type UnconditionalConfig,
} from './conditioners/conditioner-config.js';
export { conditionTensor, nullConditions, nullConditionsOf } from './conditioners/condition-tensor.js';
export { type AnyConditioner, type Conditioner } from './conditioners/conditioner.js';
export { type EmbeddingConditioner } from './conditioners/embedding-conditioner.js';
export { type Described, TextConditioner, type TextConditionerOptions } from './conditioners/text-conditioner.js';
export { type TextTokenizer, textTokenizerFromJson } from './conditioners/text-tokenizer.js';
export {
  type TextTokenizerJson,
  trainTextTokenizer,
  type TrainTextTokenizerOptions,
} from './conditioners/train-text-tokenizer.js';
export { Unconditional } from './conditioners/unconditional.js';
export {
  createTransformer,
  transformerSizeSchema,
  type AnyOrderTransformerSize,
  type AnyTransformer,
  type GPTSize,
  type MaskedTransformerSize,
  type RARSize,
  type RQTransformerSize,
  type TransformerFit,
  type TransformerSize,
} from './create-transformer.js';
export { GPT } from './gpt.js';
export { type GPTOptions } from './gpt-options.js';
export {
  conditionInput,
  repeat,
  type ConditionInput,
  type ConditionValues,
  variablesWithConditioner,
} from './conditioners/condition-input.js';
export { assertConditionerFits, assertSameDescription } from './conditioners/conditioner-fit.js';
export { type SequenceEmbeddingOptions, type TokenPositions } from './internal/sequence-embedding.js';
export { isMasked, type MaskedModel } from './masked-model.js';
export { MaskedTransformer } from './masked-transformer.js';
export { natsOfTokens, negativeLogLikelihood, type LikelihoodModel } from './negative-log-likelihood.js';
export { type TransformerPreset, VIM_BASE, VIM_LARGE } from './presets.js';
export { gptReferenceWeights, rqTransformerReferenceWeights } from './reference-weights.js';
export { RAR } from './rar.js';
export { type RARConfig, type RAROptions } from './rar-config.js';
export { RQTransformer } from './rq-transformer.js';
export { type OrderFreeOptions } from './order-free-options.js';
export { type RQTransformerOptions } from './rq-transformer-options.js';
export { haltonOrder, randomOrder, rankOf, rasterOrder } from './token-orders.js';
export {
  learnsOrders,
  tokenObjective,
  type AnyTokenModel,
  type ObjectiveOptions,
  type ObjectiveProgress,
  type Predictions,
  type TokenObjective,
} from './training-objective.js';
export { type Conditions, type ImageTokens, type LogitsOptions, type TokenModel } from './token-model.js';
export {
  type GPTConfig,
  type OrderFreeConfig,
  type RQTransformerConfig,
  type StackConfig,
} from './transformer-config.js';
