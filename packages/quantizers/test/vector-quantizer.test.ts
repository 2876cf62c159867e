import { expectGradientsMatchFiniteDifferences, expectNoTensorLeak } from '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, randomKey, randomNormal, randomUniform, ShapeError } from '@vitvq/core';
import { VectorQuantizer, vectorQuantizerReferenceWeights, type VectorQuantizerOptions } from '../src/index.js';
import { describe, expect, it } from 'vitest';

function create(options: Partial<VectorQuantizerOptions> = {}): VectorQuantizer {
  return new VectorQuantizer({ codebookSize: 4, codeDim: 2, key: randomKey(1), ...options });
}

function normal(shape: [number, number, number], seed: number): tf.Tensor3D {
  return tf.tensor3d(randomNormal(randomKey(seed), shape[0] * shape[1] * shape[2]), shape);
}

/** Codes east, north, west and south, of different lengths. */
function withCompass(options: Partial<VectorQuantizerOptions> = {}): VectorQuantizer {
  const quantizer = create(options);
  quantizer.codebook.weights.assign(tf.tensor2d([10, 0, 0, 1, -1, 0, 0, -0.1], [4, 2]));
  return quantizer;
}

describe('VectorQuantizer', () => {
  it('picks the code of the largest cosine and returns it with length 1', () => {
    const quantizer = withCompass();
    const z = tf.tensor3d([3, 0.1, -0.2, 5, -1, -0.9, 0.001, -0.002], [2, 2, 2]);
    const { quantized, indices } = quantizer.quantize(z);
    expect([...indices.dataSync()]).toEqual([0, 1, 2, 3]);
    expect(indices.shape).toEqual([2, 2]);
    expect(quantized).toBeAllClose([
      [
        [1, 0],
        [0, 1],
      ],
      [
        [-1, 0],
        [0, -1],
      ],
    ]);
    quantizer.dispose();
  });

  it('picks the nearest code and returns it as it is without normalisation', () => {
    const quantizer = withCompass({ normalize: false });
    // East is long: (3, 0.1) is nearer to north and south, and nearest to south, at distance 3.007.
    const { quantized, indices } = quantizer.quantize(tf.tensor3d([3, 0.1, 8, 1, -2, 0.3, 0, 0.9], [1, 4, 2]));
    expect([...indices.dataSync()]).toEqual([3, 0, 2, 1]);
    expect(quantized).toBeAllClose([
      [
        [0, -0.1],
        [10, 0],
        [-1, 0],
        [0, 1],
      ],
    ]);
    quantizer.dispose();
  });

  it('has the loss (1 + beta) x mean squared difference', () => {
    const quantizer = withCompass({ beta: 0.5 });
    // cos 45°: the squared difference of unit vectors is 2 - sqrt 2, over two components.
    const { loss } = quantizer.quantize(tf.tensor3d([2, 1.999999], [1, 1, 2]));
    expect(loss).toBeAllClose((1.5 * (2 - Math.SQRT2)) / 2);
    quantizer.dispose();
  });

  it.each([true, false])(
    'lets beta weigh the term that moves the encoder, and no other (normalize: %s)',
    (normalize) => {
      const z = normal([2, 3, 2], 5);
      const gradients = (beta: number): [tf.Tensor, tf.Tensor, number] => {
        const quantizer = create({ beta, normalize });
        const loss = (): tf.Scalar => quantizer.quantize(z).loss;
        const { grads } = tf.engine().gradients(loss, [z, quantizer.codebook.weights]);
        const value = loss().dataSync()[0]!;
        quantizer.dispose();
        return [grads[0]!, grads[1]!, value];
      };
      const [zOne, codesOne, lossOne] = gradients(1);
      const [zQuarter, codesQuarter, lossQuarter] = gradients(0.25);
      const [zZero, codesZero, lossZero] = gradients(0);
      expect(zQuarter).toBeAllClose(tf.mul(zOne, 0.25));
      expect(zZero).toBeAllClose(new Float32Array(12));
      expect(tf.max(tf.abs(zOne)).dataSync()[0]).toBeGreaterThan(0.01);
      for (const codes of [codesQuarter, codesZero]) expect(codes).toBeAllClose(codesOne);
      expect(tf.max(tf.abs(codesOne)).dataSync()[0]).toBeGreaterThan(0.01);
      expect(lossQuarter).toBeCloseTo(1.25 * lossZero, 6);
      expect(lossOne).toBeCloseTo(2 * lossZero, 6);
    },
  );

  it.each([true, false])('has the gradients of the two terms (normalize: %s)', (normalize) => {
    // Each term alone, with the other side held at its values, against differences of the composed
    // formula.
    const quantizer = create({ beta: 0.3, normalize });
    const z = normal([2, 3, 2], 5);
    const { indices } = quantizer.quantize(z);
    const unit = (x: tf.Tensor): tf.Tensor => (normalize ? tf.div(x, tf.norm(x, 2, -1, true)) : x);
    const codesOf = (codebook: tf.Tensor): tf.Tensor =>
      unit(tf.reshape(tf.gather(codebook as tf.Tensor2D, tf.reshape(indices, [-1])), z.shape));
    const fixedCodes = codesOf(quantizer.codebook.weights).clone();
    const fixedFeatures = unit(z).clone();
    const commitment = tf.grad((x: tf.Tensor) => tf.mul(0.3, tf.mean(tf.squaredDifference(unit(x), fixedCodes))))(z);
    const codebook = tf.grad((c: tf.Tensor) => tf.mean(tf.squaredDifference(fixedFeatures, codesOf(c))))(
      tf.clone(quantizer.codebook.weights),
    );
    const { grads } = tf.engine().gradients(() => quantizer.quantize(z).loss, [z, quantizer.codebook.weights]);
    expect(grads[0]!).toBeAllClose(commitment);
    expect(grads[1]!).toBeAllClose(codebook);
    quantizer.dispose();
  });

  it.each([true, false])('moves the codebook as finite differences say (beta 0, normalize: %s)', (normalize) => {
    const quantizer = create({ beta: 0, normalize });
    const z = normal([2, 3, 2], 5);
    // Steps small enough that no feature changes its code. With beta 0 the loss is the codebook
    // term alone.
    expectGradientsMatchFiniteDifferences(() => quantizer.quantize(z).loss, [], {
      variables: new Map([['codebook', quantizer.codebook.weights]]),
      step: 1e-3,
      atol: 1e-3,
    });
    quantizer.dispose();
  });

  it('gives a feature of zero a finite loss and gradient', () => {
    const quantizer = create();
    const { value, grad } = tf.valueAndGrad((z: tf.Tensor) => quantizer.quantize(z as tf.Tensor3D).loss)(
      tf.zeros([1, 1, 2]),
    );
    expect(Number.isFinite(value.dataSync()[0])).toBe(true);
    for (const component of grad.dataSync()) expect(Number.isFinite(component)).toBe(true);
    quantizer.dispose();
  });

  it('draws a normal codebook from its key', () => {
    const codebook = (seed: number): number[] => {
      const quantizer = create({ codebookSize: 500, codeDim: 8, key: randomKey(seed) });
      const values = [...quantizer.codebook.weights.dataSync()];
      quantizer.dispose();
      return values;
    };
    const values = codebook(1);
    expect(values).toEqual(codebook(1));
    expect(values).not.toEqual(codebook(2));
    const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    expect(variance).toBeGreaterThan(0.93); // 4000 values: standard error 0.022
    expect(variance).toBeLessThan(1.07);
  });

  it('refuses options and shapes that do not fit', () => {
    expect(() => create({ beta: -1 })).toThrow(ConfigError);
    expect(() => create({ beta: -1 })).toThrow(
      'VectorQuantizer: expected beta to be a finite number at least 0, got -1.',
    );
    expect(() => create({ codebookSize: 0 })).toThrow('codebookSize to be an integer of at least 1');
    expect(() => create({ codeDim: 1.5 })).toThrow('codeDim to be an integer of at least 1');
    const quantizer = create();
    expect(() => quantizer.quantize(tf.zeros([2, 3, 5]))).toThrow(
      'VectorQuantizer.quantize: expected shape [B, N, 2], got [2, 3, 5]. Project z to codeDim first.',
    );
    expect(() => quantizer.decode(tf.zeros([4], 'int32') as unknown as tf.Tensor2D)).toThrow(
      'VectorQuantizer.decode: expected shape [B, N], got [4].',
    );
    quantizer.dispose();
  });

  it('maps its codebook to the embedding of the reference', () => {
    const quantizer = create();
    const table = vectorQuantizerReferenceWeights();
    expect(table.map(({ name, referenceName }) => [name, referenceName])).toEqual([['codebook', 'embedding.weight']]);
    expect([...quantizer.namedVariables().keys()]).toEqual(['codebook']);
    quantizer.dispose();
  });
});

