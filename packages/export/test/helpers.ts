import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { onTestFinished } from 'vitest';
import { foldIn, Module, randomKey, randomNormal } from '@vitvq/core';
import { createTokenizer, type ViTTokenizerConfig } from '@vitvq/tokenizer';
import {
  AnyOrderTransformer,
  ClassConditioner,
  GPT,
  MaskedTransformer,
  RAR,
  RQTransformer,
  type EmbeddingConditioner,
  type GPTOptions,
  type OrderFreeOptions,
} from '@vitvq/transformers';

/** A folder that is gone after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'vitvq-export-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Moves every variable by noise, so that scales of 1, biases and positions of 0 hide nothing. */
function shake<M extends Module>(module: M): M {
  [...module.namedVariables().values()].forEach((variable, index) => {
    if (variable.dtype !== 'float32') return;
    const noise = randomNormal(foldIn(randomKey(99), index), variable.size, 0, 0.1);
    tf.tidy(() => variable.assign(tf.add(variable, tf.tensor(noise, variable.shape))));
  });
  return module;
}

/** Quantizer of {@link tinyTokenizer}. */
export const tinyQuantizer = { kind: 'vector', codebookSize: 16, codeDim: 4 } as const;

const size = { dim: 16, depth: 1, numHeads: 2, mlpDim: 32 };

/** Five tokens of images of 8 x 12. */
export const tiny1DTokenizer = () =>
  shake(
    createTokenizer(
      {
        architecture: 'vit-1d',
        imageSize: [8, 12],
        patchSize: 4,
        latentTokens: 5,
        nestedLengths: [2, 5],
        encoder: size,
        decoder: size,
        quantizer: tinyQuantizer,
      },
      { seed: 1 },
    ),
  );

/** 2 x 3 tokens of images of 8 x 12. */
export const tinyTokenizer = (config: Partial<ViTTokenizerConfig> = {}) =>
  shake(
    createTokenizer(
      {
        architecture: 'vit',
        imageSize: [8, 12],
        patchSize: 4,
        encoder: size,
        decoder: size,
        quantizer: tinyQuantizer,
        ...config,
      },
      { seed: 1 },
    ),
  );

const shape = { baseChannels: 4, channelMultipliers: [1, 2, 2], blocksPerResolution: 1 };

/** The same with convolutions. */
export const tinyCNN = () =>
  shake(
    createTokenizer(
      {
        architecture: 'cnn',
        imageSize: [8, 12],
        encoder: { ...shape, attentionResolutions: [2] },
        decoder: shape,
        latentChannels: 4,
        numGroups: 2,
        quantizer: tinyQuantizer,
      },
      { seed: 1 },
    ),
  );

export const classes = new ClassConditioner({ classCount: 4, classNames: ['cat', 'dog', 'eel', 'fox'] });

const sequence = {
  vocabSize: 16,
  grid: [2, 3],
  conditionVocabSize: classes.vocabSize,
  conditionLength: classes.length,
  dim: 16,
  key: randomKey(1),
} as const;

export const tinyGPT = (options: Partial<GPTOptions> = {}): GPT =>
  shake(new GPT({ ...sequence, depth: 2, numHeads: 2, ...options }));

export const tinyRAR = (): RAR => shake(new RAR({ ...sequence, depth: 2, numHeads: 2 }));

export const tinyMasked = (options: Partial<OrderFreeOptions> = {}): MaskedTransformer =>
  shake(new MaskedTransformer({ ...sequence, depth: 2, numHeads: 2, ...options }));

export const tinyAnyOrder = (options: Partial<OrderFreeOptions> = {}): AnyOrderTransformer =>
  shake(new AnyOrderTransformer({ ...sequence, depth: 2, numHeads: 2, ...options }));

export const tinyRQ = (): RQTransformer =>
  shake(
    new RQTransformer({
      ...sequence,
      codeDepth: 3,
      spatial: { depth: 2, numHeads: 2 },
      depth: { depth: 1, numHeads: 2 },
    }),
  );

/** Three numbers an image, as two vectors of width 16. */
export class Directions extends Module implements EmbeddingConditioner {
  readonly length = 2;
  readonly dim = 16;
  readonly inputShape = [3];
  readonly nullInput = new Float32Array(3);
  readonly description = { kind: 'directions' };
  readonly #weight = this.variable<tf.Rank.R2>('weight', { shape: [3, 32], data: randomNormal(randomKey(3), 96) });

  ofBatch(): Float32Array {
    throw new Error('trains nothing');
  }

  embed(input: tf.Tensor): tf.Tensor3D {
    return tf.reshape(tf.matMul(input as tf.Tensor2D, this.#weight), [-1, 2, 16]);
  }
}

/** Returns the index of the largest of some logits. */
export function mostLikely(logits: ArrayLike<number>): number {
  const values = Array.from(logits);
  return values.indexOf(Math.max(...values));
}
