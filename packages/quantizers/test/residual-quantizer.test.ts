import { expectGradientsMatchFiniteDifferences } from '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, randomKey, randomNormal, randomUniform } from '@vitvq/core';
import {
  FiniteScalarQuantizer,
  GumbelQuantizer,
  LookupFreeQuantizer,
  ResidualQuantizer,
  residualQuantizerReferenceWeights,
  VectorQuantizer,
  vectorQuantizerReferenceWeights,
  type VectorQuantizerOptions,
} from '../src/index.js';
import { describe, expect, it } from 'vitest';

function vectors(options: Partial<VectorQuantizerOptions> = {}): VectorQuantizer {
  return new VectorQuantizer({ codebookSize: 4, codeDim: 2, key: randomKey(1), normalize: false, ...options });
}

function normal(shape: [number, number, number], seed: number): tf.Tensor3D {
  return tf.tensor3d(randomNormal(randomKey(seed), shape[0] * shape[1] * shape[2]), shape);
}

/** Units, then tenths. */
function decimal(): ResidualQuantizer {
  const quantizers = [1, 0.1].map((unit) => {
    const quantizer = vectors({ codebookSize: 10, codeDim: 1 });
    quantizer.codebook.weights.assign(tf.mul(tf.reshape(tf.range(0, 10), [10, 1]), unit));
    return quantizer;
  });
  return new ResidualQuantizer({ quantizers });
}

