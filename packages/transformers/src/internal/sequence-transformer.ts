import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import { ShapeError } from '@vitvq/core';
import {
  attentionMask,
  CausalTransformer,
  emptyCache,
  paddingMask,
  prefilledSlots,
  CacheStep,
  pick,
  rotaryPositions2D,
  withPadding,
  type CausalTransformerOptions,
  type Rotation,
  type RotationTables,
  type TransformerForward,
  type DropoutMasks,
  type DropoutSite,
  type AddedSlots,
  type KVCache,
} from '@vitvq/layers';
import type { SamplingStep } from '../autoregressive-model.js';
import type { ConditionOptions } from '../condition-options.js';
import type { Conditions } from '../token-model.js';
import type { SequenceEmbedding, SequenceEmbeddingOptions } from './sequence-embedding.js';

/**
 * Conditions and positions through a causal transformer: all of `GPT` but its head, and the spatial
 * half of `RQTransformer`. Tokens are always `[B, n, L]`; a position's vector is the sum over its
 * levels. It owns nothing: the model registers embedding and transformer under names of its own.
 */
export class SequenceTransformer {
  readonly transformer: CausalTransformer;
  readonly #embedding: SequenceEmbedding;
  readonly #codeDepth: number;
  readonly #rotation: RotationTables | undefined;
  /** How many of the first positions see each other both ways. */
  readonly #mutual: number;
  readonly #isPadded: boolean;

  constructor(
    options: CausalTransformerOptions &
      Pick<SequenceEmbeddingOptions, 'positions' | 'rotaryConditions'> &
      ConditionOptions,
    embedding: SequenceEmbedding,
    codeDepth: number,
  ) {
    this.transformer = new CausalTransformer(options);
    this.#embedding = embedding;
    this.#codeDepth = codeDepth;
    const { dim, numHeads, positions, rotaryConditions, conditionAttention, conditionPadding } = options;
    const { grid, conditionLength } = embedding;
    this.#mutual = conditionAttention === 'causal' ? 0 : conditionLength;
    this.#isPadded = conditionPadding === 'zero';
    this.#rotation =
      positions === 'rotary' ? rotaryPositions2D(dim / numHeads, grid, conditionLength, rotaryConditions) : undefined;
  }

  get featureNames(): readonly string[] {
    return ['embedding', ...this.transformer.blocks.map((_, index) => `blocks.${index}`), 'norm'];
  }

  /**
   * What each token is predicted from, `[B, N, D]`: the last condition's output, then those of the
   * tokens but the last.
   */
  predictors(conditions: Conditions, tokens: Tensor3D, dropoutMasks?: DropoutMasks): Tensor3D {
    const count = tokens.shape[1];
    const before = count === 1 ? undefined : tf.slice(tokens, [0, 0, 0], [-1, count - 1, -1]);
    const { output } = this.#run(this.#embed(conditions, before), this.#padding(conditions), dropoutMasks);
    return this.#from(output, this.#embedding.conditionLength - 1);
  }