describe('usage', () => {
  it('is counted in training only, and only if asked for', () => {
    const quantizer = withCompass({ trackUsage: true });
    const z = tf.tensor3d([1, 0, 1, 0.1, 0, 1, 1, -0.1], [1, 4, 2]);
    quantizer.quantize(z);
    expect(quantizer.codebook.usage!).toBeAllClose([0, 0, 0, 0]);
    quantizer.quantize(z, { training: true });
    quantizer.quantize(z, { training: true });
    expect(quantizer.codebook.usage!).toBeAllClose([6, 2, 0, 0]);
    expect([...quantizer.namedVariables().keys()]).toEqual(['codebook', 'usage']);
    expect([...quantizer.namedTrainableVariables().keys()]).toEqual(['codebook']);
    const plain = withCompass();
    plain.quantize(z, { training: true });
    expect(plain.codebook.usage).toBeUndefined();
    quantizer.dispose();
    plain.dispose();
  });

  it('is counted while gradients are taken, too', () => {
    const quantizer = withCompass({ trackUsage: true });
    const z = tf.tensor3d([1, 0, 0, -1], [1, 2, 2]);
    const { grads } = tf.variableGrads(() => quantizer.quantize(z, { training: true }).loss);
    expect(Object.keys(grads)).toHaveLength(1);
    expect(quantizer.codebook.usage!).toBeAllClose([1, 0, 0, 1]);
    quantizer.dispose();
  });
});

