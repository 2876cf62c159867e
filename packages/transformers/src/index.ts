export {
  type AutoregressiveModel,
  type ChooseToken,
  type Conditions,
  type ImageTokens,
  type LogitsOptions,
  type PermutedLogitsOptions,
  type PermutedModel,
  prefixLengthOf,
  type SamplingStep,
  takesOrders,
} from './autoregressive-model.js';
export { ClassConditioner, type ClassConditionerOptions } from './conditioners/class-conditioner.js';
export {
  type ClassConditionerConfig,
  type ConditionerConfig,
  type TextConditionerConfig,
  type UnconditionalConfig,
} from './conditioners/conditioner-config.js';
export { conditionTensor, nullConditions, repeat } from './conditioners/condition-tensor.js';
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
  type AnyTransformer,
  createTransformer,
  transformerSizeSchema,
  type GPTSize,
  type RARSize,
  type RQTransformerSize,
  type TransformerFit,
  type TransformerSize,
} from './create-transformer.js';
export { GPT } from './gpt.js';
export { type GPTOptions } from './gpt-options.js';
export {
  conditionInput,
  type ConditionInput,
  type ConditionValues,
  variablesWithConditioner,
} from './conditioners/condition-input.js';
export { assertConditionerFits, assertSameDescription } from './conditioners/conditioner-fit.js';
export { type SequenceEmbeddingOptions, type TokenPositions } from './internal/sequence-embedding.js';
export { negativeLogLikelihood } from './negative-log-likelihood.js';
export { type TransformerPreset, VIM_BASE, VIM_LARGE } from './presets.js';
export { gptReferenceWeights, rqTransformerReferenceWeights } from './reference-weights.js';
export { RAR } from './rar.js';
export { type RARConfig, type RAROptions } from './rar-config.js';
export { RQTransformer } from './rq-transformer.js';
export { type RQTransformerOptions } from './rq-transformer-options.js';
export { type GPTConfig, type RQTransformerConfig, type StackConfig } from './transformer-config.js';
