import * as tf from '@tensorflow/tfjs-core';
import {
  assertImages,
  assertMembers,
  elementCount,
  foldIn,
  randomKey,
  randomUniform,
  type ImageBatch,
  type RandomKey,
} from '@vitvq/core';
import { exponentialDecaySchedule } from '@vitvq/optim';
import type { VQTokenizer } from '@vitvq/tokenizer';
import { microBatchSize } from '@vitvq/training';
import type { ResolvedTokenizerTrainingConfig } from '../config.js';
import type { TokenizerLossControls } from '../loss.js';
import { streams } from './streams.js';

/** Images; temperature `[]`, where the quantizer has one; uniform noise, where it draws. */
export type Inputs =
  readonly [tf.Tensor4D] | readonly [tf.Tensor4D, tf.Scalar] | readonly [tf.Tensor4D, tf.Scalar, tf.Tensor];

/**
 * Makes the tensors of steps: micro-batches of images, with the quantizer's temperature and noise.
 */
export class MicroBatches {
  readonly #tokenizer: VQTokenizer;
  readonly #config: Pick<ResolvedTokenizerTrainingConfig, 'accumulate' | 'seed'>;
  readonly #temperature: ((step: number) => number) | undefined;

  constructor(tokenizer: VQTokenizer, config: ResolvedTokenizerTrainingConfig) {
    this.#tokenizer = tokenizer;
    this.#config = config;
    this.#temperature = temperatureOf(config, tokenizer);
  }

  /** Returns the quantizer's temperature in a step; undefined where it has none. */
  temperature(index: number): number | undefined {
    return this.#temperature?.(index);
  }

  /**
   * Returns the inputs of a step, which the caller disposes of. Tokenizer and discriminator get the
   * same noise, which depends on seed, step and image alone.
   * @throws {ConfigError} for batches that are not of images, or that cannot be divided
   * @throws {ShapeError} for images of another layout
   * @throws {DataError} for finite values that are not in [0, 1]
   */
  of(batch: ImageBatch, index: number): Inputs[] {
    const { accumulate, seed } = this.#config;
    assertMembers(batch, ['images', 'shape'], 'a batch for a tokenizer', where);
    const { images, shape, indices } = batch;
    // A value that is not finite is the affair of the config's `nonFinite`.
    assertImages({ data: images, shape }, where, { allowNonFinite: true, indices });
    const [count, height, width, channels] = shape as [number, number, number, number];
    const size = microBatchSize(count, accumulate, where);
    const key = foldIn(foldIn(randomKey(seed), streams.noise), index);
    const pixels = images.length / accumulate;
    const temperature = this.temperature(index);
    return Array.from({ length: accumulate }, (_, part): Inputs => {
      const tensor = tf.tensor4d(images.subarray(part * pixels, (part + 1) * pixels), [size, height, width, channels]);
      const noiseShape = this.#tokenizer.noiseShape(size);
      if (temperature === undefined && !noiseShape) return [tensor];
      // A quantizer that draws and has no temperature ignores it.
      const scalar = tf.scalar(temperature ?? 1);
      return noiseShape ? [tensor, scalar, uniformNoise(foldIn(key, part), noiseShape)] : [tensor, scalar];
    });
  }
}

const where = 'createTokenizerTrainer';

/** Returns the controls of the loss. */
export function controlsOf([, temperature, noise]: Inputs): TokenizerLossControls {
  return { temperature, noise };
}

/** Returns the temperature by step; undefined where the quantizer has none. */
function temperatureOf(
  { temperature }: ResolvedTokenizerTrainingConfig,
  { quantizer }: VQTokenizer,
): ((step: number) => number) | undefined {
  if (temperature) {
    const { every: decayEvery, ...rest } = temperature;
    return exponentialDecaySchedule({ ...rest, decayEvery });
  }
  const own = quantizer.temperature;
  return own === undefined ? undefined : () => own;
}

function uniformNoise(key: RandomKey, shape: readonly number[]): tf.Tensor {
  return tf.tensor(randomUniform(key, elementCount(shape)), [...shape]);
}
