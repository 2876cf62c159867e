import * as tf from '@tensorflow/tfjs';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  ConfigError,
  foldIn,
  randomKey,
  randomNormal,
  randomUniform,
  ShapeError,
  type HostTensor,
  type PerceptualLoss,
} from '@vitvq/core';
import { compile, doctor, useEngine } from '@vitvq/engine';
import { expectGradientsMatchFiniteDifferences, expectNoTensorLeak } from '@vitvq/test-utils';
import { LPIPS, LPIPS_SCALING, lpipsReferenceWeights, type VGG16Channels } from '../src/index.js';
import { maxPool } from '../src/internal/max-pool.js';

const { engines } = await doctor();
const hasOnnx = engines.some(({ name, available }) => name === 'onnx' && available);

const narrow: VGG16Channels = [3, 4, 5, 4, 3];

/**
 * Random weights that keep the scale of the features; linear layers are positive, as the trained
 * ones.
 */
function randomWeights(lpips: LPIPS): Map<string, HostTensor> {
  return new Map(
    [...lpips.namedVariables()].map(([name, { shape, size }], index) => {
      const key = foldIn(randomKey(3), index);
      if (name.startsWith('linear')) return [name, { shape, data: randomUniform(key, size, 0.1, 1) }];
      if (name.endsWith('bias')) return [name, { shape, data: randomUniform(key, size, 0, 0.3) }];
      if (name.startsWith('scaling')) return [name, host(LPIPS_SCALING[name === 'scaling.shift' ? 'shift' : 'scale'])];
      return [name, { shape, data: randomNormal(key, size, 0, Math.sqrt(2 / (9 * shape[2]!))) }];
    }),
  );
}

const host = (values: readonly number[]): HostTensor => ({ shape: [values.length], data: Float32Array.from(values) });

function create(): LPIPS {
  const lpips = new LPIPS({ channels: narrow });
  lpips.loadVariables(randomWeights(lpips));
  return lpips;
}

function images(seed: number, ...shape: [number, number, number, number]): tf.Tensor4D {
  const size = shape.reduce((product, side) => product * side, 1);
  return tf.tensor4d(randomUniform(randomKey(seed), size), shape);
}

