import { expectGradientsMatchFiniteDifferences } from '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, detach, randomKey, randomNormal } from '@vitvq/core';
import { IndexBackpropagationQuantizer, type IndexBackpropagationQuantizerOptions } from '../src/index.js';
import { describe, expect, it } from 'vitest';

function create(options: Partial<IndexBackpropagationQuantizerOptions> = {}): IndexBackpropagationQuantizer {
  return new IndexBackpropagationQuantizer({ codebookSize: 5, codeDim: 3, key: randomKey(1), ...options });
}

function normal(shape: [number, number, number], seed: number): tf.Tensor3D {
  return tf.tensor3d(randomNormal(randomKey(seed), shape[0] * shape[1] * shape[2]), shape);
}

/** The entropy term by its definition, in double precision. */
function entropyTerm(tokens: number[][], codes: number[][], temperature: number, diversityWeight: number): number {
  const entropy = (p: number[]): number => p.reduce((sum, x) => (x > 0 ? sum - x * Math.log(x) : sum), 0);
  const distributions = tokens.map((z) => {
    const weights = codes.map((code) =>
      Math.exp(code.reduce((sum, value, at) => sum + value * z[at]!, 0) / temperature),
    );
    const total = weights.reduce((a, b) => a + b, 0);
    return weights.map((weight) => weight / total);
  });
  const mean = codes.map((_, code) => distributions.reduce((sum, p) => sum + p[code]!, 0) / tokens.length);
  const choice = distributions.reduce((sum, p) => sum + entropy(p), 0) / tokens.length;
  return choice + diversityWeight * (Math.log(codes.length) - entropy(mean));
}

