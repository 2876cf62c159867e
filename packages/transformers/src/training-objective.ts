import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import { ConfigError, foldIn, randomUniform, split, type RandomKey } from '@vitvq/core';
import { isAnyOrder, type AnyOrderModel } from './any-order-model.js';
import { takesOrders, type AutoregressiveModel, type PermutedModel } from './autoregressive-model.js';
import { isMasked, type MaskedModel } from './masked-model.js';
import { randomOrder, rankOf, rasterOrder } from './token-orders.js';
import type { Conditions, ImageTokens, LogitsOptions, TokenModel } from './token-model.js';

/** What a model predicts of the tokens of a batch. */
export interface Predictions {
  /** `[B, N, V]` (`[B, N, L, V]` with a code depth L above 1). */
  readonly logits: Tensor;
  /**
   * float32 `[B, N]`: 1 where the token is predicted, 0 where the model was shown it.
   * @default all are predicted
   */
  readonly weights?: Tensor2D;
}

/** How far a training is, for what changes on the way. */
export interface ObjectiveProgress {
  /** 0 at the first step, 1 at the last. */
  readonly progress: number;
}

/**
 * How the tokens of a model are learned: what is drawn for a batch, and what the model predicts of
 * it.
 */
export interface TokenObjective {
  /**
   * Draws what each image of a training step shows, int32 `[B, N]`; absent where nothing is drawn.
   * The result is an argument of {@link predictions}.
   */
  readonly draw?: (key: RandomKey, batch: number, at: ObjectiveProgress) => Int32Array;
  /**
   * The same for a measurement. The mean over draws of the mean negative log-likelihood over
   * predicted tokens is that of an image whose tokens are drawn one by one in a random order, so
   * that kinds of models can be compared.
   */
  readonly drawForMeasuring?: (key: RandomKey, batch: number) => Int32Array;
  /** Plain tensor code, which compiles. */
  predictions(
    conditions: Conditions,
    tokens: ImageTokens,
    drawn: Tensor2D | undefined,
    options?: LogitsOptions,
  ): Predictions;
}

/** Choices of {@link tokenObjective}. */
export interface ObjectiveOptions {
  /**
   * When random orders give way to raster order, for models that take orders: an image's order is
   * random with a probability that falls linearly from 1 at the fraction `start` of the training to
   * 0 at `end` (RAR, arXiv:2411.00776, section 3.2).
   * @default { start: 0.5, end: 0.75 }, the paper's, for a `RAR`, which is sampled in raster order;
   *   random orders throughout for any-order models
   */
  readonly orderAnnealing?: { readonly start: number; readonly end: number };
}

/** Model of any kind. */
export type AnyTokenModel = AutoregressiveModel | MaskedModel | AnyOrderModel;

/** Tells whether a model learns orders that are drawn, which may give way to raster order. */
export function learnsOrders(model: AnyTokenModel): boolean {
  return isAnyOrder(model) || isPermuted(model);
}

function isPermuted(model: AnyTokenModel): model is PermutedModel {
  return !isMasked(model) && !isAnyOrder(model) && takesOrders(model);
}

/**
 * Returns how a model learns tokens: the next one in raster order (arXiv:2110.04627, equation 2),
 * the next one of a random order (RAR, any-order), or unknown ones (MaskGIT, arXiv:2202.04200,
 * equation 1).
 * @throws {ConfigError} for options that the kind of model does not have
 */
export function tokenObjective(model: AnyTokenModel, { orderAnnealing }: ObjectiveOptions = {}): TokenObjective {
  if (isAnyOrder(model)) return anyOrderObjective(model, orderAnnealing);
  if (isPermuted(model)) return permutedObjective(model, orderAnnealing);
  if (orderAnnealing) {
    throw new ConfigError({
      where: 'orderAnnealing',
      expected: 'none for a model that takes no orders; a RAR and an any-order model do',
      got: JSON.stringify(orderAnnealing),
    });
  }
  if (isMasked(model)) return maskedObjective(model);
  return {
    predictions: (conditions, tokens, _drawn, options) => ({ logits: model.logits(conditions, tokens, options) }),
  };
}

