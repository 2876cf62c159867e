import { expectGradientsMatchFiniteDifferences } from '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, randomKey, randomNormal, randomUniform } from '@vitvq/core';
import {
  BinarySphericalQuantizer,
  EMAQuantizer,
  FiniteScalarQuantizer,
  GroupedQuantizer,
  GumbelQuantizer,
  likeCodes,
  ResidualQuantizer,
  VectorQuantizer,
  type VectorQuantizerOptions,
} from '../src/index.js';
import { describe, expect, it } from 'vitest';

/** A quantizer whose codes are the numbers 0, 1, 2, ... times a unit. */
function ruler(unit: number, options: Partial<VectorQuantizerOptions> = {}): VectorQuantizer {
  const quantizer = new VectorQuantizer({
    codebookSize: 10,
    codeDim: 1,
    key: randomKey(1),
    normalize: false,
    ...options,
  });
  quantizer.codebook.weights.assign(tf.mul(tf.reshape(tf.range(0, 10), [10, 1]), unit));
  return quantizer;
}

const z = (): tf.Tensor3D => tf.tensor3d([3.2, 0.41, 7.1, 0.02], [1, 2, 2]);
const normal = (shape: [number, number, number], seed: number): tf.Tensor3D =>
  tf.tensor3d(randomNormal(randomKey(seed), shape[0] * shape[1] * shape[2]), shape);

describe('GroupedQuantizer', () => {
  it('quantizes each group of channels by its own codes', () => {
    const quantizer = new GroupedQuantizer({ quantizers: [ruler(1), ruler(0.1)] });
    expect(quantizer).toMatchObject({ codebookSize: 10, codeDim: 2, codeDepth: 2, gradient: 'straight-through' });
    const { quantized, indices, loss } = quantizer.quantize(z());
    expect(indices.arraySync()).toEqual([
      [
        [3, 4],
        [7, 0],
      ],
    ]);
    expect(quantized).toBeAllClose([
      [
        [3, 0.4],
        [7, 0],
      ],
    ]);
    // beta 0.25: 1.25 x the mean squares of what is left over, averaged over both groups.
    const squares = (0.2 ** 2 + 0.1 ** 2) / 2 + (0.01 ** 2 + 0.02 ** 2) / 2;
    expect(loss.dataSync()[0]).toBeCloseTo((1.25 * squares) / 2, 6);
    expect(quantizer.decode(indices)).toBeAllClose(quantized);
    expect([...quantizer.namedVariables().keys()]).toEqual(['quantizers.0.codebook', 'quantizers.1.codebook']);
    quantizer.dispose();
  });

  it('takes the groups of a token as tokens where they share a codebook', () => {
    const one = (): EMAQuantizer =>
      new EMAQuantizer({ codebookSize: 5, codeDim: 2, key: randomKey(1), trackUsage: true, decay: 0.5 });
    const [alone, shared] = [one(), one()];
    const quantizer = new GroupedQuantizer({ quantizer: shared, groups: 3 });
    const x = normal([2, 4, 6], 3);
    const found = quantizer.quantize(x, { training: true });
    const expected = alone.quantize(tf.reshape(x, [2, 12, 2]), { training: true });
    expect(tf.reshape(found.indices, [2, 12])).toBeAllClose(expected.indices, { rtol: 0, atol: 0 });
    expect(tf.reshape(found.quantized, [2, 12, 2])).toBeAllClose(expected.quantized, { rtol: 0, atol: 0 });
    expect(found.loss).toBeAllClose(expected.loss, { rtol: 0, atol: 0 });
    for (const [name, variable] of alone.namedVariables()) {
      expect(quantizer.namedVariables().get(`quantizer.${name}`)!).toBeAllClose(variable, { rtol: 0, atol: 0 });
    }
    expect(tf.sum(shared.codebook.usage!)).toBeAllClose(24);
    alone.dispose();
    quantizer.dispose();
  });

  it.each(['separate', 'shared'] as const)('has the gradients of finite differences (%s codebooks)', (codebooks) => {
    const one = (seed: number): GumbelQuantizer =>
      new GumbelQuantizer({ codebookSize: 4, codeDim: 2, key: randomKey(seed), normalize: false });
    const quantizer = new GroupedQuantizer(
      codebooks === 'shared' ? { quantizer: one(1), groups: 2 } : { quantizers: [one(1), one(2)] },
    );
    const shape = quantizer.noiseShape!(1, 3);
    expect(shape).toEqual(codebooks === 'shared' ? [1, 6, 4] : [24]);
    const noise = tf.tensor(randomUniform(randomKey(4), 24), [...shape]);
    expectGradientsMatchFiniteDifferences(
      (x) => {
        const { quantized, loss } = quantizer.quantize(x as tf.Tensor3D, { training: true, noise });
        return [quantized, loss];
      },
      [normal([1, 3, 4], 3)],
      { variables: quantizer.namedTrainableVariables() },
    );
    quantizer.dispose();
  });

  it('gives each group its own noise, and groups that draw nothing none', () => {
    const gumbel = (): GumbelQuantizer => new GumbelQuantizer({ codebookSize: 10, codeDim: 2, key: randomKey(1) });
    const [alone, inside] = [gumbel(), gumbel()];
    const quantizer = new GroupedQuantizer({ quantizers: [ruler(1), inside] });
    expect(quantizer).toMatchObject({ gradient: 'own', temperature: 1 });
    const noise = tf.tensor1d(randomUniform(randomKey(5), 30));
    const x = normal([1, 3, 3], 6);
    const { quantized } = quantizer.quantize(x, { training: true, noise, temperature: 0.7 });
    const expected = alone.quantize(tf.slice(x, [0, 0, 1], [1, 3, 2]), {
      training: true,
      noise: tf.reshape(noise, [1, 3, 10]),
      temperature: 0.7,
    });
    expect(tf.slice(quantized, [0, 0, 1], [1, 3, 2])).toBeAllClose(expected.quantized, { rtol: 0, atol: 0 });
    expect(() => quantizer.quantize(x, { training: true, noise: tf.zeros([1, 3, 10]) })).toThrow(
      'GroupedQuantizer.quantize, noise: expected shape [30], got [1, 3, 10].',
    );
    alone.dispose();
    quantizer.dispose();
  });

  it('starts and resets the codes of each group as its channels of features', () => {
    const quantizer = new GroupedQuantizer({
      quantizers: [1, 2].map(() => ruler(1, { codebookSize: 10, trackUsage: true })),
    });
    const { tables, initialize, reset } = quantizer.codebook!;
    expect([tables.length, typeof initialize, typeof reset]).toEqual([2, 'function', 'function']);
    const x = tf.tensor3d([1, 100, 2, 200], [1, 2, 2]);
    quantizer.codebook!.initialize(x, tf.fill([20], 0.5));
    const codes = (group: number): number[] => [...tables[group]!.rows().dataSync()];
    expect(codes(0)).toEqual([1, 1, 1, 1, 1, 2, 2, 2, 2, 2]);
    expect(codes(1)).toEqual([1, 1, 1, 1, 1, 2, 2, 2, 2, 2].map((code) => 100 * code));
    quantizer.quantize(x, { training: true });
    // Of equal codes the first one is chosen.
    expect(quantizer.codebook!.reset!(tf.neg(x), tf.fill([20], 0.9))).toBeAllClose(16);
    expect(codes(1)).toEqual([100, -100, -100, -100, -100, 200, -200, -200, -200, -200]);
    expect(() => quantizer.codebook!.initialize(x, tf.zeros([10]))).toThrow(
      'GroupedQuantizer.codebook.initialize: expected shape [20], got [10]. Pass one random number a code of every table.',
    );
    expect(() => quantizer.codebook!.initialize(tf.zeros([2, 3]), tf.zeros([20]))).toThrow(
      'GroupedQuantizer.codebook.initialize: expected z [..., 2] (codeDim), got [2, 3].',
    );
    quantizer.dispose();
  });

  it('has a codebook where all groups learn codes', () => {
    const scalars = (): FiniteScalarQuantizer => new FiniteScalarQuantizer({ levels: [5, 3] });
    expect(new GroupedQuantizer({ quantizers: [scalars(), scalars()] }).codebook).toBeUndefined();
    expect(new GroupedQuantizer({ quantizer: scalars(), groups: 3 }).codebook).toBeUndefined();
  });

  it('refuses quantizers that do not fit together', () => {
    const one = (): GroupedQuantizer => new GroupedQuantizer({ quantizers: [ruler(1)] });
    expect(one).toThrow(ConfigError);
    expect(one).toThrow(
      'GroupedQuantizer: expected at least two quantizers, got 1. Use the quantizer itself for one group.',
    );
    const same = ruler(1);
    expect(() => new GroupedQuantizer({ quantizers: [same, same] })).toThrow(
      'GroupedQuantizer: expected another quantizer for every group, got the same one for several. ' +
        'A GroupedQuantizer takes { quantizer, groups } for one codebook.',
    );
    const bits = new BinarySphericalQuantizer({ codeDim: 3 });
    expect(() => new GroupedQuantizer({ quantizers: [same, bits] })).toThrow(
      'GroupedQuantizer: expected 10 codes in every group, got 8 codes in group 1.',
    );
    expect(() => new GroupedQuantizer({ quantizer: same, groups: 1 })).toThrow(
      'GroupedQuantizer: expected groups to be an integer of at least 2, got 1.',
    );
    const residual = new ResidualQuantizer({ quantizer: same, codeDepth: 2 });
    expect(() => new GroupedQuantizer({ quantizer: residual, groups: 2 })).toThrow(
      'GroupedQuantizer: expected one code a token of every group, got 2.',
    );
    expect(() => new GroupedQuantizer({ quantizers: [ruler(1), residual] })).toThrow('got 2 of group 1.');
    residual.dispose();
  });
});