describe('IndexBackpropagationQuantizer', () => {
  it('picks the code of the largest product, which need not be the nearest', () => {
    const quantizer = create({ codebookSize: 3, codeDim: 2, entropyWeight: 0, codebookWeight: 0.5 });
    quantizer.codebook.weights.assign(tf.tensor2d([1, 0, 10, 1, -1, 0], [3, 2]));
    const { quantized, indices, loss } = quantizer.quantize(tf.tensor3d([1, 0, -2, 0.5], [1, 2, 2]));
    expect(indices.arraySync()).toEqual([[1, 2]]);
    expect(quantized).toBeAllClose([
      [
        [10, 1],
        [-1, 0],
      ],
    ]);
    // Three terms of the same value, of weights 1, 1 and 0.5.
    expect(loss).toBeAllClose((2.5 * (81 + 1 + 1 + 0.25)) / 4);
    quantizer.dispose();
  });

  it('passes gradients as the mixture of all codes does', () => {
    const quantizer = create();
    const { weights } = quantizer.codebook;
    const [z, cotangent] = [normal([2, 3, 3], 2), normal([2, 3, 3], 3)];
    const mixture = (): tf.Scalar => {
      const rows = tf.reshape<tf.Rank.R2>(z, [6, 3]);
      const soft = tf.softmax(tf.matMul<tf.Tensor2D>(rows, weights, false, true));
      const hard = tf.cast(tf.oneHot(tf.argMax(detach(soft), 1), 5), 'float32');
      const index = tf.add<tf.Tensor2D>(soft, detach(tf.sub(hard, soft)));
      return tf.sum(tf.mul(tf.reshape(tf.matMul(index, weights), z.shape), cotangent));
    };
    const expected = tf.engine().gradients(mixture, [z, weights] as tf.Tensor[]);
    const found = tf
      .engine()
      .gradients(() => tf.sum(tf.mul(quantizer.quantize(z).quantized, cotangent)), [z, weights] as tf.Tensor[]);
    expect(found.value).toBeAllClose(expected.value);
    found.grads.forEach((gradient, index) => expect(gradient).toBeAllClose(expected.grads[index]!));
    quantizer.dispose();
  });

  it('moves every code, also one that nothing chose', () => {
    const quantizer = create({ entropyWeight: 0 });
    const z = normal([1, 1, 3], 4);
    const { grads } = tf.variableGrads(() => quantizer.quantize(z).loss);
    const lengths = tf.norm(Object.values(grads)[0]!, 2, 1).dataSync();
    for (const length of lengths) expect(length).toBeGreaterThan(1e-4);
    quantizer.dispose();
  });

  it('lets each weight of the quantization loss move its own side', () => {
    const z = normal([2, 3, 3], 5);
    const gradients = (codebookWeight: number): tf.Tensor[] => {
      const quantizer = create({ codebookWeight, entropyWeight: 0 });
      const { grads } = tf.engine().gradients(() => quantizer.quantize(z).loss, [z, quantizer.codebook.weights]);
      quantizer.dispose();
      return grads;
    };
    const [none, half, one] = [0, 0.5, 1].map(gradients) as [tf.Tensor[], tf.Tensor[], tf.Tensor[]];
    expect(one[0]!).toBeAllClose(none[0]!);
    expect(tf.mean(tf.stack([none[1]!, one[1]!]), 0)).toBeAllClose(half[1]!);
    expect(tf.max(tf.abs(tf.sub(one[1]!, none[1]!))).dataSync()[0]).toBeGreaterThan(0.01);
  });

  it('has the entropies of all codes in its loss', () => {
    const z = normal([1, 4, 3], 6);
    const settings = { entropyTemperature: 0.7, diversityWeight: 1.5 };
    const [plain, weighted] = [create({ entropyWeight: 0 }), create({ ...settings, entropyWeight: 2 })];
    const difference = tf.sub(weighted.quantize(z).loss, plain.quantize(z).loss).dataSync()[0]!;
    const codes = plain.codebook.weights.arraySync();
    expect(difference).toBeCloseTo(2 * entropyTerm(z.arraySync()[0]!, codes, 0.7, 1.5), 4);
    plain.dispose();
    weighted.dispose();
  });

  it('has the gradients of the entropy term that finite differences say', () => {
    const settings = { entropyTemperature: 0.8, diversityWeight: 0.6 };
    const [plain, weighted] = [create({ entropyWeight: 0 }), create({ ...settings, entropyWeight: 1 })];
    const { weights } = weighted.codebook;
    const term = (z: tf.Tensor): tf.Tensor =>
      tf.sub(weighted.quantize(z as tf.Tensor3D).loss, plain.quantize(z as tf.Tensor3D).loss);
    expectGradientsMatchFiniteDifferences(term, [normal([2, 2, 3], 7)], { atol: 1e-3 });
    // Towards the codebook, too: both quantizers have the same codes.
    const z = normal([2, 2, 3], 8);
    const [whole, rest] = [weighted, plain].map(
      (quantizer) =>
        Object.values(tf.variableGrads(() => quantizer.quantize(z).loss, [quantizer.codebook.weights]).grads)[0]!,
    ) as [tf.Tensor, tf.Tensor];
    const byDefinition = tf.grad((codes: tf.Tensor) => {
      const logProbabilities = tf.logSoftmax(tf.div(tf.matMul(tf.reshape(z, [4, 3]), codes, false, true), 0.8));
      const probabilities = tf.exp(logProbabilities);
      const mean = tf.mean(probabilities, 0);
      const choice = tf.neg(tf.mean(tf.sum(tf.mul(probabilities, logProbabilities), 1)));
      return tf.add(choice, tf.mul(tf.sum(tf.mul(mean, tf.log(mean))), 0.6));
    })(tf.clone(weights));
    expect(tf.sub(whole, rest)).toBeAllClose(byDefinition, { rtol: 1e-4, atol: 1e-5 });
    plain.dispose();
    weighted.dispose();
  });

  it('stays finite for large features and at a low temperature', () => {
    const quantizer = create();
    for (const scale of [0, 1e4]) {
      const z = tf.mul<tf.Tensor3D>(normal([2, 3, 3], 9), scale);
      const { value, grads } = tf.engine().gradients(() => quantizer.quantize(z).loss, [z, quantizer.codebook.weights]);
      for (const tensor of [value, ...grads]) expect(tensor.dataSync().every(Number.isFinite)).toBe(true);
    }
    quantizer.dispose();
  });

  it('draws a normal codebook from its key, which is all that it learns', () => {
    const [first, again, other] = [1, 1, 2].map((seed) => create({ key: randomKey(seed) }));
    const values = [first, again, other].map((quantizer) => [...quantizer!.codebook.weights.dataSync()]);
    expect(values[0]).toEqual(values[1]);
    expect(values[0]).not.toEqual(values[2]);
    expect([...first!.namedTrainableVariables().keys()]).toEqual(['codebook']);
    for (const quantizer of [first, again, other]) quantizer!.dispose();
  });

  it.each([
    [
      { codebookWeight: -1 },
      'IndexBackpropagationQuantizer: expected codebookWeight to be a finite number at least 0, got -1.',
    ],
    [{ entropyWeight: -1 }, 'entropyWeight to be a finite number at least 0'],
    [{ diversityWeight: NaN }, 'diversityWeight to be a finite number at least 0'],
    [{ entropyTemperature: 0 }, 'entropyTemperature to be a finite number above 0, got 0.'],
    [{ codebookSize: 0 }, 'codebookSize to be an integer of at least 1'],
    [{ codeDim: 1.5 }, 'codeDim to be an integer of at least 1'],
  ])('refuses %o', (options, message) => {
    expect(() => create(options)).toThrow(ConfigError);
    expect(() => create(options)).toThrow(message);
  });

  it('refuses features of another width', () => {
    const quantizer = create();
    expect(() => quantizer.quantize(tf.zeros([2, 3, 5]))).toThrow(
      'IndexBackpropagationQuantizer.quantize: expected shape [B, N, 3], got [2, 3, 5]. Project z to codeDim first.',
    );
    quantizer.dispose();
  });
});
