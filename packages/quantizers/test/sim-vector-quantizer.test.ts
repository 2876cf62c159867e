import { expectGradientsMatchFiniteDifferences, expectNoTensorLeak } from '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, randomKey, randomNormal } from '@vitvq/core';
import { SimVectorQuantizer, type SimVectorQuantizerOptions } from '../src/index.js';
import { describe, expect, it } from 'vitest';

function create(options: Partial<SimVectorQuantizerOptions> = {}): SimVectorQuantizer {
  return new SimVectorQuantizer({ codebookSize: 4, codeDim: 2, key: randomKey(1), ...options });
}

function normal(shape: [number, number, number], seed: number): tf.Tensor3D {
  return tf.tensor3d(randomNormal(randomKey(seed), shape[0] * shape[1] * shape[2]), shape);
}

/** Frozen directions, doubled or tripled, and moved up: codes (0, 1), (2, 1), (0, 4), (-2, 1). */
function withKnownCodes(options: Partial<SimVectorQuantizerOptions> = {}): SimVectorQuantizer {
  const quantizer = create(options);
  quantizer.codebook.weights.assign(tf.tensor2d([0, 0, 1, 0, 0, 1, -1, 0], [4, 2]));
  quantizer.transform.weight.assign(tf.tensor2d([2, 0, 0, 3], [2, 2]));
  quantizer.transform.bias!.assign(tf.tensor1d([0, 1]));
  return quantizer;
}