function maskedObjective(model: MaskedModel): TokenObjective {
  const count = positionsOf(model);
  /** Leaves the part `unknownPart(u)` of an image's tokens unknown, with u uniform in [0, 1). */
  const drawKnown = (key: RandomKey, batch: number, unknownPart: (uniform: number) => number): Int32Array => {
    const [partKey, placeKey] = split(key) as [RandomKey, RandomKey];
    const uniform = randomUniform(partKey, batch);
    const known = new Int32Array(batch * count).fill(1);
    for (let image = 0; image < batch; image++) {
      const unknown = Math.max(1, Math.ceil(unknownPart(uniform[image]!) * count));
      for (const position of randomOrder(foldIn(placeKey, image), count).subarray(0, unknown)) {
        known[image * count + position] = 0;
      }
    }
    return known;
  };
  return {
    // MaskGIT's schedule of masking: most of the time most tokens are unknown.
    draw: (key, batch) => drawKnown(key, batch, (uniform) => Math.cos((Math.PI / 2) * uniform)),
    // Every number of unknown tokens is equally likely, as it is when tokens come one by one.
    drawForMeasuring: (key, batch) => drawKnown(key, batch, (uniform) => 1 - uniform),
    predictions: (conditions, tokens, known, options) => ({
      logits: model.maskedLogits(conditions, tokens as Tensor2D, known!, options),
      weights: tf.tidy(() => tf.sub<Tensor2D>(1, tf.cast(known!, 'float32'))),
    }),
  };
}

/** The paper's annealing (RAR, arXiv:2411.00776, section 3.2). */
const rarAnnealing = { start: 0.5, end: 0.75 };

function permutedObjective(model: PermutedModel, annealing = rarAnnealing): TokenObjective {
  return {
    draw: (key, batch, { progress }) => drawOrders(key, batch, positionsOf(model), randomPartAt(progress, annealing)),
    // Without a draw for measuring: it is sampled in raster order.
    predictions: (conditions, tokens, orders, options) => ({
      logits: model.logits(conditions, tokens, { ...options, orders }),
    }),
  };
}

function anyOrderObjective(model: AnyOrderModel, annealing: ObjectiveOptions['orderAnnealing']): TokenObjective {
  const drawRanks = (key: RandomKey, batch: number, randomPart: number): Int32Array => {
    const count = positionsOf(model);
    const orders = drawOrders(key, batch, count, randomPart);
    for (let start = 0; start < orders.length; start += count) {
      orders.set(rankOf(orders.slice(start, start + count)), start);
    }
    return orders;
  };
  return {
    draw: (key, batch, { progress }) => drawRanks(key, batch, randomPartAt(progress, annealing)),
    drawForMeasuring: (key, batch) => drawRanks(key, batch, annealing ? randomPartAt(1, annealing) : 1),
    predictions: (conditions, tokens, rank, options) => ({
      logits: model.orderedLogits(conditions, tokens as Tensor2D, { rank: rank!, known: rank! }, options),
    }),
  };
}

/** Draws an order of positions for each image, `[B, N]`: random or, else, raster. */
function drawOrders(key: RandomKey, batch: number, count: number, randomPart: number): Int32Array {
  const [kindKey, orderKey] = split(key) as [RandomKey, RandomKey];
  const uniform = randomUniform(kindKey, batch);
  const orders = new Int32Array(batch * count);
  for (let image = 0; image < batch; image++) {
    const isRandom = uniform[image]! < randomPart;
    orders.set(isRandom ? randomOrder(foldIn(orderKey, image), count) : rasterOrder(count), image * count);
  }
  return orders;
}

/** Returns the part of the orders that are random at a point of the training, in [0, 1]. */
function randomPartAt(progress: number, annealing: ObjectiveOptions['orderAnnealing']): number {
  if (!annealing) return 1;
  const { start, end } = annealing;
  if (progress >= end) return 0;
  return progress <= start ? 1 : (end - progress) / (end - start);
}

function positionsOf({ grid }: TokenModel): number {
  return grid[0] * grid[1];
}
