import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { ConfigError, randomKey, ShapeError } from '@vitvq/core';
import { expectGradientsMatchFiniteDifferences } from '@vitvq/test-utils';
import { ViT1DDecoder, ViT1DEncoder, type ViT1DOptions } from '../src/index.js';
import { normal, shake } from './helpers.js';

/** Images and patches that are not square: 2x3 patches, and more latent tokens than patches. */
const options: ViT1DOptions = {
  imageSize: [4, 9],
  patchSize: [2, 3],
  latentTokens: 7,
  dim: 8,
  depth: 1,
  numHeads: 2,
  mlpDim: 12,
  channels: 2,
  activation: 'gelu',
  key: randomKey(5),
};

describe('ViT1DEncoder and ViT1DDecoder', () => {
  it('have the right gradients', () => {
    const small: ViT1DOptions = { ...options, latentTokens: 2 };
    const encoder = new ViT1DEncoder(small);
    const decoder = new ViT1DDecoder(small);
    expectGradientsMatchFiniteDifferences((x) => encoder.encode(x as tf.Tensor4D), [normal([2, 4, 9, 2], 1)], {
      variables: encoder.namedVariables(),
      elements: 4,
    });
    expectGradientsMatchFiniteDifferences((x) => decoder.decode(x as tf.Tensor3D), [normal([2, 2, 8], 1)], {
      variables: decoder.namedVariables(),
      elements: 4,
    });
    encoder.dispose();
    decoder.dispose();
  });

  it('give features of patches and latent tokens, and at the end of latent tokens alone', () => {
    const encoder = new ViT1DEncoder(options);
    const features = encoder.features(normal([3, 4, 9, 2], 1));
    expect(Object.entries(features).map(([name, { shape }]) => [name, ...shape])).toEqual([
      ['embedding', 3, 13, 8],
      ['blocks.0', 3, 13, 8],
      ['norm', 3, 7, 8],
    ]);
    encoder.dispose();
  });

  it('tell where a patch lies: exchanged patches are another image', () => {
    const encoder = new ViT1DEncoder(options);
    shake(encoder);
    const [left, rest] = tf.split(normal<tf.Rank.R4>([1, 4, 9, 2], 2), [3, 6], 2) as [tf.Tensor4D, tf.Tensor4D];
    const tokens = encoder.encode(tf.concat([left, rest], 2));
    const exchanged = encoder.encode(tf.concat([rest, left], 2));
    expect(Math.max(...tf.abs(tf.sub(tokens, exchanged)).dataSync())).toBeGreaterThan(1e-3);
    encoder.dispose();
  });

  it('tell latent tokens by their place in the sequence', () => {
    const decoder = new ViT1DDecoder(options);
    shake(decoder);
    const tokens = normal<tf.Rank.R3>([1, 7, 8], 2);
    const images = decoder.decode(tokens);
    const reversed = decoder.decode(tf.reverse(tokens, 1));
    expect(Math.max(...tf.abs(tf.sub(images, reversed)).dataSync())).toBeGreaterThan(1e-3);
    decoder.dispose();
  });

  it('refuse what does not fit', () => {
    expect(() => new ViT1DEncoder({ ...options, latentTokens: 0 })).toThrow(ConfigError);
    expect(() => new ViT1DDecoder({ ...options, latentTokens: 1.5 })).toThrow(
      'ViT1DDecoder: expected latentTokens to be an integer of at least 1, got 1.5.',
    );
    expect(() => new ViT1DEncoder({ ...options, imageSize: [4, 10] })).toThrow(
      'ViT1DEncoder: expected imageSize to be a multiple of patchSize 2x3, got 4x10.',
    );
    const decoder = new ViT1DDecoder(options);
    expect(() => decoder.decode(tf.zeros([1, 6, 8]))).toThrow(ShapeError);
    expect(() => decoder.decode(tf.zeros([1, 6, 8]))).toThrow(
      'ViT1DDecoder.decode: expected shape [B, 7, 8], got [1, 6, 8].',
    );
    decoder.dispose();
  });
});
