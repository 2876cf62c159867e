import * as tf from '@tensorflow/tfjs';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError, randomKey, ShapeError, type Discriminator, type Module, type ReferenceWeight } from '@vitvq/core';
import { compile, doctor, useEngine } from '@vitvq/engine';
import { expectGradientsMatchFiniteDifferences, expectNoTensorLeak } from '@vitvq/test-utils';
import {
  PatchDiscriminator,
  patchDiscriminatorReferenceWeights,
  StyleDiscriminator,
  styleDiscriminatorChannels,
  styleDiscriminatorReferenceWeights,
} from '../src/index.js';
import { noise, shake } from './helpers.js';

const { engines } = await doctor();
const hasOnnx = engines.some(({ name, available }) => name === 'onnx' && available);
const key = randomKey(7);
const narrow = styleDiscriminatorChannels({ width: 4 });

type Both = Discriminator & Module;

const create: Record<string, () => Both> = {
  StyleDiscriminator: () => new StyleDiscriminator({ size: 16, channels: narrow, key }),
  'StyleDiscriminator, not square': () =>
    new StyleDiscriminator({ size: [8, 14], channels: narrow, inChannels: 3, key }),
  'StyleDiscriminator with a two-dimensional blur': () =>
    // prettier-ignore
    new StyleDiscriminator({ size: 16, channels: narrow, blurKernel: [[1, 2, 0], [0, 3, 1]], key }),
  'PatchDiscriminator with batch norm': () => new PatchDiscriminator({ baseChannels: 3, depth: 2, key }),
  'PatchDiscriminator with ActNorm': () =>
    new PatchDiscriminator({ baseChannels: 3, depth: 2, normalization: 'act-norm', key }),
};

function imagesFor(name: string, batch: number): tf.Tensor4D {
  return noise<tf.Rank.R4>(5, name.endsWith('square') ? [batch, 8, 14, 3] : [batch, 16, 16, 3]);
}

/** What R1 penalises, twice differentiable. */
function steepness(discriminator: Discriminator, images: tf.Tensor): tf.Scalar {
  const gradient = tf.grad((x) => tf.sum(discriminator.logits(x as tf.Tensor4D)))(images);
  return tf.div(tf.sum(tf.square(gradient)), images.shape[0]);
}

/** Value and gradients of R1 towards every variable. */
function penalty(discriminator: Both, images: tf.Tensor): tf.Tensor[] {
  const { value, grads } = tf
    .engine()
    .gradients(() => steepness(discriminator, images), discriminator.trainableVariables(), undefined, true);
  return [
    value,
    ...discriminator.trainableVariables().map((variable, index) => grads[index] ?? tf.zerosLike(variable)),
  ];
}

describe.each(Object.entries(create))('%s', (name, make) => {
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it('gives the same logits for the same key, finite ones for any batch size', () => {
    const [a, b] = [make(), make()];
    for (const batch of [1, 2, 5, 9]) {
      const logits = a.logits(imagesFor(name, batch));
      expect(logits.shape[0]).toBe(batch);
      expect(logits.dataSync().every(Number.isFinite)).toBe(true);
      expect(b.logits(imagesFor(name, batch))).toBeAllClose(logits);
    }
    a.dispose();
    b.dispose();
  });

  it('has the gradients of finite differences', () => {
    const discriminator = make();
    shake(discriminator, 0.1);
    const images = imagesFor(name, 2);
    discriminator.logits(images); // ActNorm starts here.
    expectGradientsMatchFiniteDifferences((x) => discriminator.logits(x as tf.Tensor4D), [images], {
      variables: discriminator.namedTrainableVariables(),
      elements: 3,
      step: 5e-4,
      rtol: 2e-2,
      atol: 5e-3,
    });
    discriminator.dispose();
  });

  it('has gradients of second order towards every variable, as R1 needs them', () => {
    const discriminator = make();
    shake(discriminator, 0.1);
    const images = imagesFor(name, 2);
    discriminator.logits(images);
    // A bias moves many values over their kinks at once, where the slopes of R1 jump: differences
    // see that, derivatives do not.
    const weights = [...discriminator.namedTrainableVariables()].filter(([variable]) => variable.endsWith('weight'));
    expectGradientsMatchFiniteDifferences(() => steepness(discriminator, images), [], {
      variables: new Map(weights),
      elements: 3,
      step: 5e-4,
      rtol: 5e-2,
      atol: 5e-2,
    });
    discriminator.dispose();
  });

  it('leaves no tensors behind', () => {
    const images = imagesFor(name, 2);
    const discriminator = make();
    expectNoTensorLeak(() => discriminator.logits(images).dispose());
    expectNoTensorLeak(() => tf.dispose(tf.tidy(() => penalty(discriminator, images))));
    discriminator.dispose();
    expectNoTensorLeak(() => make().dispose());
  });

  it('refuses images of other channels', () => {
    const discriminator = make();
    expect(() => discriminator.logits(tf.zeros([1, 16, 16, 4]))).toThrow(ShapeError);
    discriminator.dispose();
  });
});

