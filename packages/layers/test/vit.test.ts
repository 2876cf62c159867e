import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { ConfigError, randomKey, ShapeError, type HostTensor, type Module, type ReferenceWeight } from '@vitvq/core';
import { expectGradientsMatchFiniteDifferences, expectNoTensorLeak } from '@vitvq/test-utils';
import {
  PatchEmbedding,
  patchEmbeddingReferenceWeights,
  PixelProjection,
  pixelProjectionReferenceWeights,
  TransformerBlock,
  ViTDecoder,
  vitDecoderReferenceWeights,
  ViTEncoder,
  vitEncoderReferenceWeights,
  type ViTOptions,
} from '../src/index.js';
import { normal, shake } from './helpers.js';

/** Non-square image, patch and grid. */
const options: ViTOptions = {
  imageSize: [4, 9],
  patchSize: [2, 3],
  dim: 8,
  depth: 2,
  numHeads: 2,
  mlpDim: 12,
  channels: 2,
  key: randomKey(5),
};

function host(tensor: tf.Tensor): HostTensor {
  return { shape: tensor.shape, data: tensor.dataSync<'float32'>() };
}

/** Loads reference weights `[D, C, P, P]` into a module through its table. */
function load(module: Module, table: readonly ReferenceWeight[], reference: Record<string, tf.Tensor>): void {
  module.loadVariables(
    new Map(
      table.map(({ name, referenceName, fromReference }) => [name, fromReference(host(reference[referenceName]!))]),
    ),
  );
}

describe('PatchEmbedding', () => {
  it('is the convolution with stride = kernel', () => {
    const embedding = new PatchEmbedding(options);
    const kernel = normal<tf.Rank.R4>([8, 2, 2, 3], 1); // PyTorch's [out, in, height, width]
    const bias = normal<tf.Rank.R1>([8], 2);
    load(embedding, patchEmbeddingReferenceWeights(options), { weight: kernel, bias });
    const images = normal<tf.Rank.R4>([3, 4, 9, 2], 3);
    const filter = tf.transpose<tf.Tensor4D>(kernel, [2, 3, 1, 0]);
    const expected = tf.add(tf.conv2d(images, filter, [2, 3], 'valid'), bias);
    expect(embedding.apply(images)).toBeAllClose(tf.reshape(expected, [3, 6, 8]), { atol: 1e-5 });
    embedding.dispose();
  });

  it('refuses images of another size', () => {
    const embedding = new PatchEmbedding(options);
    expect(() => embedding.apply(tf.zeros([1, 9, 4, 2]))).toThrow(ShapeError);
    expect(() => embedding.apply(tf.zeros([1, 9, 4, 2]))).toThrow(
      'PatchEmbedding.apply: expected shape [B, 4, 9, 2], got [1, 9, 4, 2]. Resize or crop the images to imageSize.',
    );
    expect(() => embedding.apply(tf.zeros([1, 2, 4, 9]))).toThrow('transpose them to [B, H, W, C].');
    expect(() => new PatchEmbedding({ ...options, imageSize: 10 })).toThrow(ConfigError);
    embedding.dispose();
  });
});

describe('PixelProjection', () => {
  it('is the transposed convolution with stride = kernel', () => {
    const pixels = new PixelProjection(options);
    const kernel = normal<tf.Rank.R4>([8, 2, 2, 3], 1); // PyTorch's [in, out, height, width]
    const bias = normal<tf.Rank.R1>([2], 2);
    load(pixels, pixelProjectionReferenceWeights(options), { weight: kernel, bias });
    const tokens = normal<tf.Rank.R3>([3, 6, 8], 3);
    const filter = tf.transpose<tf.Tensor4D>(kernel, [2, 3, 1, 0]); // [height, width, out, in]
    const map = tf.reshape<tf.Rank.R4>(tokens, [3, 2, 3, 8]);
    const expected = tf.add(tf.conv2dTranspose(map, filter, [3, 4, 9, 2], [2, 3], 'valid'), bias);
    expect(pixels.apply(tokens)).toBeAllClose(expected, { atol: 1e-5 });
    pixels.dispose();
  });
});

describe('TransformerBlock', () => {
  it('has the right gradients', () => {
    const block = new TransformerBlock({ dim: 4, numHeads: 2, mlpDim: 5, activation: 'gelu', key: randomKey(1) });
    shake(block);
    expectGradientsMatchFiniteDifferences((x) => block.apply(x as tf.Tensor3D), [normal([2, 3, 4], 5)], {
      variables: block.namedVariables(),
      elements: 8,
    });
    block.dispose();
  });
});

