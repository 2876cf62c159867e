import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor2D, Tensor3D, Tensor4D, Variable } from '@tensorflow/tfjs-core';
import {
  assertInteger,
  checkOptions,
  Module,
  randomUniform,
  split,
  tidied,
  type Initializer,
  type RandomKey,
} from '@vitvq/core';
import {
  attentionMask,
  CausalTransformer,
  dropoutMasksUnder,
  prefixDropoutSites,
  type Linear,
  type DropoutMasks,
  type DropoutSite,
  type KVCache,
} from '@vitvq/layers';
import type { AutoregressiveModel, ChooseToken, SamplingStep } from './autoregressive-model.js';
import type { Conditions, LogitsOptions } from './token-model.js';
import { SequenceEmbedding } from './internal/sequence-embedding.js';
import { SequenceTransformer } from './internal/sequence-transformer.js';
import { tokenHead } from './internal/token-head.js';
import { rqTransformerOptionNames, type RQTransformerOptions } from './rq-transformer-options.js';
import { rqTransformerConfig, type RQTransformerConfig } from './transformer-config.js';

/** Draws positions from U[0, 1), as the reference does here; its GPT starts them at 0. */
const positionInitializer: Initializer = (key, shape) => ({
  shape,
  data: randomUniform(
    key,
    shape.reduce((size, dimension) => size * dimension, 1),
  ),
});

/**
 * Predicts residual codes, L tokens at each position (Lee et al. 2022, "Autoregressive image
 * generation using residual quantization"; the reference's `RQTransformer`). A spatial transformer
 * reads one vector for each position, the sum of its code embeddings. From its output a small depth
 * transformer predicts the tokens of the position level by level, given the sum of the embeddings
 * above. All levels share the embedding table and the head.
 *
 * Differs from the reference: embeddings are summed over depth, as the paper and the reference's
 * sampler do; the reference's forward pass sums over channels by mistake.
 *
 * Variables: `embedding.…`, `spatial.blocks.0.…`, `spatial.norm.…`, `depthPositions` `[L - 1, D]`,
 * `depth.blocks.0.…`, `depth.norm.…`, `head.weight` `[D, V]`.
 */
export class RQTransformer extends Module implements AutoregressiveModel {
  /** Names the kind of model in a model folder. */
  readonly type = 'rq-transformer';
  readonly codeDepth: number;
  /** Config that builds the model again, with defaults filled in. */
  readonly config: RQTransformerConfig;
  readonly #spatial: SequenceTransformer;
  readonly #depth: CausalTransformer;
  readonly #depthPositions: Variable<tf.Rank.R2>;
  readonly #embedding: SequenceEmbedding;
  readonly #head: Linear;