describe('likeCodes', () => {
  const x = (): tf.Tensor3D => tf.tensor3d([3, 4, 0, -2], [1, 1, 4]);

  it('gives features the length of codes, group by group', () => {
    const vectors = (normalize: boolean): VectorQuantizer =>
      new VectorQuantizer({ codebookSize: 4, codeDim: 2, key: randomKey(1), normalize });
    const grouped = new GroupedQuantizer({ quantizers: [vectors(true), vectors(false)] });
    expect(likeCodes(grouped, x())).toBeAllClose([[[0.6, 0.8, 0, -2]]]);
    const shared = new GroupedQuantizer({ quantizer: vectors(true), groups: 2 });
    expect(likeCodes(shared, x())).toBeAllClose([[[0.6, 0.8, 0, -1]]]);
    grouped.dispose();
    shared.dispose();
  });

  it('puts features on the sphere of bits, also of residual ones, and into the range of scalars', () => {
    const bits = new BinarySphericalQuantizer({ codeDim: 4 });
    const unit = [[[3, 4, 0, -2].map((value) => value / Math.sqrt(29))]];
    expect(likeCodes(bits, x())).toBeAllClose(unit);
    expect(likeCodes(new ResidualQuantizer({ quantizer: bits, codeDepth: 2 }), x())).toBeAllClose(unit);
    const scalars = new FiniteScalarQuantizer({ levels: [5, 5, 5, 5] });
    expect(likeCodes(scalars, x())).toBeAllClose([[[3, 4, 0, -2].map((value) => Math.tanh(value))]], {
      rtol: 2e-3,
      atol: 0,
    });
  });
});
