import type { CausalTransformerOptions } from '@vitvq/layers';
import type { SequenceEmbeddingOptions } from './internal/sequence-embedding.js';

/** Sizes and choices of a `GPT`. */
export type GPTOptions = SequenceEmbeddingOptions & CausalTransformerOptions;
