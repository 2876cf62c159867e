import * as tf from '@tensorflow/tfjs-core';
import { foldIn, permutation, randomUniform, split, type RandomKey } from '@vitvq/core';
import type { OrderAnnealing } from '../config.js';

/**
 * Returns the probability of a random order: 1 until `start`, then falling linearly to 0 at `end`.
 * @param progress  fraction of the training, in [0, 1]
 */
export function randomOrderProbability({ start, end }: Required<OrderAnnealing>, progress: number): number {
  if (progress < start) return 1;
  return progress >= end ? 0 : (end - progress) / (end - start);
}

/**
 * Draws an order for each image, int32 `[B, N]`: a random permutation with the given probability,
 * otherwise raster order. A function of the key; the caller disposes of it.
 */
export function drawOrders(key: RandomKey, images: number, positions: number, probability: number): tf.Tensor2D {
  const [choiceKey, orderKey] = split(key) as [RandomKey, RandomKey];
  const choices = randomUniform(choiceKey, images);
  const orders = new Int32Array(images * positions);
  for (let image = 0; image < images; image++) {
    const own = orders.subarray(image * positions, (image + 1) * positions);
    if (choices[image]! < probability) own.set(permutation(foldIn(orderKey, image), positions));
    else own.forEach((_, index) => (own[index] = index));
  }
  return tf.tensor2d(orders, [images, positions], 'int32');
}
