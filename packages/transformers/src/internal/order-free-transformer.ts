import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import { assertInteger, assertShape, Module, normalInitializer, split, type RandomKey } from '@vitvq/core';
import {
  CausalTransformer,
  prefixDropoutSites,
  weightStddev,
  type DropoutSite,
  type Linear,
  type SequenceMask,
} from '@vitvq/layers';
import type { Conditions, TokenModel } from '../token-model.js';
import type { OrderFreeConfig } from '../transformer-config.js';
import { SequenceEmbedding } from './sequence-embedding.js';
import { TiedHead } from './tied-head.js';
import { tokenHead } from './token-head.js';

/** What masked and any-order transformers share: embedding, blocks, head, and their features. */
export abstract class OrderFreeTransformer extends Module implements TokenModel {
  readonly codeDepth = 1;
  /** What it is built from, with the defaults of what was not said. */
  readonly config: OrderFreeConfig;
  protected readonly embedding: SequenceEmbedding;
  protected readonly transformer: CausalTransformer;
  readonly #head: Linear | TiedHead;
  /** What errors call the model. */
  readonly #where: string;

  /** @param rows  vectors of tokens, of which a model may have more than its vocabulary */
  constructor(config: OrderFreeConfig, rows: number, key: RandomKey, where: string) {
    super();
    this.config = config;
    this.#where = where;
    const [embeddingKey, transformerKey, headKey] = split(key, 3) as [RandomKey, RandomKey, RandomKey];
    const embedded = { ...config, vocabSize: rows, key: embeddingKey };
    this.embedding = this.child('embedding', new SequenceEmbedding(embedded, normalInitializer(weightStddev), where));
    this.transformer = this.child(
      'transformer',
      new CausalTransformer({ ...config, useTimeMixing: false, key: transformerKey }),
    );
    this.#head = this.child('head', createHead(config, headKey));
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

  /**
   * `embedding`, `blocks.0` and so on, `norm`, which with `normPlacement: 'post'` is the output of
   * the last block.
   */
  get featureNames(): readonly string[] {
    return ['embedding', ...this.transformer.blocks.map((_, index) => `blocks.${index}`), 'norm'];
  }

  features(conditions: Conditions, tokens: Tensor2D): Record<string, Tensor3D> {
    assertShape(tokens, ['B', this.positions], this.#where);
    return tf.tidy(() => {
      const embedded = this.embed(conditions, tokens);
      const { output, blocks } = this.transformer.apply(embedded, this.featureMask(embedded.shape[1]));
      const stages = [embedded, ...blocks.map((block) => block.output), output];
      const start = [0, this.conditionLength, 0];
      return Object.fromEntries(
        this.featureNames.map((name, index) => [name, tf.slice(stages[index]!, start, [-1, -1, -1])]),
      );
    });
  }

  /** Returns the sites of everything that a pass reads: such a model reads no fewer tokens. */
  dropoutSites(batchSize: number): Record<string, DropoutSite> {
    assertInteger(batchSize, 'batchSize', `${this.#where}.dropoutSites`);
    return prefixDropoutSites(this.transformer.dropoutSites(batchSize, this.sequenceLength), 'transformer');
  }

  /** Number of vectors that a pass reads. */
  protected abstract get sequenceLength(): number;

  /** Returns which of the conditions and tokens see each other where all tokens are known. */
  protected abstract featureMask(length: number): SequenceMask;

  protected get positions(): number {
    return this.grid[0] * this.grid[1];
  }

  /** Output of the transformer `[B, n, D]` to logits `[B, n, V]`. */
  protected logits(output: Tensor3D): Tensor3D {
    return this.#head instanceof TiedHead
      ? this.#head.apply(output, this.embedding.vectors(this.vocabSize))
      : this.#head.apply(output);
  }

  /** Conditions and tokens as vectors, `[B, C + N, D]`. */
  protected embed(conditions: Conditions, tokens: Tensor2D): Tensor3D {
    const placed = this.embedding.place(this.embedding.lookUp(tokens) as Tensor3D);
    return tf.concat([this.embedding.conditions(conditions), placed], 1);
  }
}

function createHead(config: OrderFreeConfig, key: RandomKey): Linear | TiedHead {
  const { head, activation } = config;
  return head === 'tied' && activation !== undefined
    ? new TiedHead({ ...config, activation, key })
    : tokenHead(config, key);
}
