import * as tf from '@tensorflow/tfjs';
import { randomKey, type HostTensor, type RandomKey } from '@vitvq/core';
import {
  sinCosPositions2D,
  ViTDecoder,
  vitDecoderReferenceWeights,
  ViTEncoder,
  vitEncoderReferenceWeights,
  type ViTOptions,
} from '@vitvq/layers';
import { ConfigReader } from '../config.js';
import type { Config } from '../fixture.js';
import { tensorAdapter } from './adapter.js';
import { loadWeights, runModule, toChannelsFirst, toChannelsLast } from './gradients.js';

/** Head width of the reference, whatever the model width is. */
const referenceHeadDim = 64;

/**
 * Options of a ViT from the reference's `hparams`; image and patch size may stand in a
 * configuration around it.
 */
export function readViTOptions(
  config: Config,
  where: string,
  key: RandomKey = randomKey(0),
  table?: HostTensor,
): ViTOptions {
  const reader = new ConfigReader(config, where);
  const dim = reader.number('dim');
  const numHeads = reader.number('heads');
  const headDim = reader.number('dimHead', referenceHeadDim);
  const options: ViTOptions = {
    imageSize: reader.size('imageSize'),
    patchSize: reader.size('patchSize'),
    dim,
    depth: reader.number('depth'),
    numHeads,
    headDim,
    mlpDim: reader.number('mlpDim'),
    channels: reader.number('channels', 3),
    // The reference leaves the projection out where one head has the full width.
    useOutputProjection: !(numHeads === 1 && headDim === dim),
    key,
  };
  reader.ignore('batch');
  reader.finish();
  return { ...options, positions: table && !isSinCos(table, options) ? 'learned' : 'sincos' };
}

/** Whether a table `[1, N, D]` of the reference is the one that is computed here. */
function isSinCos({ data }: HostTensor, { imageSize, patchSize, dim }: ViTOptions): boolean {
  const [image, patch] = [imageSize, patchSize] as [[number, number], [number, number]];
  const ours = sinCosPositions2D(dim, [image[0] / patch[0], image[1] / patch[1]]);
  return ours.data.length === data.length && ours.data.every((value, index) => Math.abs(value - data[index]!) <= 1e-6);
}

/** Names of weights that are computed here when the positions are the fixed ones. */
export function fixedPositions({ positions }: ViTOptions, name: string): string[] {
  return positions === 'learned' ? [] : [name];
}

/** `ViTEncoder`: loss = sum(y · cotangent). */
export const vitEncoder = tensorAdapter(async (fixture, execute) => {
  const table = 'en_pos_embedding';
  const options = readViTOptions(fixture.config, fixture.name, undefined, fixture.tensors.get(`w/${table}`));
  const module = new ViTEncoder(options);
  const weights = vitEncoderReferenceWeights(options);
  try {
    loadWeights(module, weights, fixture, fixedPositions(options, table));
    return await runModule(
      {
        module,
        table: weights,
        inputs: ['img', 'cotangent'],
        outputs: ({ img }) => ({ y: module.encode(toChannelsLast(img!)) }),
        scalars: ({ cotangent }, { y }) => ({ loss: tf.sum(tf.mul(y!, cotangent!)) }),
      },
      fixture,
      execute,
    );
  } finally {
    module.dispose();
  }
});

/** `ViTDecoder`: loss = sum(y · cotangent). */
export const vitDecoder = tensorAdapter(async (fixture, execute) => {
  const table = 'de_pos_embedding';
  const options = readViTOptions(fixture.config, fixture.name, undefined, fixture.tensors.get(`w/${table}`));
  const module = new ViTDecoder(options);
  const weights = vitDecoderReferenceWeights(options);
  try {
    loadWeights(module, weights, fixture, fixedPositions(options, table));
    return await runModule(
      {
        module,
        table: weights,
        inputs: ['token', 'cotangent'],
        outputs: ({ token }) => ({ y: toChannelsFirst(module.decode(token as tf.Tensor3D)) }),
        scalars: ({ cotangent }, { y }) => ({ loss: tf.sum(tf.mul(y!, cotangent!)) }),
      },
      fixture,
      execute,
    );
  } finally {
    module.dispose();
  }
});