  constructor(given: RQTransformerOptions) {
    super();
    const { key, ...options } = checkOptions(given, rqTransformerOptionNames, 'RQTransformer', { allowOthers: true });
    const config = rqTransformerConfig(options);
    this.config = config;
    const { codeDepth, spatial, depth, ...shared } = config;
    assertInteger(codeDepth, 'codeDepth', 'RQTransformer', 2);
    const [embeddingKey, spatialKey, depthKey, positionKey, headKey] = split(key, 5) as [
      RandomKey,
      RandomKey,
      RandomKey,
      RandomKey,
      RandomKey,
    ];
    this.codeDepth = codeDepth;
    const embedding = new SequenceEmbedding({ ...shared, key: embeddingKey }, positionInitializer, 'RQTransformer');
    this.#embedding = this.child('embedding', embedding);
    this.#spatial = new SequenceTransformer({ ...shared, ...spatial, key: spatialKey }, embedding, codeDepth);
    this.child('spatial', this.#spatial.transformer);
    this.#depthPositions = this.variable(
      'depthPositions',
      positionInitializer(positionKey, [codeDepth - 1, shared.dim]),
    );
    this.#depth = this.child('depth', new CausalTransformer({ ...shared, ...depth, key: depthKey }));
    this.#head = this.child('head', tokenHead(shared, headKey));
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

  /**
   * `spatial.embedding`, `spatial.blocks.0`, ..., `spatial.norm`, `depth.blocks.0`, ...,
   * `depth.norm`.
   */
  get featureNames(): readonly string[] {
    return [
      ...this.#spatial.featureNames.map((name) => `spatial.${name}`),
      ...this.#depth.blocks.map((_, index) => `depth.blocks.${index}`),
      'depth.norm',
    ];
  }

  /**
   * Returns the logits `[B, N, L, V]` of every token given the positions before it and the levels
   * above it.
   * @param conditions  int32 `[B, C]` or embeddings `[B, C, D]`
   * @param tokens  int32 `[B, N, L]`
   * @throws {ShapeError} when there are more tokens than positions, or another number of levels
   */
  logits(conditions: Conditions, tokens: Tensor3D, { dropoutMasks }: LogitsOptions = {}): Tensor4D {
    this.#embedding.assertTokens(tokens, this.codeDepth);
    const [batch, count, codeDepth] = tokens.shape;
    return tf.tidy(() => {
      const predictors = this.#spatial.predictors(conditions, tokens, dropoutMasksUnder(dropoutMasks, 'spatial'));
      const { output } = this.#overLevels(predictors, tokens, dropoutMasksUnder(dropoutMasks, 'depth'));
      return tf.reshape(this.#head.apply(output), [batch, count, codeDepth, this.vocabSize]);
    });
  }

  /** Returns features; those of the depth transformer are `[B, N L, D]`, position by position. */
  features(conditions: Conditions, tokens: Tensor3D): Record<string, Tensor3D> {
    this.#embedding.assertTokens(tokens, this.codeDepth);
    const [batch, count, codeDepth] = tokens.shape;
    return tf.tidy(() => {
      const spatial = Object.values(this.#spatial.features(conditions, tokens));
      const { output, blocks } = this.#overLevels(this.#spatial.predictors(conditions, tokens), tokens);
      const depth = [...blocks.map((block) => block.output), output].map((stage) =>
        tf.reshape<tf.Rank.R3>(stage, [batch, count * codeDepth, this.dim]),
      );
      const stages = [...spatial, ...depth];
      return Object.fromEntries(this.featureNames.map((name, index) => [name, stages[index]!]));
    });
  }

  dropoutSites(batchSize: number, tokens = this.grid[0] * this.grid[1]): Record<string, DropoutSite> {
    assertInteger(batchSize, 'batchSize', 'RQTransformer.dropoutSites');
    return {
      ...prefixDropoutSites(this.#spatial.dropoutSites(batchSize, tokens), 'spatial'),
      ...prefixDropoutSites(this.#depth.dropoutSites(batchSize * tokens, this.codeDepth), 'depth'),
    };
  }

  emptyCache(batch: number, segments: readonly number[]): KVCache {
    return this.#spatial.emptyCache(batch, segments);
  }

  prefill(conditions: Conditions, given: Tensor3D | undefined, count: Scalar): SamplingStep {
    return tidied(() => this.#spatial.prefill(conditions, given, count));
  }

  decodeStep(tokens: Tensor2D, count: Scalar, cache: KVCache): SamplingStep {
    return tidied(() => this.#spatial.decodeStep(tokens, count, cache));
  }

  predict(hidden: Tensor2D, choose: ChooseToken): Tensor2D {
    const memories = this.#depth.blocks.map((): LevelMemory => ({ keys: [], values: [], before: undefined }));
    const tokens: tf.Tensor1D[] = [];
    let sum: Tensor2D | undefined;
    let x = hidden;
    for (let level = 0; level < this.codeDepth; level++) {
      if (level > 0) {
        const vector = this.#embedding.lookUp(tokens[level - 1]!) as Tensor2D;
        sum = sum ? tf.add<Tensor2D>(sum, vector) : vector;
        x = tf.add(sum, tf.slice(this.#depthPositions, [level - 1, 0], [1, -1]));
      }
      tokens.push(choose(this.#head.apply(this.#addLevel(x, memories)), level));
    }
    return tf.stack(tokens, 1) as Tensor2D;
  }

  /** Passes one more level through the depth transformer and adds it to the memories. */
  #addLevel(vector: Tensor2D, memories: LevelMemory[]): Tensor2D {
    let x = this.#depth.begin(vector);
    for (const [index, block] of this.#depth.blocks.entries()) {
      const memory = memories[index]!;
      const { output, normalized } = block.decodeStep(x, memory.before, (key, value) => {
        memory.keys.push(key);
        memory.values.push(value);
        return [{ keys: joined(memory.keys), values: joined(memory.values) }];
      });
      memory.before = normalized;
      x = output;
    }
    return this.#depth.end(x);
  }

  /** Applies the depth transformer to all positions `[B, N, D]` at once, as `[B N, L, D]`. */
  #overLevels(predictors: Tensor3D, tokens: Tensor3D, dropoutMasks?: DropoutMasks) {
    const [batch, count, codeDepth] = tokens.shape;
    const above = tf.slice(tokens, [0, 0, 0], [batch, count, codeDepth - 1]);
    const embedded = this.#embedding.lookUp(above); // [B, N, L - 1, D]
    // Not tf.unstack: its gradient in TensorFlow.js fails for one part.
    const vectors = Array.from({ length: codeDepth - 1 }, (_, level) =>
      tf.squeeze(tf.slice(embedded, [0, 0, level, 0], [-1, -1, 1, -1]), [2]),
    ); // [B, N, D] each
    // Not tf.cumsum: its gradient in TensorFlow.js is wrong along any axis but the last.
    const running: tf.Tensor[] = [];
    for (const vector of vectors) running.push(running.length > 0 ? tf.add(running.at(-1)!, vector) : vector);
    const sums = tf.stack(running, 2); // [B, N, L - 1, D]
    const x = tf.concat([tf.expandDims(predictors, 2), tf.add(sums, this.#depthPositions)], 2);
    const rows = tf.reshape<tf.Rank.R3>(x, [batch * count, codeDepth, this.dim]);
    return this.#depth.apply(rows, attentionMask(codeDepth), dropoutMasks);
  }
}

/** Keys and values of the levels that a depth block has read at one position. */
interface LevelMemory {
  readonly keys: Tensor4D[];
  readonly values: Tensor4D[];
  before: Tensor2D | undefined;
}

/** Concatenates levels to `[B, M, levels, headDim]`. */
function joined(levels: readonly Tensor4D[]): Tensor4D {
  return levels.length === 1 ? levels[0]! : tf.concat([...levels], 2);
}
