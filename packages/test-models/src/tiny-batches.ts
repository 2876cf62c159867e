import * as tf from '@tensorflow/tfjs';
import type { RepeatedImages } from '@vitvq/codes';
import {
  foldIn,
  randomInts,
  randomKey,
  randomUniform,
  type Tokenizer,
  type CodeBatch,
  type ImageBatch,
} from '@vitvq/core';
import type { TransformerBatchSource, TransformerTrainingConfig } from '@vitvq/stage2-trainer';
import { GPT, type GPTOptions } from '@vitvq/transformers';

/** Number of codes of the tiny tokenizer and models. */
export const vocabSize = 6;
/** Rows and columns of tokens of the tiny tokenizer and models. */
export const grid = [2, 3] as const;
const patch = 2;

/**
 * Returns a tokenizer that needs no training: the brightness of a patch in equal steps, `codeDepth`
 * digits of it, coarse to fine. Images that it decodes encode to the same tokens.
 */
export function brightnessTokenizer({
  codes = vocabSize,
  codeDepth = 1,
  size = grid,
}: {
  readonly codes?: number;
  readonly codeDepth?: number;
  readonly size?: readonly [number, number];
} = {}): Tokenizer {
  const [rows, columns] = size;
  const tokenizer: Tokenizer = {
    vocabSize: codes,
    grid: size,
    codeDepth,
    encode: (images) =>
      tf.tidy(() => {
        const patches = tf.reshape(images, [images.shape[0] * rows, patch, columns, patch * images.shape[3]]);
        const flat = tf.reshape(tf.mean(tf.mean(patches, 3), 1), [images.shape[0], rows * columns]);
        const digits: tf.Tensor[] = [];
        let rest: tf.Tensor = flat;
        for (let level = 0; level < codeDepth; level++) {
          const scaled = tf.mul(rest, codes);
          const digit = tf.clipByValue(tf.floor(scaled), 0, codes - 1);
          digits.push(digit);
          rest = tf.sub(scaled, digit);
        }
        const tokens = codeDepth === 1 ? digits[0]! : tf.stack(digits, 2);
        return tf.cast(tokens, 'int32') as tf.Tensor2D;
      }),
    decode: (tokens) =>
      tf.tidy(() => {
        const last = codeDepth === 1 ? tokens : tf.slice(tokens, [0, 0, 0], [-1, -1, 1]);
        const values = tf.div(tf.add(tf.cast(last, 'float32'), 0.5), codes);
        const map = tf.reshape(values, [tokens.shape[0], rows, 1, columns, 1, 1]);
        const large = tf.tile(map, [1, 1, patch, 1, patch, 3]);
        return tf.reshape<tf.Rank.R4>(large, [tokens.shape[0], rows * patch, columns * patch, 3]);
      }),
  };
  return tokenizer;
}

/** Number of images of `tinyImageBatches`, each of the class `index % 3`. */
export const imageCount = 10;

/**
 * Returns batches of images again and again, in views that differ in brightness; the last batch of
 * a view is padded.
 */
export function tinyImageBatches(startAt: number, batchSize = 4): RepeatedImages & { closed: boolean } {
  const batchesPerEpoch = Math.ceil(imageCount / batchSize);
  const [height, width] = [grid[0] * patch, grid[1] * patch];
  const pixels = height * width * 3;
  let position = startAt;
  return {
    batchesPerEpoch,
    fingerprint: 'tiny images',
    closed: false,
    next(): Promise<ImageBatch> {
      const view = Math.floor(position / batchesPerEpoch);
      const from = (position % batchesPerEpoch) * batchSize;
      const count = Math.min(batchSize, imageCount - from);
      position++;
      const images = new Float32Array(batchSize * pixels);
      const labels = new Int32Array(batchSize).fill(-1);
      const indices = new Int32Array(batchSize).fill(-1);
      for (let row = 0; row < count; row++) {
        const colors = randomUniform(foldIn(randomKey(5), from + row), grid[0] * grid[1]);
        for (let pixel = 0; pixel < height * width; pixel++) {
          const place = Math.floor(pixel / width / patch) * grid[1] + Math.floor((pixel % width) / patch);
          const value = Math.min(0.999, colors[place]! * (1 - 0.3 * view));
          images.fill(value, row * pixels + pixel * 3, row * pixels + (pixel + 1) * 3);
        }
        labels[row] = (from + row) % 3;
        indices[row] = from + row;
      }
      return Promise.resolve({ images, shape: [batchSize, height, width, 3], labels, indices, count });
    },
    close() {
      this.closed = true;
    },
  };
}

/**
 * Returns codes that follow a rule: each is the one before it plus the class plus 1; the first is
 * drawn.
 */
export function tinyCodes(position: number, batchSize = 8, levels = 1): CodeBatch {
  const positions = grid[0] * grid[1];
  const first = randomInts(foldIn(randomKey(8), position), batchSize, vocabSize);
  const labels = Int32Array.from({ length: batchSize }, (_, row) => row % 3);
  const tokens = new Int32Array(batchSize * positions * levels);
  for (let row = 0; row < batchSize; row++) {
    for (let at = 0; at < positions * levels; at++) {
      tokens[row * positions * levels + at] = (first[row]! + at * (labels[row]! + 1)) % vocabSize;
    }
  }
  const shape = levels === 1 ? [batchSize, positions] : [batchSize, positions, levels];
  return { tokens, shape, labels };
}

/** Returns batches of `tinyCodes`; batch number n is a function of n. */
export function tinyCodeBatches(startAt: number, batchSize = 8, levels = 1): TransformerBatchSource {
  let position = startAt;
  return { next: () => Promise.resolve(tinyCodes(position++, batchSize, levels)), close: () => undefined };
}

/** Returns a small GPT of three classes and a fourth that stands for no class. */
export function classGPT(options: Partial<GPTOptions> = {}): GPT {
  const size = { dim: 16, depth: 1, numHeads: 2, mlpDim: 32 };
  return new GPT({ vocabSize, grid, conditionVocabSize: 4, ...size, key: randomKey(3), ...options });
}

/** Dropout at every site of a model. */
export const everywhere = { residual: 0.2, activation: 0.2, attention: 0.2 };

/** Returns the config of a training of six steps. */
export function tinyTransformerTraining(changes: Partial<TransformerTrainingConfig> = {}): TransformerTrainingConfig {
  return {
    duration: { steps: 6 },
    learningRate: { peak: 1e-2, end: 1e-3, warmup: 0 },
    optimizer: { beta1: 0.9, beta2: 0.96, epsilon: 1e-8, weightDecay: 0.01 },
    clipNorm: 1,
    seed: 4,
    ...changes,
  };
}
