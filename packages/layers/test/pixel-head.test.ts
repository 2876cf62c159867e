import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { ConfigError, randomKey, ShapeError } from '@vitvq/core';
import { expectGradientsMatchFiniteDifferences, expectNoTensorLeak } from '@vitvq/test-utils';
import { ConvolutionalPixels, ViTDecoder, type ConvolutionalPixelsOptions } from '../src/index.js';
import { normal, shake } from './helpers.js';

/** Non-square image, patch and grid. */
const options: ConvolutionalPixelsOptions = {
  imageSize: [4, 9],
  patchSize: [2, 3],
  dim: 8,
  channels: 2,
  width: 3,
  depth: 2,
  key: randomKey(5),
};

describe('ConvolutionalPixels', () => {
  it('adds what the tokens around a pixel give it, before anything is learned', () => {
    const pixels = new ConvolutionalPixels(options);
    const tokens = normal<tf.Rank.R3>([2, 6, 8], 1);
    const image = pixels.apply(tokens);
    expect(image.shape).toEqual([2, 4, 9, 2]);
    const filter = pixels.namedVariables().get('projection.weight')!.arraySync() as number[][][][];
    const values = tokens.arraySync();
    // Padding 'same': of the rows that a filter has too many, half are cut off at the top.
    const [top, left] = [1, 1];
    const expected = Array.from({ length: 4 }, (_, y) =>
      Array.from({ length: 9 }, (__, x) =>
        [0, 1].map((channel) => {
          let sum = 0;
          for (let token = 0; token < 6; token++) {
            const [row, column] = [y + top - 2 * Math.floor(token / 3), x + left - 3 * (token % 3)];
            const weights = filter[row]?.[column]?.[channel];
            sum += weights ? weights.reduce((all, weight, at) => all + weight * values[1]![token]![at]!, 0) : 0;
          }
          return sum;
        }),
      ),
    );
    expect(tf.slice(image, 1, 1)).toBeAllClose(tf.tensor4d([expected]), { atol: 1e-5 });
  });

  it('has the gradients of finite differences', () => {
    const pixels = new ConvolutionalPixels(options);
    shake(pixels);
    expectGradientsMatchFiniteDifferences(
      (tokens) => tf.mean(tf.square(pixels.apply(tokens as tf.Tensor3D))),
      [normal([1, 6, 8], 1)],
      { variables: pixels.namedVariables(), elements: 3, atol: 1e-3, rtol: 1e-2 },
    );
  });

  it('is the last layer of a decoder that asks for it, whose weight the adversarial weight compares', () => {
    const decoder = new ViTDecoder({
      ...options,
      depth: 1,
      numHeads: 2,
      mlpDim: 12,
      pixels: { kind: 'convolutional' },
    });
    expect(decoder.lastLayer.shape).toEqual([3, 3, 16, 2]);
    expect([...decoder.namedVariables().keys()].filter((name) => name.startsWith('pixels.'))).toEqual([
      'pixels.projection.weight',
      'pixels.projection.bias',
      'pixels.convolutions.0.weight',
      'pixels.convolutions.0.bias',
      'pixels.convolutions.1.weight',
      'pixels.convolutions.1.bias',
      'pixels.output.weight',
      'pixels.output.bias',
    ]);
    expect(decoder.decode(normal<tf.Rank.R3>([2, 6, 8], 1)).shape).toEqual([2, 4, 9, 2]);
  });

  it('refuses unknown kinds, sizes that are none, and tokens of another shape', () => {
    const vit = { ...options, depth: 1, numHeads: 2, mlpDim: 12 };
    expect(() => new ViTDecoder({ ...vit, pixels: { kind: 'magic' } as never })).toThrow(
      'expected pixels.kind to be linear or convolutional, got "magic"',
    );
    expect(() => new ConvolutionalPixels({ ...options, width: 0 })).toThrow(ConfigError);
    expect(() => new ConvolutionalPixels(options).apply(tf.zeros([1, 5, 8]))).toThrow(ShapeError);
  });

  it('leaks no tensors', () => {
    const pixels = new ConvolutionalPixels(options);
    const tokens = normal<tf.Rank.R3>([2, 6, 8], 1);
    expectNoTensorLeak(() => {
      pixels.apply(tokens).dispose();
    });
  });
});