function expectRoundTrip(module: Module, table: readonly ReferenceWeight[]): void {
  expect([...table].map(({ name }) => name).sort()).toEqual([...module.namedVariables().keys()].sort());
  for (const { name, fromReference, toReference } of table) {
    const variable = module.namedVariables().get(name)!;
    const host = { shape: variable.shape, data: variable.dataSync<'float32'>() };
    const back = fromReference(toReference(host));
    expect(back.shape).toEqual(host.shape);
    expect(back.data).toEqual(host.data);
  }
}

describe('StyleDiscriminator', () => {
  it("has StyleGAN2's channels and their multiplier", () => {
    expect(styleDiscriminatorChannels()).toEqual({
      4: 512,
      8: 512,
      16: 512,
      32: 512,
      64: 512,
      128: 256,
      256: 128,
      512: 64,
      1024: 32,
    });
    expect(styleDiscriminatorChannels({ multiplier: 1, width: 64 })).toMatchObject({ 32: 64, 64: 32, 1024: 2 });
  });

  it.each([8, 16, 32, 64, 128, 256, 512, 1024, [16, 24], [48, 32]] as const)('works at size %j', (size) => {
    const discriminator = new StyleDiscriminator({ size, channels: styleDiscriminatorChannels({ width: 2 }), key });
    const [height, width] = discriminator.imageSize;
    const batch = height < 512 ? 2 : 1;
    const logits = discriminator.logits(noise<tf.Rank.R4>(1, [batch, height, width, 3]));
    expect(logits.shape).toEqual([batch]);
    expect(logits.dataSync().every(Number.isFinite)).toBe(true);
    logits.dispose();
    discriminator.dispose();
  });

  it('lists every variable for the reference, there and back', () => {
    const options = { size: [8, 14] as const, channels: narrow };
    const discriminator = new StyleDiscriminator({ ...options, key });
    expectRoundTrip(discriminator, styleDiscriminatorReferenceWeights(options));
    discriminator.dispose();
  });

  it.each([
    [{ size: 4 }, 'size with a smaller side of 8, 16, 32, ..., 1024, got 4x4. Resize or crop the images.'],
    [{ size: 24 }, 'size with a smaller side of 8, 16, 32, ..., 1024, got 24x24.'],
    [{ size: 2048 }, 'got 2048x2048'],
    [{ size: [32, 44] as const }, 'both sides to be multiples of 8, a quarter of the smaller one, got 32x44.'],
    [{ size: 16, channels: { 4: 8, 8: 8 } }, 'channels[16] to be an integer of at least 1, got NaN'],
    [{ size: 16, stddevGroup: 0 }, 'stddevGroup to be an integer of at least 1, got 0'],
    [{ size: 16, blurKernel: [] }, 'blurKernel to be one or more finite numbers'],
  ])('refuses %j', (options, message) => {
    expect(() => new StyleDiscriminator({ channels: narrow, ...options, key })).toThrow(ConfigError);
    expect(() => new StyleDiscriminator({ channels: narrow, ...options, key })).toThrow(message);
  });

  it('refuses images of another size', () => {
    const discriminator = new StyleDiscriminator({ size: 8, channels: narrow, key });
    expect(() => discriminator.logits(tf.zeros([2, 16, 16, 3]))).toThrow(
      'StyleDiscriminator.logits: expected shape [B, 8, 8, 3], got [2, 16, 16, 3]. ' +
        'Create a discriminator for the size of these images; this one is for 8x8 pixels.',
    );
    discriminator.dispose();
  });
});

