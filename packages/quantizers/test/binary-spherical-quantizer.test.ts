import { expectGradientsMatchFiniteDifferences } from '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, randomKey, randomNormal } from '@vitvq/core';
import {
  BinarySphericalQuantizer,
  LookupFreeQuantizer,
  ResidualQuantizer,
  type BinarySphericalQuantizerOptions,
} from '../src/index.js';
import { describe, expect, it } from 'vitest';

function create(options: Partial<BinarySphericalQuantizerOptions> = {}): BinarySphericalQuantizer {
  return new BinarySphericalQuantizer({ codeDim: 3, ...options });
}

const lossOf = (quantizer: BinarySphericalQuantizer, z: tf.Tensor3D): number =>
  quantizer.quantize(z).loss.dataSync()[0]!;

/** Returns features away from 0, where a bit changes. */
const clear = (): tf.Tensor3D =>
  tf.tensor3d([0.5, -0.3, 0.2, -0.6, 0.7, 0.4, -0.2, -0.5, 0.3, 0.9, -0.4, 0.6], [2, 2, 3]);

/** The entropy term by its definition, bit by bit, in double precision. */
function entropyTerm(tokens: number[][], entropyTemperature: number, diversityWeight: number): number {
  const dim = tokens[0]!.length;
  const entropy = (p: number): number => -p * Math.log(p) - (1 - p) * Math.log(1 - p);
  const ones = tokens.map((z) => {
    const length = Math.hypot(...z);
    return z.map((value) => {
      const [up, down] = [1, -1].map((sign) =>
        Math.exp(-((value / length - sign / Math.sqrt(dim)) ** 2) / entropyTemperature),
      ) as [number, number];
      return up / (up + down);
    });
  });
  const choice = ones.reduce((sum, bits) => sum + bits.reduce((total, p) => total + entropy(p), 0), 0) / tokens.length;
  const means = ones[0]!.map((_, bit) => ones.reduce((sum, bits) => sum + bits[bit]!, 0) / tokens.length);
  return choice + diversityWeight * means.reduce((sum, p) => sum + Math.LN2 - entropy(p), 0);
}