describe('SimVectorQuantizer', () => {
  it('picks the nearest code after the linear layer', () => {
    const quantizer = withKnownCodes({ beta: 0.5 });
    const z = tf.tensor3d([0.9, 1, 1.1, 1, 0, 2.6, -7, -7], [1, 4, 2]);
    const { quantized, indices, loss } = quantizer.quantize(z);
    expect(indices.arraySync()).toEqual([[0, 1, 2, 3]]);
    expect(quantized).toBeAllClose([
      [
        [0, 1],
        [2, 1],
        [0, 4],
        [-2, 1],
      ],
    ]);
    expect(loss).toBeAllClose((1.5 * (0.81 + 0.81 + 1.96 + 25 + 64)) / 8, { rtol: 1e-6 });
    quantizer.dispose();
  });

  it('moves codes that nothing chose', () => {
    const quantizer = withKnownCodes();
    const z = tf.tensor3d([2.5, 1], [1, 1, 2]);
    const before = quantizer.codebook.rows();
    const optimizer = tf.train.sgd(0.1);
    optimizer.minimize(() => quantizer.quantize(z).loss, false, quantizer.trainableVariables());
    const moves = tf.sub(quantizer.codebook.rows(), before);
    // The gradient of the weight is nothing but that of the chosen direction, (1, 0).
    expect(moves).toBeAllClose(
      [
        [0.05, 0],
        [0.1, 0],
        [0.05, 0],
        [0, 0],
      ],
      { rtol: 1e-5, atol: 1e-6 },
    );
    optimizer.dispose();
    quantizer.dispose();
  });

  it('keeps its codebook frozen', () => {
    const quantizer = create();
    expect([...quantizer.namedVariables().keys()]).toEqual(['codebook', 'transform.weight', 'transform.bias']);
    expect([...quantizer.namedTrainableVariables().keys()]).toEqual(['transform.weight', 'transform.bias']);
    const plain = create({ useBias: false });
    expect([...plain.namedTrainableVariables().keys()]).toEqual(['transform.weight']);
    expect(plain.transform.bias).toBeUndefined();
    quantizer.dispose();
    plain.dispose();
  });

  it('draws the codebook and the layer from its key', () => {
    const valuesOf = (seed: number): number[][] => {
      const quantizer = create({ codebookSize: 500, codeDim: 16, key: randomKey(seed) });
      const values = [...quantizer.namedVariables().values()].map((variable) => [...variable.dataSync()]);
      quantizer.dispose();
      return values;
    };
    const [codes, weight, bias] = valuesOf(1) as [number[], number[], number[]];
    expect(valuesOf(1)).toEqual([codes, weight, bias]);
    expect(valuesOf(2)).not.toEqual([codes, weight, bias]);
    const variance = codes.reduce((sum, value) => sum + value * value, 0) / codes.length;
    expect(variance * 16).toBeGreaterThan(0.93); // 8000 values: standard error 0.016
    expect(variance * 16).toBeLessThan(1.07);
    for (const values of [weight, bias]) {
      expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(0.25);
      expect(Math.max(...values.map(Math.abs))).toBeGreaterThan(0.15);
    }
  });

  it('has the gradients of the linear layer that finite differences say', () => {
    const quantizer = create({ beta: 0 });
    const z = normal([2, 3, 2], 5);
    // Steps small enough that no feature changes its code. With beta 0 the loss is the codebook
    // term alone.
    expectGradientsMatchFiniteDifferences(() => quantizer.quantize(z).loss, [], {
      variables: new Map<string, tf.Variable>([
        ['weight', quantizer.transform.weight],
        ['bias', quantizer.transform.bias!],
      ]),
      step: 1e-3,
      atol: 1e-3,
    });
    quantizer.dispose();
  });

  it('lets beta weigh the term that moves the encoder, and no other', () => {
    const z = normal([2, 3, 2], 5);
    const gradients = (beta: number): tf.Tensor[] => {
      const quantizer = create({ beta });
      const { grads } = tf.engine().gradients(() => quantizer.quantize(z).loss, [z, quantizer.transform.weight]);
      quantizer.dispose();
      return grads;
    };
    const [zOne, weightOne] = gradients(1);
    const [zQuarter, weightQuarter] = gradients(0.25);
    expect(zQuarter!).toBeAllClose(tf.mul(zOne!, 0.25));
    expect(weightQuarter!).toBeAllClose(weightOne!);
    expect(tf.max(tf.abs(zOne!)).dataSync()[0]).toBeGreaterThan(0.01);
  });

  it.each([true, false])(
    'starts as features, which the layer gives their means and deviations (useBias: %s)',
    (useBias) => {
      const quantizer = create({ useBias });
      const z = tf.tensor2d([101, 2, 103, -4, 105, 6, 107, -8], [4, 2]);
      const start = (): void => quantizer.codebook.initialize(z, tf.zeros([4]));
      tf.tidy(start);
      expect(quantizer.codebook.rows()).toBeAllClose(z);
      const frozen = quantizer.codebook.weights;
      // E is 2: a variance of 1 / 2, as that of random rows.
      expect(tf.mean(tf.square(frozen), 0)).toBeAllClose([0.5, 0.5]);
      if (useBias) {
        expect(tf.mean(frozen, 0)).toBeAllClose([0, 0]);
        expect(quantizer.transform.bias!).toBeAllClose([104, -1]);
        expect(quantizer.transform.weight).toBeAllClose([
          [Math.sqrt(10), 0],
          [0, Math.sqrt(58)],
        ]);
      }
      expect(quantizer.codebook.reset).toBeUndefined();
      expectNoTensorLeak(() => tf.tidy(start));
      quantizer.dispose();
    },
  );

  it('starts as features that are all the same', () => {
    const quantizer = create();
    quantizer.codebook.initialize(tf.fill([4, 2], 3), tf.zeros([4]));
    expect(quantizer.codebook.rows()).toBeAllClose(tf.fill([4, 2], 3));
    quantizer.dispose();
  });

  it.each([
    [{ beta: -1 }, 'SimVectorQuantizer: expected beta to be a finite number at least 0, got -1.'],
    [{ codebookSize: 0 }, 'codebookSize to be an integer of at least 1'],
    [{ codeDim: 1.5 }, 'codeDim to be an integer of at least 1'],
  ])('refuses %o', (options, message) => {
    expect(() => create(options)).toThrow(ConfigError);
    expect(() => create(options)).toThrow(message);
  });

  it('refuses features of another width', () => {
    const quantizer = create();
    expect(() => quantizer.quantize(tf.zeros([2, 3, 5]))).toThrow(
      'SimVectorQuantizer.quantize: expected shape [B, N, 2], got [2, 3, 5]. Project z to codeDim first.',
    );
    quantizer.dispose();
  });
});