describe('ViTEncoder and ViTDecoder', () => {
  it('map images to tokens and tokens to images', () => {
    const encoder = new ViTEncoder(options);
    const decoder = new ViTDecoder(options);
    expect(encoder.grid).toEqual([2, 3]);
    const tokens = encoder.encode(normal<tf.Rank.R4>([3, 4, 9, 2], 1));
    expect(tokens.shape).toEqual([3, 6, 8]);
    expect(decoder.decode(tokens).shape).toEqual([3, 4, 9, 2]);
    encoder.dispose();
    decoder.dispose();
  });

  it('name their variables', () => {
    const block = (index: number): string[] =>
      [
        'attentionNorm.scale',
        'attentionNorm.bias',
        'attention.qkv.weight',
        'attention.output.weight',
        'attention.output.bias',
        'feedForwardNorm.scale',
        'feedForwardNorm.bias',
        'feedForward.hidden.weight',
        'feedForward.hidden.bias',
        'feedForward.output.weight',
        'feedForward.output.bias',
      ].map((name) => `blocks.${index}.${name}`);
    const transformer = [...block(0), ...block(1), 'norm.scale', 'norm.bias'];
    const encoder = new ViTEncoder(options);
    const decoder = new ViTDecoder({ ...options, positions: 'learned' });
    expect([...encoder.namedVariables().keys()]).toEqual([
      'patchEmbedding.weight',
      'patchEmbedding.bias',
      ...transformer,
    ]);
    expect([...decoder.namedVariables().keys()]).toEqual(['positions', ...transformer, 'pixels.weight', 'pixels.bias']);
    encoder.dispose();
    decoder.dispose();
  });

  it('have every variable in the table of reference weights, both ways', () => {
    const variants: ViTOptions[] = [
      options,
      { ...options, positions: 'learned' },
      { ...options, numHeads: 1, useOutputProjection: false },
    ];
    for (const variant of variants) {
      for (const [module, table] of [
        [new ViTEncoder(variant), vitEncoderReferenceWeights(variant)],
        [new ViTDecoder(variant), vitDecoderReferenceWeights(variant)],
      ] as const) {
        const variables = module.namedVariables();
        expect(new Set(table.map(({ name }) => name))).toEqual(new Set(variables.keys()));
        expect(new Set(table.map(({ referenceName }) => referenceName)).size).toBe(table.length);
        for (const { name, fromReference, toReference } of table) {
          const ours = host(variables.get(name)!);
          expect(fromReference(toReference(ours))).toEqual(ours);
        }
        module.dispose();
      }
    }
  });

  it('draw the same weights from the same key', () => {
    const values = (key: number): number[] => {
      const encoder = new ViTEncoder({ ...options, key: randomKey(key) });
      const all = [...encoder.namedVariables().values()].flatMap((variable) => [...variable.dataSync()]);
      encoder.dispose();
      return all;
    };
    expect(values(1)).toEqual(values(1));
    expect(values(1)).not.toEqual(values(2));
  });

  it('learn their positions if asked to', () => {
    const encoder = new ViTEncoder({ ...options, depth: 0, positions: 'learned' });
    const images = normal<tf.Rank.R4>([2, 4, 9, 2], 1);
    expectGradientsMatchFiniteDifferences((x) => encoder.encode(x as tf.Tensor4D), [images], {
      variables: encoder.namedVariables(),
      elements: 12,
    });
    expect(encoder.namedVariables().get('positions')!.shape).toEqual([6, 8]);
    encoder.dispose();
  });

  it('let one look at what every stage of the encoder makes of images', () => {
    const encoder = new ViTEncoder(options);
    shake(encoder);
    const images = normal<tf.Rank.R4>([3, 4, 9, 2], 1);
    const features = encoder.features(images);
    expect(encoder.featureNames).toEqual(['embedding', 'blocks.0', 'blocks.1', 'norm']);
    expect(Object.keys(features)).toEqual(encoder.featureNames);
    for (const [name, feature] of Object.entries(features)) expect(feature.shape, name).toEqual([3, 6, 8]);
    expect(features['norm']).toBeAllClose(encoder.encode(images), { rtol: 0, atol: 0 });
    // Blocks are drawn from the key and their place: one that ends after the first has the same
    // first.
    const shorter = new ViTEncoder({ ...options, depth: 1 });
    const names = [...shorter.namedVariables().keys()];
    shorter.loadVariables(new Map(names.map((name) => [name, host(encoder.namedVariables().get(name)!)])));
    const ofShorter = shorter.features(images);
    for (const name of ['embedding', 'blocks.0']) {
      expect(ofShorter[name], name).toBeAllClose(features[name]!, { rtol: 0, atol: 0 });
    }
    expect(() => encoder.features(tf.zeros([1, 9, 4, 2]))).toThrow(ShapeError);
    encoder.dispose();
    shorter.dispose();
  });

  it('have the right gradients', () => {
    const small: ViTOptions = { ...options, depth: 1, activation: 'gelu-tanh' };
    const encoder = new ViTEncoder(small);
    const decoder = new ViTDecoder(small);
    expectGradientsMatchFiniteDifferences((x) => encoder.encode(x as tf.Tensor4D), [normal([2, 4, 9, 2], 1)], {
      variables: encoder.namedVariables(),
      elements: 5,
    });
    expectGradientsMatchFiniteDifferences((x) => decoder.decode(x as tf.Tensor3D), [normal([2, 6, 8], 1)], {
      variables: decoder.namedVariables(),
      elements: 5,
    });
    encoder.dispose();
    decoder.dispose();
  });

  it('count their parameters', () => {
    const dim = 512;
    const block = 4 * dim * dim + dim + 2 * 4 * dim * dim + 4 * dim + dim + 4 * dim;
    const encoder = new ViTEncoder({
      imageSize: 256,
      patchSize: 8,
      dim,
      depth: 2,
      numHeads: 8,
      mlpDim: 4 * dim,
      key: randomKey(0),
    });
    expect(encoder.parameterCount()).toBe(2 * block + 2 * dim + 192 * dim + dim);
    encoder.dispose();
  });

  it('refuse what does not fit', () => {
    expect(() => new ViTEncoder({ ...options, imageSize: [4, 10] })).toThrow(
      'ViTEncoder: expected imageSize to be a multiple of patchSize 2x3, got 4x10. ' +
        'Resize or crop the images, or choose another patch size.',
    );
    expect(() => new ViTDecoder({ ...options, positions: 'rotary' as 'learned' })).toThrow(
      'ViTDecoder: expected positions to be sincos or learned, got "rotary".',
    );
    const decoder = new ViTDecoder(options);
    expect(() => decoder.decode(normal<tf.Rank.R3>([1, 5, 8], 1))).toThrow(
      'ViTDecoder.decode: expected shape [B, 6, 8], got [1, 5, 8].',
    );
    decoder.dispose();
  });

  it('leave no tensors behind', () => {
    const images = normal<tf.Rank.R4>([1, 4, 9, 2], 1);
    expectNoTensorLeak(() => {
      const encoder = new ViTEncoder(options);
      const decoder = new ViTDecoder(options);
      const tokens = encoder.encode(images);
      tf.dispose([tokens, decoder.decode(tokens)]);
      tf.dispose(encoder.features(images));
      encoder.dispose();
      decoder.dispose();
    });
    tf.dispose(images);
  });
});

