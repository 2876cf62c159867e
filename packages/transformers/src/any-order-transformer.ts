import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor2D, Tensor3D, Tensor4D, Variable } from '@tensorflow/tfjs-core';
import { assertShape, checkOptions, normalInitializer, split, tidied, type RandomKey } from '@vitvq/core';
import {
  attentionMask,
  dropoutMasksUnder,
  emptyCache,
  hiddenScore,
  weightStddev,
  type AddedSlots,
  type KVCache,
  type TransformerForward,
} from '@vitvq/layers';
import type { AnyOrderModel, TokenGroup, TokenOrder } from './any-order-model.js';
import { OrderFreeTransformer } from './internal/order-free-transformer.js';
import { orderFreeOptionNames, type OrderFreeOptions } from './order-free-options.js';
import type { Conditions, LogitsOptions } from './token-model.js';
import { orderFreeConfig } from './transformer-config.js';

/**
 * Autoregressive transformer over image tokens in any order, several at a time where that is wanted
 * (after RandAR, arXiv:2412.01827, whose queries say which position comes next, and XLNet,
 * arXiv:1906.08237, whose queries nothing else sees).
 *
 * The sequence holds the condition tokens, the image tokens, and a query for each position: one
 * learned vector with the position added. A token sees the conditions and the tokens up to itself
 * in the order; a query sees the conditions, the tokens before it, and itself. The logits of a
 * position come from its query.
 *
 * Difference from RandAR: there, queries stand between the tokens, and later tokens see them. Here
 * none sees them, so that the KV cache holds the tokens alone, and queries that are asked together
 * have exactly the input that training shows them. A training step reads twice as many vectors as
 * that of a `GPT`, as RandAR's does.
 *
 * Variables: `embedding.…`, `transformer.blocks.0.…`, `transformer.norm.…`, `head.weight` `[D, V]`
 * (those of a `TiedHead` with `head: 'tied'`), `query` `[D]`. Weights and positions start as
 * N(0, 0.02²), biases as 0.
 */
export class AnyOrderTransformer extends OrderFreeTransformer implements AnyOrderModel {
  /** Names the kind of model in a model folder. */
  readonly type = 'any-order';
  readonly #query: Variable<tf.Rank.R1>;

  constructor(given: OrderFreeOptions) {
    const { key, ...options } = checkOptions(given, orderFreeOptionNames, 'AnyOrderTransformer', { allowOthers: true });
    const config = orderFreeConfig(options, 'AnyOrderTransformer');
    const [ownKey, queryKey] = split(key) as [RandomKey, RandomKey];
    super(config, config.vocabSize, ownKey, 'AnyOrderTransformer');
    this.#query = this.variable('query', normalInitializer(weightStddev)(queryKey, [config.dim]));
  }