describe('PatchDiscriminator', () => {
  it.each(['batch-norm', 'act-norm'] as const)('lists every variable for the reference: %s', (normalization) => {
    const options = { baseChannels: 2, depth: 2, normalization };
    const discriminator = new PatchDiscriminator({ ...options, key });
    expectRoundTrip(discriminator, patchDiscriminatorReferenceWeights(options));
    discriminator.dispose();
  });

  it('has one logit a patch, for images that need not be square', () => {
    const discriminator = new PatchDiscriminator({ baseChannels: 2, key });
    expect(discriminator.logits(noise<tf.Rank.R4>(1, [1, 32, 64, 3])).shape).toEqual([1, 2, 6, 1]);
    expect(discriminator.logits(noise<tf.Rank.R4>(1, [1, 24, 24, 3])).shape).toEqual([1, 1, 1, 1]);
    discriminator.dispose();
  });

  it('leaves its state alone outside of training', () => {
    const discriminator = new PatchDiscriminator({ baseChannels: 2, depth: 1, key });
    const images = noise<tf.Rank.R4>(1, [2, 8, 8, 3]);
    const mean = discriminator.namedVariables().get('blocks.0.normalization.runningMean')!;
    const before = mean.dataSync().slice();
    discriminator.logits(images, { training: false });
    expect(mean).toBeAllClose(before);
    discriminator.logits(images);
    expect(mean).not.toBeAllClose(before);
    discriminator.dispose();
  });

  it('refuses images smaller than a patch and options that cannot be', () => {
    const discriminator = new PatchDiscriminator({ baseChannels: 2, key });
    expect(() => discriminator.logits(tf.zeros([1, 23, 32, 3]))).toThrow(
      'PatchDiscriminator.logits: expected images of at least 24x24 pixels, got [1, 23, 32, 3]. ' +
        'Use larger images or a smaller depth.',
    );
    discriminator.dispose();
    expect(() => new PatchDiscriminator({ depth: 0, key })).toThrow(
      'PatchDiscriminator: expected depth to be an integer of at least 1, got 0.',
    );
  });
});

describe.skipIf(!hasOnnx)('R1, compiled', () => {
  afterAll(() => useEngine({ name: 'cpu' }));

  it.each(Object.entries(create))('agrees with cpu: %s', async (name, make) => {
    await useEngine({ name: 'cpu' });
    const expected = make();
    const images = imagesFor(name, 4);
    const onCpu = tf.tidy(() => penalty(expected, images)).map((tensor) => tensor.dataSync().slice());
    await useEngine({ name: 'onnx', onCompile: () => undefined });
    const compiled = make();
    const run = compile((x: tf.Tensor) => penalty(compiled, x), { name: 'r1' });
    const results = await run(imagesFor(name, 4));
    for (const [index, result] of results.entries()) {
      const scale = Math.max(...onCpu[index]!.map(Math.abs), 1e-3);
      expect((await result.data()) as Float32Array).toBeAllClose(onCpu[index]!, { rtol: 1e-4, atol: 1e-4 * scale });
    }
    tf.dispose(results);
    run.dispose();
    compiled.dispose();
  });
});
