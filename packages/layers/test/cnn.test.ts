import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, randomKey, ShapeError, type Module } from '@vitvq/core';
import { expectGradientsMatchFiniteDifferences, expectNoTensorLeak } from '@vitvq/test-utils';
import {
  cnnDecoderReferenceWeights,
  cnnEncoderReferenceWeights,
  CNNDecoder,
  CNNEncoder,
  ResidualBlock,
  SpatialAttention,
  type CNNOptions,
} from '../src/index.js';
import { describe, expect, it } from 'vitest';
import { normal, shake } from './helpers.js';

const options: CNNOptions = {
  imageSize: [8, 12],
  baseChannels: 4,
  channelMultipliers: [1, 2, 2],
  blocksPerResolution: 2,
  attentionResolutions: [1],
  dim: 3,
  numGroups: 2,
  key: randomKey(0),
};

describe('CNNEncoder and CNNDecoder', () => {
  it('turn images into tokens and tokens into images, halving and doubling at every level but one', () => {
    const encoder = new CNNEncoder(options);
    const decoder = new CNNDecoder(options);
    const tokens = encoder.encode(normal([2, 8, 12, 3], 1));
    expect(tokens.shape).toEqual([2, 2 * 3, 3]);
    expect(decoder.decode(tokens).shape).toEqual([2, 8, 12, 3]);
    expect([encoder.grid, decoder.grid, encoder.imageSize]).toEqual([
      [2, 3],
      [2, 3],
      [8, 12],
    ]);
    expect(decoder.lastLayer.shape).toEqual([3, 3, 4, 3]);
  });

  it('let one look at every level of the encoder', () => {
    const encoder = new CNNEncoder(options);
    shake(encoder, 7, 0.1);
    const images = normal<tf.Rank.R4>([2, 8, 12, 3], 1);
    const features = encoder.features(images);
    expect(encoder.featureNames).toEqual(['input', 'levels.0', 'levels.1', 'levels.2', 'middle', 'output']);
    expect(Object.entries(features).map(([name, { shape }]) => [name, shape])).toEqual([
      ['input', [2, 96, 4]],
      ['levels.0', [2, 96, 4]],
      ['levels.1', [2, 24, 8]],
      ['levels.2', [2, 6, 8]],
      ['middle', [2, 6, 8]],
      ['output', [2, 6, 3]],
    ]);
    expect(features['output']).toBeAllClose(encoder.encode(images), { rtol: 0, atol: 0 });
    const [weight, bias] = ['weight', 'bias'].map((name) => encoder.namedVariables().get(`input.${name}`)!);
    const input = tf.add(tf.conv2d(images, weight as tf.Tensor4D, 1, 'same'), bias!);
    expect(features['input']).toBeAllClose(tf.reshape(input, [2, 96, 4]), { atol: 1e-5 });
    const looked = (): unknown => encoder.features(tf.zeros([1, 12, 8, 3]));
    expect(looked).toThrow('CNNEncoder.features: expected shape [B, 8, 12, 3], got [1, 12, 8, 3]. Resize or crop');
  });

  it('keeps tokens in raster order', () => {
    const encoder = new CNNEncoder({ ...options, channelMultipliers: [1, 1], attentionResolutions: [] });
    const x = normal<tf.Rank.R4>([1, 8, 12, 3], 1);
    const changed = tf.add<tf.Tensor4D>(
      x,
      tf.pad(tf.ones([1, 1, 1, 3]), [
        [0, 0],
        [0, 7],
        [11, 0],
        [0, 0],
      ]),
    );
    const difference = tf.abs(tf.sub(encoder.encode(changed), encoder.encode(x)));
    // Everything changes a little, by the norms and the attention; the token of the corner most:
    // column 5 of row 0.
    expect(tf.argMax(tf.sum(difference, [0, 2])).dataSync()[0]).toBe(5);
  });

  it('draws other weights from another key, the same from the same', () => {
    const weights = (seed: number): Float32Array =>
      new CNNEncoder({ ...options, key: randomKey(seed) }).namedVariables().get('output.weight')!.dataSync<'float32'>();
    expect(weights(1)).toEqual(weights(1));
    expect(weights(1)).not.toEqual(weights(2));
  });

  it.each([
    ['taming', 'down.1.block.0.nin_shortcut.weight', 'up.2.upsample.conv.bias', 'mid.attn_1.proj_out.weight'],
    [
      'llama-gen',
      'conv_blocks.1.res.0.nin_shortcut.weight',
      'conv_blocks.0.upsample.conv.bias',
      'mid.1.proj_out.weight',
    ],
  ] as const)('has a place for every weight of %s', (naming, shortcut, upsample, middle) => {
    const encoder = new CNNEncoder(options);
    const decoder = new CNNDecoder({ ...options, blocksPerResolution: 3 });
    const encoderWeights = cnnEncoderReferenceWeights(options, naming);
    const decoderWeights = cnnDecoderReferenceWeights({ ...options, blocksPerResolution: 3 }, naming);
    expect(encoderWeights.map(({ name }) => name).sort()).toEqual([...encoder.namedVariables().keys()].sort());
    expect(decoderWeights.map(({ name }) => name).sort()).toEqual([...decoder.namedVariables().keys()].sort());
    for (const weights of [encoderWeights, decoderWeights]) {
      const theirs = weights.map(({ referenceName }) => referenceName);
      expect(new Set(theirs).size).toBe(theirs.length);
      expect(theirs).toContain(middle);
    }
    expect(encoderWeights.map(({ referenceName }) => referenceName)).toContain(shortcut);
    expect(decoderWeights.map(({ referenceName }) => referenceName)).toContain(upsample);
  });

  it('have the right gradients, from end to end', () => {
    const small = {
      ...options,
      imageSize: 4,
      channelMultipliers: [1, 2],
      blocksPerResolution: 1,
      attentionResolutions: [1],
    };
    const encoder = new CNNEncoder(small);
    const decoder = new CNNDecoder(small);
    const variablesOf = (module: Module): Map<string, tf.Variable> => {
      shake(module, 7, 0.1);
      return new Map([...module.namedVariables()].filter(([name]) => /^(input|.*sample)\.weight$/.test(name)));
    };
    const check = { elements: 6, rtol: 3e-3, atol: 3e-4 };
    expectGradientsMatchFiniteDifferences((x) => encoder.encode(x as tf.Tensor4D), [normal([1, 4, 4, 3], 1)], {
      ...check,
      variables: variablesOf(encoder),
    });
    expectGradientsMatchFiniteDifferences((x) => decoder.decode(x as tf.Tensor3D), [normal([1, 4, 3], 2)], {
      ...check,
      variables: variablesOf(decoder),
    });
  });

  it('leave no tensors behind', () => {
    const encoder = new CNNEncoder(options);
    const decoder = new CNNDecoder(options);
    const x = normal<tf.Rank.R4>([1, 8, 12, 3], 1);
    expectNoTensorLeak(() => {
      const tokens = encoder.encode(x);
      tf.dispose([tokens, decoder.decode(tokens)]);
      tf.dispose(encoder.features(x));
    });
  });

  it('refuse what does not fit', () => {
    const create = (changes: Partial<CNNOptions>) => () => new CNNEncoder({ ...options, ...changes });
    expect(create({ imageSize: [8, 10] })).toThrow(
      'CNNEncoder: expected imageSize to be a multiple of 4, which 3 resolutions make one pixel, got 8x10.',
    );
    expect(create({ attentionResolutions: [3] })).toThrow(
      'CNNEncoder: expected attentionResolutions within 0 to 2, got 3.',
    );
    expect(create({ channelMultipliers: [] })).toThrow(ConfigError);
    expect(create({ numGroups: 3 })).toThrow('expected channels to be a multiple of numGroups 3');
    const encode = (): unknown => new CNNEncoder(options).encode(tf.zeros([1, 12, 8, 3]));
    expect(encode).toThrow(ShapeError);
    expect(encode).toThrow('CNNEncoder.encode: expected shape [B, 8, 12, 3], got [1, 12, 8, 3]. Resize or crop');
    expect(() => new CNNDecoder(options).decode(tf.zeros([1, 5, 3]))).toThrow('CNNDecoder.decode');
  });
});