describe('ResidualQuantizer', () => {
  it('quantizes what earlier levels left over', () => {
    const quantizer = decimal();
    const z = tf.tensor3d([3.24, 7.02, 0.31], [1, 3, 1]);
    const { quantized, indices, loss } = quantizer.quantize(z);
    expect(indices.arraySync()).toEqual([
      [
        [3, 2],
        [7, 0],
        [0, 3],
      ],
    ]);
    expect(quantized).toBeAllClose([[[3.2], [7], [0.3]]]);
    // beta 0.25: 1.25 x mean squares of what is left over after each level, averaged over both.
    const left = [0.24 ** 2 + 0.02 ** 2 + 0.31 ** 2, 0.04 ** 2 + 0.02 ** 2 + 0.01 ** 2];
    expect(loss.dataSync()[0]).toBeCloseTo((1.25 * (left[0]! / 3 + left[1]! / 3)) / 2, 6);
    expect(quantizer.decode(indices)).toBeAllClose(quantized);
    quantizer.dispose();
  });

  it('lets the commitment of every level reach the features', () => {
    const quantizer = decimal();
    const z = tf.tensor3d([3.24], [1, 1, 1]);
    const gradient = tf.grad((x: tf.Tensor) => quantizer.quantize(x as tf.Tensor3D).loss)(z);
    // 0.25 (z - 3)² and 0.25 (z - 3.2)², averaged.
    expect(gradient.dataSync()[0]).toBeCloseTo((0.25 * 2 * (0.24 + 0.04)) / 2, 5);
    quantizer.dispose();
  });

  it('moves each level towards what it quantizes, and by its own term only', () => {
    const quantizer = decimal();
    const z = tf.tensor3d([3.24], [1, 1, 1]);
    const [units, tenths] = quantizer.quantizers.map((level) => (level as VectorQuantizer).codebook.weights);
    const { grads } = tf.engine().gradients(() => quantizer.quantize(z).loss, [units!, tenths!]);
    expect(grads[0]!.dataSync()[3]).toBeCloseTo((2 * (3 - 3.24)) / 2, 5);
    expect(grads[1]!.dataSync()[2]).toBeCloseTo((2 * (0.2 - 0.24)) / 2, 5);
    quantizer.dispose();
  });

  it('has the gradients of the reference if asked for: none of the loss for z, those of later levels for earlier codes', () => {
    const quantizers = decimal().quantizers;
    const quantizer = new ResidualQuantizer({ quantizers, referenceGradients: true });
    const z = tf.tensor3d([3.24], [1, 1, 1]);
    const units = (quantizers[0] as VectorQuantizer).codebook.weights;
    const { grads } = tf.engine().gradients(() => quantizer.quantize(z).loss, [z, units], undefined, true);
    expect(grads[0]).toBeUndefined();
    // The commitment of the second level, 0.25 (z - c - 0.2)², pulls the code c of the first as
    // well.
    expect(grads[1]!.dataSync()[3]).toBeCloseTo((2 * (3 - 3.24) - 0.25 * 2 * 0.04) / 2, 5);
    quantizer.dispose();
  });

  it.each([true, false])('comes nearer with each level, shared codebook: %s', (shared) => {
    const z = normal([4, 16, 2], 9);
    const error = (codeDepth: number): number => {
      const level = (seed: number): VectorQuantizer => {
        const quantizer = vectors({ codebookSize: 32, key: randomKey(seed) });
        // A zero among the codes, so that no level can make it worse.
        const isCode = tf.cast(tf.greater(tf.range(0, 32), 0), 'float32');
        quantizer.codebook.weights.assign(tf.mul(quantizer.codebook.weights, tf.reshape(isCode, [32, 1])));
        return quantizer;
      };
      const quantizer = shared
        ? new ResidualQuantizer({ quantizer: level(1), codeDepth })
        : new ResidualQuantizer({ quantizers: Array.from({ length: codeDepth }, (_, index) => level(index)) });
      const value = tf.mean(tf.squaredDifference(quantizer.quantize(z).quantized, z)).dataSync()[0]!;
      quantizer.dispose();
      return value;
    };
    expect(error(3)).toBeLessThan(error(2));
    expect(error(4)).toBeLessThan(error(3));
  });

  it('differentiates through levels with a gradient of their own', () => {
    const quantizer = new ResidualQuantizer({
      quantizer: new GumbelQuantizer({ codebookSize: 4, codeDim: 2, key: randomKey(1) }),
      codeDepth: 2,
    });
    const noise = tf.tensor4d(randomUniform(randomKey(2), 48), [2, 2, 3, 4]);
    expect(quantizer.noiseShape!(2, 3)).toEqual(noise.shape);
    expectGradientsMatchFiniteDifferences(
      (z) => {
        const { quantized, loss } = quantizer.quantize(z as tf.Tensor3D, { training: true, noise, temperature: 0.9 });
        return [quantized, loss];
      },
      [normal([2, 3, 2], 5)],
      { variables: quantizer.namedVariables(), rtol: 2e-3 },
    );
    quantizer.dispose();
  });

  it('turns the gradient from the features onto the sum where its levels do', () => {
    const quantizers = [1, 2].map((seed) => vectors({ key: randomKey(seed), gradient: 'rotation' }));
    const quantizer = new ResidualQuantizer({ quantizers });
    const z = tf.tensor3d([1, 0], [1, 1, 2]);
    const code = [...quantizer.quantize(z).quantized.dataSync()] as [number, number];
    // In the plane the rotation that takes (1, 0) onto the code, scaled, is the complex product
    // with the code.
    const gradient = tf.grad((x: tf.Tensor) => tf.sum(tf.mul(quantizer.quantize(x as tf.Tensor3D).quantized, [2, 3])))(
      z,
    );
    expect(gradient).toBeAllClose([[[2 * code[0] + 3 * code[1], 3 * code[0] - 2 * code[1]]]]);
    quantizer.dispose();
  });

  it('names its variables, counts usage of all levels and frees a shared quantizer once', () => {
    const shared = new ResidualQuantizer({ quantizer: vectors({ trackUsage: true }), codeDepth: 3 });
    expect([...shared.namedVariables().keys()]).toEqual(['quantizer.codebook', 'quantizer.usage']);
    shared.quantize(normal([1, 5, 2], 3), { training: true });
    expect(tf.sum(shared.codebook!.tables[0]!.usage!)).toBeAllClose(15);
    const table = residualQuantizerReferenceWeights(vectorQuantizerReferenceWeights());
    expect(table.map(({ name, referenceName }) => [name, referenceName])).toEqual([
      ['quantizer.codebook', 'embedding.weight'],
    ]);
    shared.dispose();
    const separate = decimal();
    expect([...separate.namedVariables().keys()]).toEqual(['quantizers.0.codebook', 'quantizers.1.codebook']);
    separate.dispose();
  });

  it.each([[[5, 5, 5]], [[8, 4, 3]]])('refines finite scalars at every level: %j', (levels) => {
    const quantizer = new FiniteScalarQuantizer({ levels });
    const z = normal([4, 64, 3], 4);
    const bounded = quantizer.refinement.bound(z);
    for (let codeDepth = 2; codeDepth <= 5; codeDepth++) {
      const residual = new ResidualQuantizer({ quantizer, codeDepth });
      const { quantized, indices } = residual.quantize(z);
      expect(residual.decode(indices)).toBeAllClose(quantized, { rtol: 0, atol: 1e-6 });
      levels.forEach((values, channel) => {
        const ofChannel = (x: tf.Tensor): tf.Tensor => tf.slice(x, [0, 0, channel], [-1, -1, 1]);
        const error = tf.max(tf.abs(tf.sub(ofChannel(quantized), ofChannel(bounded)))).dataSync()[0]!;
        // Half a step of the rounding, divided once a level by the values that lie evenly about 0.
        const even = values % 2 === 0 ? values - 1 : values;
        expect(error).toBeLessThan(0.5 / Math.floor(values / 2) / even ** (codeDepth - 1) + 1e-6);
      });
    }
  });

  it('refines bits at every level, and counts the loss of a level by the square of its scale', () => {
    const quantizer = new LookupFreeQuantizer({ codeDim: 2, entropyWeight: 0, commitmentWeight: 1 });
    const z = tf.tensor3d(randomUniform(randomKey(4), 80, -2, 2), [2, 20, 2]);
    for (let codeDepth = 2; codeDepth <= 5; codeDepth++) {
      const residual = new ResidualQuantizer({ quantizer, codeDepth });
      const { quantized, indices } = residual.quantize(z);
      expect(residual.decode(indices)).toBeAllClose(quantized, { rtol: 0, atol: 1e-6 });
      const error = tf.max(tf.abs(tf.sub(quantized, z))).dataSync()[0]!;
      expect(error).toBeLessThanOrEqual(2 ** (1 - codeDepth) + 1e-6);
    }
    const two = new ResidualQuantizer({ quantizer, codeDepth: 2 });
    const { quantized, indices, loss } = two.quantize(tf.tensor3d([0.7, -1.6], [1, 1, 2]));
    expect(quantized).toBeAllClose([[[0.5, -1.5]]]);
    expect(indices.arraySync()).toEqual([[[1, 0]]]);
    // Left over are -0.3 and -0.6, then 0.2 and -0.1.
    expect(loss.dataSync()[0]).toBeCloseTo(((0.09 + 0.36) / 2 + (0.04 + 0.01) / 2) / 2, 6);
  });

  it('passes the gradient of the bound of finite scalars once, whatever the number of levels', () => {
    const quantizer = new FiniteScalarQuantizer({ levels: [5, 4] });
    const residual = new ResidualQuantizer({ quantizer, codeDepth: 3 });
    const gradient = (fn: (x: tf.Tensor3D) => tf.Tensor): tf.Tensor =>
      tf.grad((x: tf.Tensor) => tf.sum(fn(x as tf.Tensor3D)))(normal([2, 3, 2], 5));
    expect(gradient((z) => residual.quantize(z).quantized)).toBeAllClose(
      gradient((z) => quantizer.refinement.bound(z)),
    );
  });

  it.each([true, false])('starts its codes from data, every level nearer to it, shared codebook: %s', (shared) => {
    const z = tf.mul<tf.Tensor3D>(normal([8, 64, 2], 9), 0.1);
    const level = (seed: number): VectorQuantizer => vectors({ codebookSize: 32, key: randomKey(seed) });
    const quantizer = shared
      ? new ResidualQuantizer({ quantizer: level(1), codeDepth: 3 })
      : new ResidualQuantizer({ quantizers: [1, 2, 3].map(level) });
    /** Mean squared distance of the features from the sums of the first codes of each. */
    const errors = (): number[] => {
      const chosen = tf.unstack(quantizer.quantize(z).indices, 2) as tf.Tensor2D[];
      return chosen.map((_, last) => {
        const codes = chosen.slice(0, last + 1).map((indices, at) => quantizer.quantizers[at]!.decode(indices));
        return tf.mean(tf.squaredDifference(tf.addN(codes), z)).dataSync()[0]!;
      });
    };
    const random = errors();
    const { codebook } = quantizer;
    expect(codebook!.tables).toHaveLength(shared ? 1 : 3);
    const uniform = tf.tensor1d(randomUniform(randomKey(3), (shared ? 1 : 3) * 32));
    for (const kMeansIterations of [0, 3]) {
      codebook!.initialize(z, uniform, { kMeansIterations });
      const started = errors();
      expect(started[0]).toBeLessThan(0.3 * random[0]!);
      expect(started[1]).toBeLessThan(0.6 * started[0]!);
      expect(started[2]).toBeLessThan(0.8 * started[1]!);
    }
    quantizer.dispose();
  });

  it('resets what no level chose to what each level quantizes', () => {
    const units = vectors({ codebookSize: 3, codeDim: 1, trackUsage: true });
    const tenths = vectors({ codebookSize: 3, codeDim: 1, trackUsage: true });
    units.codebook.weights.assign(tf.tensor2d([0, 1, 50], [3, 1]));
    tenths.codebook.weights.assign(tf.tensor2d([0, 0.1, 70], [3, 1]));
    const quantizer = new ResidualQuantizer({ quantizers: [units, tenths] });
    const z = tf.tensor3d([0.1, 1, 2.7], [1, 3, 1]);
    quantizer.quantize(tf.tensor3d([0, 0.1, 1, 1.1], [1, 4, 1]), { training: true });
    const dead = quantizer.codebook!.reset!(z, tf.fill([6], 0.5));
    expect(dead).toBeAllClose(2);
    // The third code of each: the third feature, and what is left of it once it is a code itself.
    expect(units.codebook.weights).toBeAllClose([[0], [1], [2.7]]);
    expect(tenths.codebook.weights).toBeAllClose([[0], [0.1], [0]]);
    quantizer.dispose();
  });

  it('has a codebook where all of its levels have one, and a reset where all count', () => {
    const scalars = new FiniteScalarQuantizer({ levels: [3, 3] });
    expect(new ResidualQuantizer({ quantizer: scalars, codeDepth: 2 }).codebook).toBeUndefined();
    const half = new ResidualQuantizer({ quantizers: [vectors({ trackUsage: true }), vectors()] });
    expect(half.codebook!.tables).toHaveLength(2);
    expect(half.codebook!.reset).toBeUndefined();
    expect(() => half.codebook!.initialize(tf.zeros([4, 2]), tf.zeros([4]))).toThrow(
      'ResidualQuantizer.codebook.initialize: expected shape [8], got [4]. Pass one random number a code of every table.',
    );
    expect(() => half.codebook!.initialize(tf.zeros([4, 3]), tf.zeros([8]))).toThrow(
      'ResidualQuantizer.codebook.initialize: expected z [..., 2] (codeDim), got [4, 3].',
    );
    half.dispose();
  });

  it('refuses quantizers that do not fit together, and wrong noise', () => {
    expect(() => new ResidualQuantizer({ quantizer: vectors(), codeDepth: 1 })).toThrow(
      'ResidualQuantizer: expected codeDepth to be an integer of at least 2, got 1.',
    );
    const one = (): ResidualQuantizer => new ResidualQuantizer({ quantizers: [vectors()] });
    expect(one).toThrow(ConfigError);
    expect(one).toThrow(
      'ResidualQuantizer: expected at least two quantizers, got 1. Use the quantizer itself for one code a token.',
    );
    const same = vectors();
    expect(() => new ResidualQuantizer({ quantizers: [same, same] })).toThrow(
      'ResidualQuantizer: expected another quantizer for every step, got the same one for several. ' +
        'Pass { quantizer, codeDepth } for one codebook.',
    );
    expect(() => new ResidualQuantizer({ quantizers: [vectors(), vectors({ codebookSize: 5 })] })).toThrow(
      "ResidualQuantizer: expected every step to have codebookSize 4, codeDim 2, codeDepth 1, gradient 'straight-through', " +
        "got codebookSize 5, codeDim 2, codeDepth 1, gradient 'straight-through' at step 1.",
    );
    const scalars = [
      [3, 5],
      [5, 3],
    ].map((levels) => new FiniteScalarQuantizer({ levels }));
    expect(() => new ResidualQuantizer({ quantizers: scalars })).toThrow(
      "gradient 'own', scale [0.2, 0.3333333333333333] at step 1.",
    );
    const nested = new ResidualQuantizer({ quantizer: vectors(), codeDepth: 2 });
    expect(() => new ResidualQuantizer({ quantizer: nested, codeDepth: 2 })).toThrow('codeDepth 2');
    const gumbel = new GumbelQuantizer({ codebookSize: 4, codeDim: 2, key: randomKey(1) });
    const drawing = new ResidualQuantizer({ quantizer: gumbel, codeDepth: 2 });
    expect(() => drawing.quantize(tf.zeros([1, 3, 2]), { noise: tf.zeros([2, 1, 3, 5]) })).toThrow(
      'ResidualQuantizer.quantize, noise: expected shape [2, 1, 3, 4], got [2, 1, 3, 5].',
    );
    expect(() => nested.quantize(tf.zeros([1, 3, 5]))).toThrow('ResidualQuantizer.quantize: expected shape [B, N, 2]');
    nested.dispose();
    drawing.dispose();
  });
});