describe('recompute', () => {
  it.each(['encoder', 'decoder'] as const)('changes neither values nor gradients of the %s', (part) => {
    const input = part === 'encoder' ? normal([2, 4, 9, 2], 1) : normal([2, 6, 8], 1);
    const results = [false, true].map((recompute) => {
      const module =
        part === 'encoder' ? new ViTEncoder({ ...options, recompute }) : new ViTDecoder({ ...options, recompute });
      shake(module);
      const apply = (x: tf.Tensor): tf.Tensor =>
        module instanceof ViTEncoder ? module.encode(x as tf.Tensor4D) : module.decode(x as tf.Tensor3D);
      const variables = [...module.namedTrainableVariables()];
      const { value, grads } = tf.variableGrads(
        () => tf.sum<tf.Scalar>(tf.square(apply(input))),
        variables.map(([, variable]) => variable),
      );
      const named = variables.map(([name, variable]) => [name, grads[variable.name]!] as const);
      return new Map([['value', value], ['input', tf.grad(apply)(input)], ...named] as [string, tf.Tensor][]);
    });
    const [kept, again] = results as [Map<string, tf.Tensor>, Map<string, tf.Tensor>];
    expect([...again.keys()]).toEqual([...kept.keys()]);
    for (const [name, tensor] of again) expect(tensor, name).toBeAllClose(kept.get(name)!, { rtol: 0, atol: 0 });
  });
});