describe('LPIPS', () => {
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it('is 0 for equal images, positive for others, and the same both ways', () => {
    const lpips: PerceptualLoss & LPIPS = create();
    const [a, b] = [images(1, 2, 16, 16, 3), images(2, 2, 16, 16, 3)];
    expect(lpips.distance(a, a)).toBeAllClose([0, 0], { atol: 0 });
    const distance = lpips.distance(a, b);
    expect(Math.min(...distance.dataSync())).toBeGreaterThan(0.01);
    expect(lpips.distance(b, a)).toBeAllClose(distance);
    lpips.dispose();
  });

  it('is the sum over stages of weighted squared differences between features of length 1', () => {
    const lpips = create();
    const [a, b] = [images(1, 1, 16, 16, 3), images(2, 1, 16, 16, 3)];
    const layers = lpips.layerDistances(a, b);
    const [featuresOfA, featuresOfB] = [lpips.features(a), lpips.features(b)];
    layers.forEach((layer, stage) => {
      const channels = narrow[stage]!;
      const weight = lpips.namedVariables().get(`linear.${stage}.weight`)!.dataSync();
      const [x, y] = [featuresOfA[stage]!.dataSync(), featuresOfB[stage]!.dataSync()];
      const pixels = x.length / channels;
      let expected = 0;
      for (let pixel = 0; pixel < pixels; pixel++) {
        const at = (values: ArrayLike<number>, channel: number): number => values[pixel * channels + channel]!;
        const length = (values: ArrayLike<number>): number =>
          Math.hypot(...Array.from({ length: channels }, (_, channel) => at(values, channel))) + 1e-10;
        for (let channel = 0; channel < channels; channel++) {
          const difference = at(x, channel) / length(x) - at(y, channel) / length(y);
          expected += (weight[channel]! * difference ** 2) / pixels;
        }
      }
      expect(layer).toBeAllClose([expected]);
    });
    expect(lpips.distance(a, b)).toBeAllClose(tf.addN(layers));
    lpips.dispose();
  });

  it('halves with what is left over at odd sizes, as PyTorch does', () => {
    const lpips = create();
    const odd = images(4, 2, 23, 38, 3);
    expect(lpips.features(odd).map(({ shape }) => shape)).toEqual([
      [2, 23, 38, 3],
      [2, 11, 19, 4],
      [2, 5, 9, 5],
      [2, 2, 4, 4],
      [2, 1, 2, 3],
    ]);
    expect(lpips.distance(odd, images(5, 2, 23, 38, 3)).shape).toEqual([2]);
    lpips.dispose();
  });

  it('shows the network images as ImageNet normalises them', () => {
    const lpips = create();
    const mean = [0.485, 0.456, 0.406];
    const deviation = [0.229, 0.224, 0.225];
    const x = images(6, 1, 16, 16, 3);
    const normalized = tf.div(tf.sub(tf.sub(tf.mul(x, 2), 1), LPIPS_SCALING.shift), LPIPS_SCALING.scale);
    expect(normalized).toBeAllClose(tf.div(tf.sub(x, mean), deviation), { atol: 1e-5 });
    const first = lpips.namedVariables().get('stages.0.0.weight') as tf.Tensor4D;
    const bias = lpips.namedVariables().get('stages.0.0.bias')!;
    const second = lpips.namedVariables().get('stages.0.1.weight') as tf.Tensor4D;
    const hidden = tf.relu<tf.Tensor4D>(tf.add(tf.conv2d(normalized as tf.Tensor4D, first, 1, 'same'), bias));
    const expected = tf.relu(
      tf.add(tf.conv2d(hidden, second, 1, 'same'), lpips.namedVariables().get('stages.0.1.bias')!),
    );
    expect(lpips.features(x)[0]!).toBeAllClose(expected, { atol: 1e-5 });
    lpips.dispose();
  });

  it('has the gradients of finite differences towards both images', () => {
    const lpips = create();
    expectGradientsMatchFiniteDifferences(
      (a, b) => lpips.distance(a as tf.Tensor4D, b as tf.Tensor4D),
      [images(7, 1, 16, 16, 3), images(8, 1, 16, 16, 3)],
      // ReLU and maxima have kinks: short steps and a tolerance for the few that are crossed.
      { step: 1e-3, rtol: 5e-2, elements: 24 },
    );
    lpips.dispose();
  });

  it('has a finite gradient where all features of a pixel are 0', () => {
    const lpips = new LPIPS({ channels: narrow });
    const weights = randomWeights(lpips);
    // Stage 4 ends in nothing but zeros.
    weights.set('stages.4.2.bias', { shape: [3], data: new Float32Array(3).fill(-1e3) });
    lpips.loadVariables(weights);
    const target = images(1, 1, 16, 16, 3);
    const gradient = tf.grad((x) => tf.sum(lpips.distance(target, x as tf.Tensor4D)))(images(2, 1, 16, 16, 3));
    expect(gradient.dataSync().every(Number.isFinite)).toBe(true);
    expect(Math.max(...gradient.abs().dataSync())).toBeGreaterThan(0);
    lpips.dispose();
  });

  it('is frozen', () => {
    const lpips = create();
    expect(lpips.trainableVariables()).toEqual([]);
    expect(lpips.namedVariables().size).toBe(2 + 2 * 13 + 5);
    lpips.dispose();
  });

  it('has the size of VGG16 unless told otherwise', () => {
    const lpips = new LPIPS();
    const sizes = [...lpips.namedVariables()].map(([name, { size }]) => (name.startsWith('stages') ? size : 0));
    expect(sizes.reduce((total, size) => total + size, 0)).toBe(14_714_688); // vgg16().features of torchvision
    lpips.dispose();
  });

  it('refuses to be used without weights', () => {
    const lpips = new LPIPS({ channels: narrow });
    const x = images(1, 1, 16, 16, 3);
    expect(lpips.loaded).toBe(false);
    for (const use of [() => lpips.distance(x, x), () => lpips.layerDistances(x, x), () => lpips.features(x)]) {
      expect(use).toThrow(ConfigError);
      expect(use).toThrow('got none: random features would not measure what people see. Call loadVariables');
    }
    const wrong = randomWeights(lpips);
    wrong.delete('linear.2.weight');
    expect(() => lpips.loadVariables(wrong)).toThrow('missing: linear.2.weight');
    expect(lpips.loaded).toBe(false);
    expect(() => lpips.features(x)).toThrow(ConfigError);
    lpips.dispose();
  });

  it('refuses images that do not fit', () => {
    const lpips = create();
    const good = images(1, 1, 16, 16, 3);
    const small = images(1, 1, 15, 64, 3);
    expect(() => lpips.distance(small, small)).toThrow(
      'LPIPS.distance: expected images of at least 16x16 pixels, got [1, 15, 64, 3]. ' +
        'VGG16 halves them four times; use larger images.',
    );
    expect(() => lpips.distance(images(1, 1, 16, 16, 1), good)).toThrow(
      'LPIPS.distance: expected shape [B, H, W, 3], got [1, 16, 16, 1]. Repeat the channel of grey images three times.',
    );
    expect(() => lpips.distance(images(1, 1, 3, 16, 16), good)).toThrow('transpose them to [B, H, W, C].');
    expect(() => lpips.layerDistances(good, images(1, 2, 16, 16, 3))).toThrow(ShapeError);
    expect(() => lpips.distance(good, tf.cast(good, 'int32'))).toThrow('others to be float32');
    expect(() => lpips.features(tf.cast(good, 'int32'))).toThrow('images to be float32');
    lpips.dispose();
  });

  it('refuses widths that cannot be', () => {
    expect(() => new LPIPS({ channels: [4, 4, 0, 8, 8] })).toThrow('channels[2] to be an integer of at least 1, got 0');
    expect(() => new LPIPS({ channels: [4, 4] as never })).toThrow('LPIPS: expected channels of 5 stages, got [4, 4].');
  });

  it('lists every variable for the reference, there and back', () => {
    const lpips = create();
    const table = lpipsReferenceWeights();
    expect(table.map(({ name }) => name).sort()).toEqual([...lpips.namedVariables().keys()].sort());
    expect(table.map(({ referenceName }) => referenceName)).toContain('net.slice4.21.bias');
    for (const { name, fromReference, toReference } of table) {
      const variable = lpips.namedVariables().get(name)!;
      const value = { shape: variable.shape, data: variable.dataSync<'float32'>() };
      expect(fromReference(toReference(value))).toEqual(value);
    }
    lpips.dispose();
  });

  it('leaves no tensors behind', () => {
    const lpips = create();
    const [a, b] = [images(1, 1, 17, 16, 3), images(2, 1, 17, 16, 3)];
    expectNoTensorLeak(() => lpips.distance(a, b).dispose());
    expectNoTensorLeak(() => tf.dispose(lpips.layerDistances(a, b)));
    expectNoTensorLeak(() => tf.dispose(lpips.features(a)));
    expectNoTensorLeak(() =>
      tf
        .grad((x) => tf.sum(lpips.distance(a, x as tf.Tensor4D)))(b)
        .dispose(),
    );
    lpips.dispose();
    expectNoTensorLeak(() => create().dispose());
  });
});