  /** The image's part of every stage, `[B, N, D]` each. */
  features(conditions: Conditions, tokens: Tensor3D): Record<string, Tensor3D> {
    const embedded = this.#embed(conditions, tokens);
    const { output, blocks } = this.#run(embedded, this.#padding(conditions));
    const stages = [embedded, ...blocks.map((block) => block.output), output];
    return Object.fromEntries(
      this.featureNames.map((name, index) => [name, this.#from(stages[index]!, this.#embedding.conditionLength)]),
    );
  }

  /** Sites in a pass over `tokens` tokens, of which the last is not fed. */
  dropoutSites(batchSize: number, tokens: number): Record<string, DropoutSite> {
    const length = this.#embedding.conditionLength + tokens - 1;
    return this.transformer.dropoutSites(batchSize, length);
  }

  emptyCache(batch: number, segments: readonly number[]): KVCache {
    const cache = emptyCache(this.transformer, batch, segments);
    return this.#isPadded ? { ...cache, prefixMask: tf.zeros([batch, this.#embedding.conditionLength]) } : cache;
  }

  prefill(conditions: Conditions, given: Tensor3D | undefined, count: Scalar): SamplingStep {
    const { conditionLength } = this.#embedding;
    const embedded = this.#embed(conditions, given);
    const prefixMask = this.#padding(conditions);
    const { output, blocks } = this.#run(embedded, prefixMask);
    const last = tf.add<Scalar>(count, tf.scalar(conditionLength - 1, 'int32'));
    return {
      hidden: pick(output, last, 1) as Tensor2D,
      added: prefilledSlots(blocks, last, this.transformer.blocks[0]!.attention.usesTimeMixing),
      ...(prefixMask && { prefixMask }),
    };
  }

  decodeStep(tokens: Tensor2D, count: Scalar, cache: KVCache): SamplingStep {
    const index = tf.sub<Scalar>(count, tf.scalar(1, 'int32'));
    const slot = tf.add<Scalar>(index, tf.scalar(this.#embedding.conditionLength, 'int32'));
    const view = new CacheStep(cache, slot);
    const rotation = this.#rotate((table) => pick(table, slot, 0));
    let x = this.transformer.begin(this.#embedding.placeAt(this.#sumOverLevels(tokens) as Tensor2D, index));
    const added: AddedSlots[] = [];
    for (const [position, block] of this.transformer.blocks.entries()) {
      const previous = cache.blocks[position]!;
      const { remember, added: addedTo } = view.of(previous);
      const { output, normalized } = block.decodeStep(x, previous.before, remember, rotation);
      added.push(addedTo(normalized));
      x = output;
    }
    return { hidden: this.transformer.end(x), added };
  }

  #embed(conditions: Conditions, tokens: Tensor3D | undefined): Tensor3D {
    const embedded = this.#embedding.conditions(conditions);
    if (!tokens) return embedded;
    if (tokens.shape[0] !== embedded.shape[0]) {
      throw new ShapeError({
        where: this.#embedding.where,
        expected: 'conditions and tokens of as many images',
        got: `${embedded.shape[0]} and ${tokens.shape[0]}`,
      });
    }
    return tf.concat([embedded, this.#embedding.place(this.#sumOverLevels(tokens) as Tensor3D)], 1);
  }

  /** int32 `[.., L]` to `[.., D]`. */
  #sumOverLevels(tokens: tf.Tensor): tf.Tensor {
    const vectors = this.#embedding.lookUp(tokens);
    return this.#codeDepth === 1 ? tf.squeeze(vectors, [-2]) : tf.sum(vectors, -2);
  }

  /** What hides padding among conditions that were embedded; undefined where none is hidden. */
  #padding(conditions: Conditions): Tensor2D | undefined {
    return this.#isPadded ? paddingMask(conditions as Tensor3D) : undefined;
  }

  #run(x: Tensor3D, padding: Tensor2D | undefined, dropoutMasks?: DropoutMasks): TransformerForward {
    const length = x.shape[1];
    const mask = attentionMask(length, this.#mutual);
    const rotation = this.#rotate((table) => tf.slice(table, [0, 0], [length, -1]));
    return this.transformer.apply(x, padding ? withPadding(mask, padding) : mask, dropoutMasks, rotation);
  }

  /** Rotary positions, of which `select` takes a part; none with other positions. */
  #rotate(select: (table: tf.Tensor) => tf.Tensor): Rotation | undefined {
    if (!this.#rotation) return undefined;
    const { cos, sin } = this.#rotation;
    return { cos: select(tf.tensor(cos.data, [...cos.shape])), sin: select(tf.tensor(sin.data, [...sin.shape])) };
  }

  /** Positions from `start` on. */
  #from(x: Tensor3D, start: number): Tensor3D {
    return start === 0 ? x : tf.slice(x, [0, start, 0], [-1, -1, -1]);
  }
}