describe('codebook.initialize', () => {
  it('takes one row from each of K stretches of the batch', () => {
    const quantizer = create({ normalize: false });
    const z = tf.tensor3d(
      Array.from({ length: 16 }, (_, index) => index),
      [2, 4, 2],
    );
    quantizer.codebook.initialize(z, tf.tensor1d([0, 0.49, 0.5, 0.999]));
    // Eight rows, two to a code.
    expect(quantizer.codebook.weights).toBeAllClose([
      [0, 1],
      [4, 5],
      [10, 11],
      [14, 15],
    ]);
    quantizer.dispose();
  });

  it('never picks a row beyond the last, and repeats rows when there are fewer than codes', () => {
    const quantizer = create({ codebookSize: 6, normalize: false });
    const z = tf.tensor2d([1, 1, 2, 2, 3, 3], [3, 2]);
    quantizer.codebook.initialize(z, tf.fill([6], 1));
    expect(quantizer.codebook.weights).toBeAllClose([
      [1, 1],
      [2, 2],
      [2, 2],
      [3, 3],
      [3, 3],
      [3, 3],
    ]);
    quantizer.dispose();
  });

  it('takes rows at length 1 where the table is normalised', () => {
    const quantizer = create({ codebookSize: 2 });
    quantizer.codebook.initialize(tf.tensor2d([3, 4, 0, 5], [2, 2]), tf.zeros([2]));
    expect(quantizer.codebook.weights).toBeAllClose([
      [0.6, 0.8],
      [0, 1],
    ]);
    quantizer.dispose();
  });

  it('brings every code into use where a random codebook is hardly used', () => {
    const cluster = tf.add<tf.Tensor3D>(tf.mul(normal([8, 16, 8], 3), 0.05), 1);
    const quantizer = create({ codebookSize: 64, codeDim: 8 });
    const used = (): number => new Set(quantizer.quantize(cluster).indices.dataSync()).size;
    expect(used()).toBeLessThan(10);
    quantizer.codebook.initialize(cluster, tf.tensor1d(randomUniform(randomKey(2), 64)));
    expect(used()).toBe(64);
    quantizer.dispose();
  });

  it('moves on to the centres of clusters if asked for', () => {
    const quantizer = create({ codebookSize: 2, normalize: false });
    const z = tf.tensor2d([0, 0, 0, 2, 10, 0, 10, 2], [4, 2]);
    quantizer.codebook.initialize(z, tf.tensor1d([0, 0]), { kMeansIterations: 2 });
    expect(quantizer.codebook.weights).toBeAllClose([
      [0, 1],
      [10, 1],
    ]);
    quantizer.dispose();
  });

  it('refuses noise and features of the wrong shape', () => {
    const quantizer = create();
    expect(() => quantizer.codebook.initialize(tf.zeros([4, 2]), tf.zeros([4]), { kMeansIterations: -1 })).toThrow(
      'VectorQuantizer.codebook.initialize: expected kMeansIterations to be an integer of at least 0, got -1.',
    );
    expect(() => quantizer.codebook.initialize(tf.zeros([2, 3, 2]), tf.zeros([5]))).toThrow(
      'VectorQuantizer.codebook.initialize: expected shape [4], got [5]. Pass one random number a code.',
    );
    const wrong = (): void => quantizer.codebook.initialize(tf.zeros([2, 3, 5]), tf.zeros([4]));
    expect(wrong).toThrow(ShapeError);
    expect(wrong).toThrow('VectorQuantizer.codebook.initialize: expected z [..., 2] (codeDim), got [2, 3, 5].');
    quantizer.dispose();
  });
});