describe('ResidualBlock', () => {
  it('adds to what it is given, brought to other channels where these differ', () => {
    const x = normal<tf.Rank.R4>([1, 2, 2, 4], 1);
    const same = new ResidualBlock({ inChannels: 4, outChannels: 4, numGroups: 2, key: randomKey(0) });
    expect([...same.namedVariables().keys()].filter((name) => name.startsWith('shortcut'))).toEqual([]);
    for (const name of ['secondConvolution.weight', 'secondConvolution.bias']) {
      const variable = same.namedVariables().get(name)!;
      variable.assign(tf.zerosLike(variable));
    }
    expect(same.apply(x)).toBeAllClose(x);
    const wider = new ResidualBlock({ inChannels: 4, outChannels: 8, numGroups: 2, key: randomKey(0) });
    shake(wider, 7, 0.1);
    expectGradientsMatchFiniteDifferences((y) => wider.apply(y as tf.Tensor4D), [x], {
      variables: wider.namedVariables(),
      elements: 8,
    });
  });
});

describe('SpatialAttention', () => {
  it('lets every pixel see every other, wherever it is', () => {
    const attention = new SpatialAttention({ channels: 4, numGroups: 2, key: randomKey(0) });
    shake(attention);
    const x = normal<tf.Rank.R4>([1, 2, 3, 4], 1);
    const y = attention.apply(x);
    expect(y.shape).toEqual(x.shape);
    expectGradientsMatchFiniteDifferences((z) => attention.apply(z as tf.Tensor4D), [x], {
      variables: attention.namedVariables(),
      elements: 8,
    });
    // Without positions, pixels in another order give the same in that order.
    expect(attention.apply(tf.reverse(x, [1, 2]))).toBeAllClose(tf.reverse(y, [1, 2]), { rtol: 1e-4, atol: 1e-5 });
  });
});
