import * as tf from '@tensorflow/tfjs-core';
import {
  assertHasTokens,
  assertImages,
  assertMembers,
  elementCount,
  foldIn,
  randomInts,
  randomKey,
  randomUniform,
  type ImageBatch,
  type RandomKey,
} from '@vitvq/core';
import { exponentialDecaySchedule } from '@vitvq/optim';
import type { LatentNoise, VQTokenizer } from '@vitvq/tokenizer';
import { microBatchSize } from '@vitvq/training';
import type { LatentNoiseConfig, ResolvedTokenizerTrainingConfig } from '../config.js';
import type { TokenizerLossControls } from '../loss.js';
import { drawLatentNoise, noiseProbability } from './latent-noise-draws.js';
import { streams } from './streams.js';

/** Images, and the controls of the loss in the order of {@link MicroBatches.controlsOf}. */
export type Inputs = readonly [tf.Tensor4D, ...tf.Tensor[]];

/** Place of a micro-batch in a training. */
interface Place {
  /** Index of the step. */
  readonly index: number;
  /** Number of the micro-batch within the step. */
  readonly part: number;
  /** Number of images. */
  readonly size: number;
}

/** Maker of controls of the loss. */
interface ControlSource {
  /** Returns the tensors for a place, the same ones every time. */
  readonly create: (place: Place) => readonly tf.Tensor[];
  /** Number of these tensors. */
  readonly count: number;
  /** Returns the controls that the tensors are. */
  readonly controls: (tensors: readonly tf.Tensor[]) => TokenizerLossControls;
}

/** Source of a control that is one tensor. */
function source(name: keyof TokenizerLossControls, create: (place: Place) => tf.Tensor): ControlSource {
  return { count: 1, create: (place) => [create(place)], controls: ([tensor]) => ({ [name]: tensor }) };
}

/**
 * Makes the tensors of steps: micro-batches of images, with what their steps draw: the quantizer's
 * temperature and noise, the lengths of nested dropout, the noise in the codes.
 */
export class MicroBatches {
  readonly #accumulate: number;
  readonly #temperature: ((step: number) => number) | undefined;
  readonly #sources: readonly ControlSource[];

  /** @throws {ConfigError} for noise of codes where latents are none */
  constructor(tokenizer: VQTokenizer, config: ResolvedTokenizerTrainingConfig) {
    if (config.latentNoise?.kind === 'codes') assertHasTokens(tokenizer, `${where} config.latentNoise, kind codes`);
    this.#accumulate = config.accumulate;
    this.#temperature = temperatureOf(config, tokenizer);
    const key = (stream: keyof typeof streams, { index, part }: Place): RandomKey =>
      foldIn(foldIn(foldIn(randomKey(config.seed), streams[stream]), index), part);
    const sources: ControlSource[] = [];
    const draws = tokenizer.noiseShape(1) !== undefined;
    if (this.#temperature || draws) {
      // A quantizer that draws and has no temperature ignores it.
      sources.push(source('temperature', ({ index }) => tf.scalar(this.temperature(index) ?? 1)));
    }
    if (draws) {
      sources.push(source('noise', (place) => uniformNoise(key('noise', place), tokenizer.noiseShape(place.size)!)));
    }
    const { nestedLengths } = tokenizer;
    if (nestedLengths) {
      sources.push(source('lengths', (place) => drawLengths(key('lengths', place), nestedLengths, place.size)));
    }
    const { latentNoise } = config;
    if (latentNoise) {
      sources.push(
        latentNoiseSource(latentNoise, ({ index, size, part }) =>
          drawLatentNoise(
            latentNoise,
            noiseProbability(latentNoise, index),
            tokenizer,
            size,
            key('latentNoise', { index, size, part }),
          ),
        ),
      );
    }
    this.#sources = sources;
  }

  /** Returns the quantizer's temperature in a step; undefined where it has none. */
  temperature(index: number): number | undefined {
    return this.#temperature?.(index);
  }

  /** Returns the controls of the loss among the inputs of a step. */
  controlsOf(inputs: Inputs): TokenizerLossControls {
    let start = 1;
    return Object.assign(
      {},
      ...this.#sources.map(({ count, controls }) => controls(inputs.slice(start, (start += count)))),
    ) as TokenizerLossControls;
  }

  /**
   * Returns the inputs of a step, which the caller disposes of. Tokenizer and discriminator get the
   * same draws, which depend on seed, step and micro-batch alone.
   * @throws {ConfigError} for batches that are not of images, or that cannot be divided
   * @throws {ShapeError} for images of another layout
   * @throws {DataError} for finite values that are not in [0, 1]
   */
  of(batch: ImageBatch, index: number): Inputs[] {
    assertMembers(batch, ['images', 'shape'], 'a batch for a tokenizer', where);
    const { images, shape, indices } = batch;
    // A value that is not finite is the affair of the config's `nonFinite`.
    assertImages({ data: images, shape }, where, { allowNonFinite: true, indices });
    const [count, height, width, channels] = shape as [number, number, number, number];
    const size = microBatchSize(count, this.#accumulate, where);
    const pixels = images.length / this.#accumulate;
    return Array.from({ length: this.#accumulate }, (_, part): Inputs => {
      const rows = images.subarray(part * pixels, (part + 1) * pixels);
      const controls = this.#sources.flatMap(({ create }) => create({ index, part, size }));
      return [tf.tensor4d(rows, [size, height, width, channels]), ...controls];
    });
  }
}

const where = 'createTokenizerTrainer';

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

/** Source of the noise in the codes, which is two tensors. */
function latentNoiseSource({ kind }: LatentNoiseConfig, draw: (place: Place) => LatentNoise): ControlSource {
  return {
    count: 2,
    create: (place) => {
      const noise = draw(place);
      return [noise.weights, 'codes' in noise ? noise.codes : noise.values];
    },
    controls: ([weights, drawn]) => ({
      latentNoise: { weights, [kind === 'codes' ? 'codes' : 'values']: drawn } as LatentNoise,
    }),
  };
}

/** Draws a length for each image, int32 `[B]`, with equal probability. */
function drawLengths(key: RandomKey, lengths: readonly number[], images: number): tf.Tensor1D {
  const drawn = randomInts(key, images, lengths.length);
  return tf.tensor1d(
    drawn.map((index) => lengths[index]!),
    'int32',
  );
}