describe('codebook.reset', () => {
  it('replaces the codes that were not chosen, and starts counting again', () => {
    const quantizer = withCompass({ trackUsage: true, normalize: false });
    quantizer.codebook.usage!.assign(tf.tensor1d([3, 0, 1, 0]));
    const z = tf.tensor3d([5, 6, 7, 8], [1, 2, 2]);
    expect(quantizer.codebook.reset!(z, tf.tensor1d([0.1, 0.2, 0.3, 0.4]))).toBeAllClose(2);
    expect(quantizer.codebook.weights).toBeAllClose([
      [10, 0],
      [5, 6],
      [-1, 0],
      [7, 8],
    ]);
    expect(quantizer.codebook.usage!).toBeAllClose([0, 0, 0, 0]);
    quantizer.dispose();
  });

  it('is there only where codes are counted', () => {
    const quantizer = create();
    expect(quantizer.codebook.reset).toBeUndefined();
    expect(quantizer.codebook.usage).toBeUndefined();
    quantizer.dispose();
  });

  it('leaves no tensors behind', () => {
    const quantizer = create({ trackUsage: true });
    const z = normal([1, 6, 2], 4);
    const uniform = tf.fill<tf.Rank.R1>([4], 0.5);
    expectNoTensorLeak(() => {
      quantizer.codebook.initialize(z, uniform);
      tf.dispose({ ...quantizer.quantize(z, { training: true }) });
      quantizer.codebook.reset!(z, uniform).dispose();
    });
    tf.dispose([z, uniform]);
    quantizer.dispose();
  });
});

describe('the rotation trick', () => {
  it.each([true, false])('has the gradient of scale x rotation x z (normalize: %s)', (normalize) => {
    const quantizer = create({ codeDim: 3, gradient: 'rotation', normalize });
    const z = tf.tensor3d([0.5, -1, 2], [1, 1, 3]);
    const code = tf.reshape<tf.Rank.R2>(quantizer.quantize(z).quantized, [3, 1]);
    const feature = tf.reshape<tf.Rank.R2>(z, [3, 1]);
    const unit = (x: tf.Tensor2D): tf.Tensor2D => tf.div(x, tf.norm(x));
    const [e, q] = [unit(feature), unit(code)];
    const r = unit(tf.add(e, q));
    const outer = (a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D => tf.mul(tf.matMul(a, b, false, true), 2);
    const rotation = tf.add(tf.sub(tf.eye(3), outer(r, r)), outer(q, e));
    const matrix = tf.mul(rotation, tf.div(tf.norm(code), tf.norm(feature)));
    expect(tf.matMul(matrix, feature)).toBeAllClose(code, { rtol: 1e-5, atol: 1e-6 });
    expect(tf.matMul(rotation, rotation, false, true)).toBeAllClose(tf.eye(3), { rtol: 1e-5, atol: 1e-6 });
    const weights = tf.tensor2d([0.3, -0.7, 1.1], [1, 3]);
    const gradient = tf.grad((x: tf.Tensor) => tf.sum(tf.mul(quantizer.quantize(x as tf.Tensor3D).quantized, weights)))(
      z,
    );
    expect(tf.reshape(gradient, [1, 3])).toBeAllClose(tf.matMul(weights, matrix), { rtol: 1e-5, atol: 1e-6 });
    quantizer.dispose();
  });

  it('changes neither codes nor loss', () => {
    const [plain, rotating] = [create(), create({ gradient: 'rotation' })];
    const z = normal([2, 3, 2], 5);
    const [a, b] = [plain.quantize(z), rotating.quantize(z)];
    expect(b.quantized).toBeAllClose(a.quantized, { rtol: 0, atol: 0 });
    expect(b.loss).toBeAllClose(a.loss, { rtol: 0, atol: 0 });
    plain.dispose();
    rotating.dispose();
  });

  it('stays finite for a feature of zero and one opposite to its code', () => {
    const quantizer = create({ codebookSize: 1, gradient: 'rotation' });
    quantizer.codebook.weights.assign(tf.tensor2d([1, 0], [1, 2]));
    const gradient = tf.grad((x: tf.Tensor) => tf.sum(quantizer.quantize(x as tf.Tensor3D).quantized))(
      tf.tensor3d([0, 0, -2, 0], [1, 2, 2]),
    );
    for (const value of gradient.dataSync()) expect(Number.isFinite(value)).toBe(true);
    quantizer.dispose();
  });
});
