import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import { assertInteger, checkOptions, constantInitializer, Module, split, tidied, type RandomKey } from '@vitvq/core';
import { dropoutMasksUnder, prefixDropoutSites, type Linear, type DropoutSite, type KVCache } from '@vitvq/layers';
import type { AutoregressiveModel, ChooseToken, SamplingStep } from './autoregressive-model.js';
import type { Conditions, LogitsOptions } from './token-model.js';
import { gptOptionNames, type GPTOptions } from './gpt-options.js';
import { SequenceEmbedding } from './internal/sequence-embedding.js';
import { SequenceTransformer } from './internal/sequence-transformer.js';
import { tokenHead } from './internal/token-head.js';
import { gptConfig, type GPTConfig } from './transformer-config.js';

/**
 * Decoder-only transformer over one token a position (arXiv:2110.04627, sec. 4: VIM; the
 * reference's `GPT`). Condition tokens come first and see each other (with `conditionAttention:
 * 'causal'` those before them); image tokens follow in raster order, each predicted from what is
 * before it. The defaults are the reference's; `VIM_BASE` and `VIM_LARGE` have the paper's.
 *
 * Variables: `embedding.…`, `transformer.blocks.0.…`, `transformer.norm.…`, `head.weight` `[D, V]`.
 * Weights start as N(0, 0.02²), biases and positions as 0, as in the reference.
 */
export class GPT extends Module implements AutoregressiveModel {
  /** Names the kind of model in a model folder. */
  readonly type = 'gpt';
  readonly codeDepth = 1;
  /** What it is built from, with the defaults of what was not said. */
  readonly config: GPTConfig;
  readonly #sequence: SequenceTransformer;
  readonly #embedding: SequenceEmbedding;
  readonly #head: Linear;

  constructor(given: GPTOptions) {
    super();
    const { key, ...options } = checkOptions(given, gptOptionNames, 'GPT', { allowOthers: true });
    const config = gptConfig(options);
    this.config = config;
    const [embeddingKey, transformerKey, headKey] = split(key, 3) as [RandomKey, RandomKey, RandomKey];
    const embedding = new SequenceEmbedding({ ...config, key: embeddingKey }, constantInitializer(0), 'GPT');
    this.#embedding = this.child('embedding', embedding);
    this.#sequence = new SequenceTransformer({ ...config, key: transformerKey }, embedding, this.codeDepth);
    this.child('transformer', this.#sequence.transformer);
    this.#head = this.child('head', tokenHead(config, headKey));
  }

  get vocabSize(): number {
    return this.#embedding.vocabSize;
  }
  get grid(): readonly [number, number] {
    return this.#embedding.grid;
  }
  get conditionLength(): number {
    return this.#embedding.conditionLength;
  }
  get conditionVocabSize(): number | undefined {
    return this.#embedding.conditionVocabSize;
  }
  get dim(): number {
    return this.#embedding.dim;
  }

  /** `embedding`, `blocks.0` and so on, `norm`. */
  get featureNames(): readonly string[] {
    return this.#sequence.featureNames;
  }

  /**
   * Logits `[B, N, V]` of every token given the ones before it.
   * @param conditions  int32 `[B, C]` or embeddings `[B, C, D]`
   * @param tokens  int32 `[B, N]`
   * @throws {ShapeError} when there are more tokens than positions
   */
  logits(conditions: Conditions, tokens: Tensor2D, { dropoutMasks }: LogitsOptions = {}): Tensor3D {
    this.#embedding.assertTokens(tokens, 1);
    return tf.tidy(() => {
      const masks = dropoutMasksUnder(dropoutMasks, 'transformer');
      return this.#head.apply(this.#sequence.predictors(conditions, tf.expandDims(tokens, 2), masks));
    });
  }

  features(conditions: Conditions, tokens: Tensor2D): Record<string, Tensor3D> {
    this.#embedding.assertTokens(tokens, 1);
    return tf.tidy(() => this.#sequence.features(conditions, tf.expandDims(tokens, 2)));
  }

  dropoutSites(batchSize: number, tokens = this.grid[0] * this.grid[1]): Record<string, DropoutSite> {
    assertInteger(batchSize, 'batchSize', 'GPT.dropoutSites');
    return prefixDropoutSites(this.#sequence.dropoutSites(batchSize, tokens), 'transformer');
  }

  emptyCache(batch: number, segments: readonly number[]): KVCache {
    return this.#sequence.emptyCache(batch, segments);
  }

  prefill(conditions: Conditions, given: Tensor3D | undefined, count: Scalar): SamplingStep {
    return tidied(() => this.#sequence.prefill(conditions, given, count));
  }

  decodeStep(tokens: Tensor2D, count: Scalar, cache: KVCache): SamplingStep {
    return tidied(() => this.#sequence.decodeStep(tokens, count, cache));
  }

  predict(hidden: Tensor2D, choose: ChooseToken): Tensor2D {
    return tf.expandDims(choose(this.#head.apply(hidden), 0), 1);
  }
}