describe('maxPool', () => {
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it.each([
    [4, 6],
    [5, 7],
    [2, 3],
  ])("agrees with TensorFlow.js's for images of %i x %i", (height, width) => {
    const x = images(9, 2, height, width, 3);
    expect(maxPool(x)).toBeAllClose(tf.maxPool(x, 2, 2, 'valid'), { atol: 0 });
  });

  it('gives the gradient of equal pixels to the first in raster order', () => {
    const x = tf.tensor4d([1, 3, 3, 3, 0, 0, 2, 2], [2, 2, 2, 1]);
    const gradient = tf.grad((y) => tf.sum(maxPool(y as tf.Tensor4D)))(x);
    expect(gradient).toBeAllClose(tf.tensor4d([0, 1, 0, 0, 0, 0, 1, 0], [2, 2, 2, 1]), { atol: 0 });
  });
});

describe.skipIf(!hasOnnx)('LPIPS, compiled', () => {
  afterAll(() => useEngine({ name: 'cpu' }));

  async function valuesOn(engine: 'cpu' | 'onnx'): Promise<Record<string, number[]>> {
    await useEngine({ name: engine, onCompile: () => undefined });
    const lpips = create();
    const step = compile((a: tf.Tensor4D, b: tf.Tensor4D) => ({
      distance: lpips.distance(a, b),
      gradient: tf.grad((x) => tf.sum(lpips.distance(a, x as tf.Tensor4D)))(b),
    }));
    const results: Record<string, tf.Tensor> = await step(images(1, 2, 17, 22, 3), images(2, 2, 17, 22, 3));
    const values: Record<string, number[]> = {};
    for (const [name, tensor] of Object.entries(results)) values[name] = [...(await tensor.data())];
    step.dispose();
    lpips.dispose();
    return values;
  }

  it('gives the same distance and gradient', async () => {
    const expected = await valuesOn('cpu');
    const compiled = await valuesOn('onnx');
    expect(compiled['distance']!).toBeAllClose(expected['distance']!, { rtol: 1e-4 });
    const largest = Math.max(...expected['gradient']!.map(Math.abs));
    expect(compiled['gradient']!).toBeAllClose(expected['gradient']!, { rtol: 0, atol: 1e-4 * largest });
  });
});