describe('BinarySphericalQuantizer', () => {
  it('takes signs as bits of codes of length 1', () => {
    const quantizer = create();
    expect([quantizer.codebookSize, quantizer.codeDim]).toEqual([8, 3]);
    const { quantized, indices } = quantizer.quantize(tf.tensor3d([0.1, -2, 0.3, -0.1, 500, 0], [1, 2, 3]));
    const size = 3 ** -0.5;
    expect(quantized).toBeAllClose([
      [
        [size, -size, size],
        [-size, size, -size],
      ],
    ]);
    expect(indices.arraySync()).toEqual([[5, 2]]);
    expect(quantizer.namedVariables().size).toBe(0);
  });

  it('does not depend on the scale of features', () => {
    const quantizer = create({ commitmentWeight: 1 });
    const [small, large] = [quantizer.quantize(clear()), quantizer.quantize(tf.mul(clear(), 1000))];
    expect(large.quantized).toBeAllClose(small.quantized);
    expect(large.loss).toBeAllClose(small.loss);
  });

  it('has the entropies of its bits in its loss', () => {
    const values = randomNormal(randomKey(1), 15);
    const z = tf.tensor3d(values, [1, 5, 3]);
    const tokens = Array.from({ length: 5 }, (_, token) => [...values.slice(3 * token, 3 * token + 3)]);
    const settings = { entropyWeight: 2, entropyTemperature: 0.4, diversityWeight: 1.5 };
    expect(lossOf(create(settings), z)).toBeCloseTo(2 * entropyTerm(tokens, 0.4, 1.5), 5);
  });

  it('has the loss of a lookup-free quantizer whose features and codes are longer', () => {
    // u sqrt(E) against signs: distances are E times as large, and so is the temperature.
    const z = tf.tensor3d(randomNormal(randomKey(2), 24), [2, 3, 4]);
    const settings = { codeDim: 4, entropyWeight: 1, diversityWeight: 0.7 };
    for (const entropyGroupSize of [1, 2, 3, 9]) {
      const spherical = create({ ...settings, entropyGroupSize, entropyTemperature: 0.3, commitmentWeight: 0.5 });
      const free = new LookupFreeQuantizer({
        ...settings,
        entropyGroupSize,
        entropyTemperature: 4 * 0.3,
        commitmentWeight: 0.5,
      });
      const longer = tf.mul<tf.Tensor3D>(tf.div(z, tf.norm(z, 2, -1, true)), 2);
      // A mean over 4 channels of squares 4 times as large is their sum.
      expect(spherical.quantize(z).loss).toBeAllClose(free.quantize(longer).loss);
    }
  });

  it('has the squared distance to the codes in its loss', () => {
    const quantizer = create({ codeDim: 2, entropyWeight: 0, commitmentWeight: 0.5 });
    // At right angles to the bisector that its code is on by 45°: 2 - 2 cos 45°.
    expect(lossOf(quantizer, tf.tensor3d([7, 1e-7], [1, 1, 2]))).toBeCloseTo(0.5 * (2 - Math.SQRT2), 6);
  });

  it('is least where every choice is certain and all bits are used', () => {
    const quantizer = create({ codeDim: 2, entropyWeight: 1, entropyTemperature: 0.01 });
    const all = tf.tensor3d([1, 1, 1, -1, -1, 1, -1, -1], [1, 4, 2]);
    expect(lossOf(quantizer, all)).toBeCloseTo(0, 5);
    expect(lossOf(quantizer, tf.ones([1, 4, 2]))).toBeCloseTo(2 * Math.LN2, 5);
  });

  it('has the gradients of its loss that finite differences say', () => {
    for (const entropyGroupSize of [1, 2, 9]) {
      const quantizer = create({ entropyTemperature: 0.8, entropyWeight: 1, entropyGroupSize, commitmentWeight: 0.3 });
      expectGradientsMatchFiniteDifferences((x) => quantizer.quantize(x as tf.Tensor3D).loss, [clear()]);
    }
  });

  it('passes the sign, not the projection, unchanged', () => {
    const quantizer = create();
    const weights = tf.tensor3d(randomNormal(randomKey(4), 12), [2, 2, 3]);
    const found = tf.grad((x: tf.Tensor) => tf.sum(tf.mul(quantizer.quantize(x as tf.Tensor3D).quantized, weights)))(
      clear(),
    );
    const projected = tf.grad((x: tf.Tensor) =>
      tf.sum(tf.mul(tf.div(x, tf.norm(x, 2, -1, true)), tf.mul(weights, 3 ** -0.5))),
    )(clear());
    expect(found).toBeAllClose(projected);
  });

  it('gets nearer to features on the sphere with every level of a residual quantizer', () => {
    const z = tf.tensor3d(randomNormal(randomKey(5), 256), [1, 64, 4]);
    const unit = tf.div(z, tf.norm(z, 2, -1, true));
    const errors = [2, 3, 4].map((codeDepth) => {
      const { quantized } = new ResidualQuantizer({ quantizer: create({ codeDim: 4 }), codeDepth }).quantize(z);
      return tf.mean(tf.squaredDifference(quantized, unit)).dataSync()[0]!;
    });
    expect(errors[1]!).toBeLessThan(0.5 * errors[0]!);
    expect(errors[2]!).toBeLessThan(0.5 * errors[1]!);
  });

  it('stays finite for zeros, large features and many bits', () => {
    const quantizer = create({ codeDim: 18, entropyTemperature: 0.001 });
    for (const scale of [0, 1e6]) {
      const { value, grad } = tf.valueAndGrad((z: tf.Tensor) => quantizer.quantize(z as tf.Tensor3D).loss)(
        tf.tensor3d(randomNormal(randomKey(3), 4 * 18, 0, scale), [2, 2, 18]),
      );
      expect(Number.isFinite(value.dataSync()[0])).toBe(true);
      for (const component of grad.dataSync()) expect(Number.isFinite(component)).toBe(true);
    }
    const largest = tf.tensor2d([2 ** 18 - 1, 2 ** 17 + 1], [1, 2], 'int32');
    expect(quantizer.quantize(quantizer.decode(largest)).indices.arraySync()).toEqual([[2 ** 18 - 1, 2 ** 17 + 1]]);
  });

  it.each([
    [{ codeDim: 25 }, 'BinarySphericalQuantizer: expected codeDim to be a finite number within [1, 24], got 25.'],
    [{ codeDim: 0 }, 'codeDim to be an integer of at least 1'],
    [{ entropyWeight: -1 }, 'entropyWeight to be a finite number at least 0'],
    [{ diversityWeight: NaN }, 'diversityWeight to be a finite number at least 0'],
    [{ commitmentWeight: -1 }, 'commitmentWeight to be a finite number at least 0'],
    [{ entropyTemperature: 0 }, 'entropyTemperature to be a finite number above 0, got 0.'],
    [{ entropyGroupSize: 13 }, 'entropyGroupSize to be a finite number within [1, 12]'],
  ])('refuses %o', (options, message) => {
    expect(() => create(options)).toThrow(ConfigError);
    expect(() => create(options)).toThrow(message);
  });
});
