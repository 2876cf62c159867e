import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import {
  assertInteger,
  assertShape,
  checkOptions,
  Module,
  normalInitializer,
  split,
  type RandomKey,
} from '@vitvq/core';
import {
  CausalTransformer,
  dropoutMasksUnder,
  prefixDropoutSites,
  weightStddev,
  type DropoutMasks,
  type DropoutSite,
  type Linear,
  type TransformerForward,
} from '@vitvq/layers';
import { orderFreeOptionNames, type OrderFreeOptions } from './order-free-options.js';
import { SequenceEmbedding } from './internal/sequence-embedding.js';
import { tokenHead } from './internal/token-head.js';
import type { MaskedModel } from './masked-model.js';
import type { Conditions, LogitsOptions } from './token-model.js';
import { orderFreeConfig, type OrderFreeConfig } from './transformer-config.js';

/**
 * Bidirectional transformer that fills in unknown tokens (MaskGIT, arXiv:2202.04200, section 3.1).
 * Condition tokens come first; image tokens follow, with a token of its own in the place of what is
 * unknown; all see all.
 *
 * Differences from the paper: blocks are pre-norm, as in the other transformers here, where the
 * paper's are BERT's post-norm; conditions have a vocabulary of their own; the output has no layer
 * before the logits, which do not share weights with the embedding.
 *
 * Variables: `embedding.…`, whose `tokens` `[V + 1, D]` end with the vector of unknown tokens,
 * `transformer.blocks.0.…`, `transformer.norm.…`, `head.weight` `[D, V]`. Weights and positions
 * start as N(0, 0.02²), biases as 0.
 */
export class MaskedTransformer extends Module implements MaskedModel {
  /** Names the kind of model in a model folder. */
  readonly type = 'masked';
  readonly codeDepth = 1;
  /** What it is built from, with the defaults of what was not said. */
  readonly config: OrderFreeConfig;
  readonly #embedding: SequenceEmbedding;
  readonly #transformer: CausalTransformer;
  readonly #head: Linear;

  constructor(given: OrderFreeOptions) {
    super();
    const { key, ...options } = checkOptions(given, orderFreeOptionNames, 'MaskedTransformer', { allowOthers: true });
    const config = orderFreeConfig(options, 'MaskedTransformer');
    this.config = config;
    const [embeddingKey, transformerKey, headKey] = split(key, 3) as [RandomKey, RandomKey, RandomKey];
    const embedding = { ...config, vocabSize: config.vocabSize + 1, key: embeddingKey };
    this.#embedding = this.child(
      'embedding',
      new SequenceEmbedding(embedding, normalInitializer(weightStddev), 'MaskedTransformer'),
    );
    this.#transformer = this.child(
      'transformer',
      new CausalTransformer({ ...config, useTimeMixing: false, key: transformerKey }),
    );
    this.#head = this.child('head', tokenHead(config, headKey));
  }

  get vocabSize(): number {
    return this.config.vocabSize;
  }
  get grid(): readonly [number, number] {
    return this.config.grid;
  }
  get conditionLength(): number {
    return this.config.conditionLength;
  }
  get conditionVocabSize(): number | undefined {
    return this.config.conditionVocabSize;
  }
  get dim(): number {
    return this.config.dim;
  }

  /** `embedding`, `blocks.0` and so on, `norm`. */
  get featureNames(): readonly string[] {
    return ['embedding', ...this.#transformer.blocks.map((_, index) => `blocks.${index}`), 'norm'];
  }

  /** See {@link MaskedModel.maskedLogits}. @throws {ShapeError} unless there are N tokens */
  maskedLogits(
    conditions: Conditions,
    tokens: Tensor2D,
    known: Tensor2D,
    { dropoutMasks }: LogitsOptions = {},
  ): Tensor3D {
    const batch = tokens.shape[0];
    assertShape(tokens, [batch, this.#positions], 'MaskedTransformer');
    assertShape(known, tokens.shape, 'MaskedTransformer', 'There is one number for each token.');
    return tf.tidy(() => {
      const unknown = tf.fill(tokens.shape, this.vocabSize, 'int32');
      const shown = tf.where(tf.greater(known, tf.scalar(0, 'int32')), tokens, unknown) as Tensor2D;
      const { output } = this.#run(this.#embed(conditions, shown), dropoutMasksUnder(dropoutMasks, 'transformer'));
      return this.#head.apply(this.#imagePart(output));
    });
  }

  features(conditions: Conditions, tokens: Tensor2D): Record<string, Tensor3D> {
    assertShape(tokens, ['B', this.#positions], 'MaskedTransformer');
    return tf.tidy(() => {
      const embedded = this.#embed(conditions, tokens);
      const { output, blocks } = this.#run(embedded);
      const stages = [embedded, ...blocks.map((block) => block.output), output];
      return Object.fromEntries(this.featureNames.map((name, index) => [name, this.#imagePart(stages[index]!)]));
    });
  }

  /** Returns the sites of all tokens: a masked model reads no fewer. */
  dropoutSites(batchSize: number): Record<string, DropoutSite> {
    assertInteger(batchSize, 'batchSize', 'MaskedTransformer.dropoutSites');
    const length = this.conditionLength + this.#positions;
    return prefixDropoutSites(this.#transformer.dropoutSites(batchSize, length), 'transformer');
  }

  get #positions(): number {
    return this.grid[0] * this.grid[1];
  }

  #embed(conditions: Conditions, tokens: Tensor2D): Tensor3D {
    const placed = this.#embedding.place(this.#embedding.lookUp(tokens) as Tensor3D);
    return tf.concat([this.#embedding.conditions(conditions), placed], 1);
  }

  #run(x: Tensor3D, dropoutMasks?: DropoutMasks): TransformerForward {
    const length = x.shape[1];
    return this.#transformer.apply(x, tf.zeros<tf.Rank.R2>([length, length]), dropoutMasks);
  }

  #imagePart(x: Tensor3D): Tensor3D {
    return tf.slice(x, [0, this.conditionLength, 0], [-1, -1, -1]);
  }
}