  /** See {@link AnyOrderModel.orderedLogits}. @throws {ShapeError} unless there are N tokens */
  orderedLogits(
    conditions: Conditions,
    tokens: Tensor2D,
    { rank, known }: TokenOrder,
    { dropoutMasks }: LogitsOptions = {},
  ): Tensor3D {
    const [batch, count] = [tokens.shape[0], this.positions];
    for (const tensor of [tokens, rank, known]) assertShape(tensor, [batch, count], 'AnyOrderTransformer');
    return tf.tidy(() => {
      const query = tf.reshape<tf.Rank.R3>(this.#query, [1, 1, this.dim]);
      const queries = this.embedding.place(tf.tile(query, [batch, count, 1]));
      const x = tf.concat([this.embed(conditions, tokens), queries], 1);
      const masks = dropoutMasksUnder(dropoutMasks, 'transformer');
      const { output } = this.transformer.apply(x, this.#orderMask(rank, known), masks);
      return this.logits(tf.slice(output, [0, this.conditionLength + count, 0], [-1, -1, -1]));
    });
  }

  emptyGroupCache(batch: number, groupSize: number): KVCache {
    const groups = Math.ceil(this.positions / groupSize);
    // The last group is never read.
    return emptyCache(this.transformer, batch, [this.conditionLength + groups * groupSize]);
  }

  readConditions(conditions: Conditions): readonly AddedSlots[] {
    return tidied(() => {
      const length = this.conditionLength;
      const embedded = this.embedding.conditions(conditions);
      const { blocks }: TransformerForward = this.transformer.apply(embedded, tf.zeros<tf.Rank.R2>([length, length]));
      return blocks.map(({ keys, values }) => ({ keys, values }));
    });
  }

  nextGroup(
    { tokens, positions, next, count }: TokenGroup,
    cache: KVCache,
  ): { readonly logits: Tensor3D; readonly added: readonly AddedSlots[] } {
    return tidied(() => {
      const size = tokens.shape[1];
      const contents = tf.add(this.embedding.lookUp(tokens), this.embedding.positionsAt(positions));
      const queries = tf.add(this.#query, this.embedding.positionsAt(next));
      let x = this.transformer.begin(tf.concat([contents, queries], 1) as Tensor3D); // [B, 2k, D]
      const slots = cache.blocks[0]!.keys[0]!.shape[2];
      const cached = this.#cacheMask(slots, size, count);
      const own = groupMask(size, count);
      const added: AddedSlots[] = [];
      for (const [index, block] of this.transformer.blocks.entries()) {
        const {
          keys: [oldKeys],
          values: [oldValues],
        } = cache.blocks[index]!;
        x = block.attend(x, (keys, values) => {
          const firstOf = (all: Tensor4D): Tensor4D => tf.slice(all, [0, 0, 0, 0], [-1, -1, size, -1]);
          added.push({ keys: firstOf(keys), values: firstOf(values) });
          return [
            { keys: oldKeys!, values: oldValues!, mask: cached },
            { keys, values, mask: own },
          ];
        });
      }
      const predicted = tf.slice<tf.Rank.R3, Tensor3D>(x, [0, size, 0], [-1, -1, -1]);
      return { logits: this.logits(this.transformer.end(predicted)), added };
    });
  }

  protected get sequenceLength(): number {
    return this.conditionLength + 2 * this.positions;
  }

  /** Each token sees those before it in raster order. */
  protected featureMask(length: number): Tensor2D {
    return attentionMask(length, this.conditionLength);
  }

  /** Returns the mask `[B, 1, T, T]` of conditions, tokens and queries. */
  #orderMask(rank: Tensor2D, known: Tensor2D): Tensor4D {
    const [batch, count] = rank.shape;
    const conditions = this.conditionLength;
    const ones = (rows: number): Tensor => tf.ones([batch, rows, conditions]);
    const ofColumn = tf.expandDims(rank, 1); // [B, 1, N]
    const before = (isSeen: Tensor): Tensor => tf.cast(isSeen, 'float32');
    const tokens = before(tf.lessEqual(ofColumn, tf.expandDims(rank, 2)));
    const queries = before(tf.less(ofColumn, tf.expandDims(known, 2)));
    const itself = tf.tile(tf.expandDims(tf.eye(count), 0), [batch, 1, 1]);
    const seen = tf.concat(
      [
        tf.concat([ones(conditions), tf.zeros([batch, conditions, 2 * count])], 2),
        tf.concat([ones(count), tokens, tf.zeros([batch, count, count])], 2),
        tf.concat([ones(count), queries, itself], 2),
      ],
      1,
    );
    return tf.expandDims(tf.mul(tf.sub(1, seen), hiddenScore), 1);
  }

  /** Returns the mask `[1, 1, 1, n]` of the n slots: conditions, and tokens before these. */
  #cacheMask(slots: number, size: number, count: Scalar): Tensor {
    const slot = tf.range(0, slots, 1, 'int32');
    const start = this.conditionLength;
    const end = tf.add(count, tf.scalar(start, 'int32'));
    const isToken = tf.logicalAnd(tf.greaterEqual(slot, tf.scalar(start + size, 'int32')), tf.less(slot, end));
    const isSeen = tf.logicalOr(tf.less(slot, tf.scalar(start, 'int32')), isToken);
    return tf.reshape(tf.mul(tf.sub(1, tf.cast(isSeen, 'float32')), hiddenScore), [1, 1, 1, slots]);
  }
}

/**
 * Returns the mask `[1, 1, 2k, 2k]` of k tokens and k queries: a token sees the tokens up to
 * itself, a query sees the tokens, if they are any (`count` above 0), and itself.
 */
function groupMask(size: number, count: Scalar): Tensor {
  const tokens = tf.linalg.bandPart(tf.ones([size, size]), -1, 0);
  const areTokens = tf.cast(tf.greater(count, tf.scalar(0, 'int32')), 'float32');
  const seen = tf.concat(
    [
      tf.concat([tokens, tf.zeros([size, size])], 1),
      tf.concat([tf.mul(tf.ones([size, size]), areTokens), tf.eye(size)], 1),
    ],
    0,
  );
  return tf.reshape(tf.mul(tf.sub(1, seen), hiddenScore), [1, 1, 2 * size, 2 * size]);
}
