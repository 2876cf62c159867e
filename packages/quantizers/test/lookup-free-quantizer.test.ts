import { expectGradientsMatchFiniteDifferences } from '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, randomKey, randomNormal } from '@vitvq/core';
import { LookupFreeQuantizer, type LookupFreeQuantizerOptions } from '../src/index.js';
import { describe, expect, it } from 'vitest';

function create(options: Partial<LookupFreeQuantizerOptions> = {}): LookupFreeQuantizer {
  return new LookupFreeQuantizer({ codeDim: 3, ...options });
}

const lossOf = (quantizer: LookupFreeQuantizer, z: tf.Tensor3D): number => quantizer.quantize(z).loss.dataSync()[0]!;

/** The entropy term by its definition: probabilities of all codes, in double precision. */
function entropyTerm(tokens: number[][], entropyTemperature: number, diversityWeight: number): number {
  const bits = tokens[0]!.length;
  const codes = Array.from({ length: 2 ** bits }, (_, code) =>
    tokens[0]!.map((_z, bit) => ((code >> bit) & 1 ? 1 : -1)),
  );
  const entropy = (p: number[]): number => p.reduce((sum, x) => (x > 0 ? sum - x * Math.log(x) : sum), 0);
  const distributions = tokens.map((z) => {
    const weights = codes.map((code) =>
      Math.exp(-code.reduce((sum, c, bit) => sum + (z[bit]! - c) ** 2, 0) / entropyTemperature),
    );
    const total = weights.reduce((a, b) => a + b, 0);
    return weights.map((weight) => weight / total);
  });
  const mean = codes.map((_, code) => distributions.reduce((sum, p) => sum + p[code]!, 0) / tokens.length);
  const choice = distributions.reduce((sum, p) => sum + entropy(p), 0) / tokens.length;
  return choice + diversityWeight * (bits * Math.LN2 - entropy(mean));
}

describe('LookupFreeQuantizer', () => {
  it('takes signs as bits', () => {
    const quantizer = create();
    expect([quantizer.codebookSize, quantizer.codeDim]).toEqual([8, 3]);
    const { quantized, indices } = quantizer.quantize(tf.tensor3d([0.1, -2, 0.3, -0.1, 5, 0], [1, 2, 3]));
    expect(quantized).toBeAllClose([
      [
        [1, -1, 1],
        [-1, 1, -1],
      ],
    ]);
    expect(indices.arraySync()).toEqual([[5, 2]]);
  });

  it('has the entropies of all codes in its loss', () => {
    const values = randomNormal(randomKey(1), 15, 0, 0.5);
    const z = tf.tensor3d(values, [1, 5, 3]);
    const tokens = Array.from({ length: 5 }, (_, token) => [...values.slice(3 * token, 3 * token + 3)]);
    const settings = { commitmentWeight: 0, entropyWeight: 2, entropyTemperature: 0.7, diversityWeight: 1.5 };
    expect(lossOf(create(settings), z)).toBeCloseTo(2 * entropyTerm(tokens, 0.7, 1.5), 5);
    // Channels 0 and 1 together, 2 alone.
    const grouped =
      entropyTerm(
        tokens.map((token) => token.slice(0, 2)),
        0.7,
        1.5,
      ) +
      entropyTerm(
        tokens.map((token) => token.slice(2)),
        0.7,
        1.5,
      );
    expect(lossOf(create({ ...settings, entropyGroupSize: 2 }), z)).toBeCloseTo(2 * grouped, 5);
  });

  it('has the mean squared distance to the codes in its loss', () => {
    const quantizer = create({ codeDim: 2, entropyWeight: 0, commitmentWeight: 0.5 });
    expect(lossOf(quantizer, tf.tensor3d([0.5, -3], [1, 1, 2]))).toBeCloseTo((0.5 * (0.25 + 4)) / 2, 6);
  });

  it('is least where every choice is certain and all codes are used', () => {
    const quantizer = create({ codeDim: 2, commitmentWeight: 0, entropyWeight: 1 });
    const all = tf.tensor3d([1, 1, 1, -1, -1, 1, -1, -1], [1, 4, 2]);
    expect(lossOf(quantizer, all)).toBeCloseTo(0, 5);
    expect(lossOf(quantizer, tf.ones([1, 4, 2]))).toBeCloseTo(2 * Math.LN2, 5);
    expect(lossOf(quantizer, tf.zeros([1, 4, 2]))).toBeCloseTo(2 * Math.LN2, 5);
  });

  it('has the gradients of its loss that finite differences say', () => {
    // Away from 0, where the code changes.
    const z = tf.tensor3d([0.5, -0.3, 0.2, -0.6, 0.7, 0.4, -0.2, -0.5, 0.3, 0.1, -0.4, 0.6], [2, 2, 3]);
    for (const entropyGroupSize of [2, 9]) {
      const quantizer = create({ entropyTemperature: 0.8, entropyWeight: 1, entropyGroupSize });
      expectGradientsMatchFiniteDifferences((x) => quantizer.quantize(x as tf.Tensor3D).loss, [z]);
    }
  });

  it('stays finite for large features and many bits', () => {
    const quantizer = create({ codeDim: 18 });
    const { value, grad } = tf.valueAndGrad((z: tf.Tensor) => quantizer.quantize(z as tf.Tensor3D).loss)(
      tf.tensor3d(randomNormal(randomKey(3), 4 * 18, 0, 100), [2, 2, 18]),
    );
    expect(Number.isFinite(value.dataSync()[0])).toBe(true);
    for (const component of grad.dataSync()) expect(Number.isFinite(component)).toBe(true);
    const largest = tf.tensor2d([2 ** 18 - 1, 2 ** 17 + 1], [1, 2], 'int32');
    expect(quantizer.quantize(quantizer.decode(largest)).indices.arraySync()).toEqual([[2 ** 18 - 1, 2 ** 17 + 1]]);
  });

  it.each([
    [{ codeDim: 25 }, 'LookupFreeQuantizer: expected codeDim to be a finite number within [1, 24], got 25.'],
    [{ codeDim: 0 }, 'codeDim to be an integer of at least 1'],
    [{ entropyWeight: -1 }, 'entropyWeight to be a finite number at least 0'],
    [{ diversityWeight: NaN }, 'diversityWeight to be a finite number at least 0'],
    [{ commitmentWeight: -1 }, 'commitmentWeight to be a finite number at least 0'],
    [
      { entropyTemperature: 0 },
      'LookupFreeQuantizer: expected entropyTemperature to be a finite number above 0, got 0.',
    ],
    [{ entropyGroupSize: 13 }, 'entropyGroupSize to be a finite number within [1, 12]'],
  ])('refuses %o', (options, message) => {
    expect(() => create(options)).toThrow(ConfigError);
    expect(() => create(options)).toThrow(message);
  });
});
