import { expectGradientsMatchFiniteDifferences } from '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, randomKey, randomNormal, randomUniform } from '@vitvq/core';
import {
  createQuantizer,
  FiniteScalarQuantizer,
  GroupedQuantizer,
  GumbelQuantizer,
  LookupFreeQuantizer,
  ProductQuantizer,
  VectorQuantizer,
} from '../src/index.js';
import { describe, expect, it } from 'vitest';

/** A quantizer of one channel whose codes are the numbers from 0. */
function ruler(codebookSize: number): VectorQuantizer {
  const quantizer = new VectorQuantizer({ codebookSize, codeDim: 1, key: randomKey(1), normalize: false });
  quantizer.codebook.weights.assign(tf.reshape(tf.range(0, codebookSize), [codebookSize, 1]));
  return quantizer;
}

describe('ProductQuantizer', () => {
  it('makes one index of the indices of its groups, the first one counting least', () => {
    const quantizer = new ProductQuantizer({ quantizers: [ruler(4), ruler(3), ruler(5)] });
    expect(quantizer).toMatchObject({ codebookSize: 60, codeDim: 3, codeDepth: 1, gradient: 'straight-through' });
    const { quantized, indices, loss } = quantizer.quantize(tf.tensor3d([3.1, 1.9, 0.2, 0, 0.9, 4], [1, 2, 3]));
    expect(indices.dtype).toBe('int32');
    expect(indices.arraySync()).toEqual([[3 + 4 * 2, 4 * 1 + 12 * 4]]);
    expect(quantized).toBeAllClose([
      [
        [3, 2, 0],
        [0, 1, 4],
      ],
    ]);
    expect(quantizer.decode(indices)).toBeAllClose(quantized, { rtol: 0, atol: 0 });
    // beta 0.25: 1.25 x the mean squares of what is left over, averaged over the groups.
    expect(loss.dataSync()[0]).toBeCloseTo((1.25 * (0.1 ** 2 + 0.1 ** 2 + 0.1 ** 2 + 0.2 ** 2)) / 2 / 3, 6);
    quantizer.dispose();
  });

  it('has the codes of a grouped quantizer in its digits', () => {
    const table = { kind: 'vector', codebookSize: 5, codeDim: 2 } as const;
    const product = createQuantizer({ kind: 'product', quantizers: [table, table] }, randomKey(2));
    const grouped = createQuantizer({ kind: 'grouped', groups: 2, quantizer: table }, randomKey(2));
    const z = tf.tensor3d(randomNormal(randomKey(3), 48), [2, 6, 4]);
    const [one, several] = [product.quantize(z), grouped.quantize(z)];
    const digits = several.indices.arraySync().map((row) => row.map(([low, high]) => low! + 5 * high!));
    expect(one.indices.arraySync()).toEqual(digits);
    expect(one.quantized).toBeAllClose(several.quantized, { rtol: 0, atol: 0 });
    expect(one.loss).toBeAllClose(several.loss, { rtol: 0, atol: 0 });
    product.dispose();
    grouped.dispose();
  });

  it('has the gradients of finite differences', () => {
    const gumbel = (seed: number, codebookSize: number): GumbelQuantizer =>
      new GumbelQuantizer({ codebookSize, codeDim: 2, key: randomKey(seed), normalize: false });
    const quantizer = new ProductQuantizer({ quantizers: [gumbel(1, 3), gumbel(2, 4)] });
    expect(quantizer.noiseShape!(1, 3)).toEqual([21]);
    const noise = tf.tensor1d(randomUniform(randomKey(4), 21));
    expectGradientsMatchFiniteDifferences(
      (x) => {
        const { quantized, loss } = quantizer.quantize(x as tf.Tensor3D, { training: true, noise });
        return [quantized, loss];
      },
      [tf.tensor3d(randomNormal(randomKey(5), 12), [1, 3, 4])],
      { variables: quantizer.namedTrainableVariables() },
    );
    quantizer.dispose();
  });

  it('refuses more codes than float32 can count, a single quantizer and codes of several', () => {
    const bits = (codeDim: number): LookupFreeQuantizer => new LookupFreeQuantizer({ codeDim });
    expect(new ProductQuantizer({ quantizers: [bits(12), bits(12)] }).codebookSize).toBe(2 ** 24);
    const large = (): unknown => new ProductQuantizer({ quantizers: [bits(12), bits(13)] });
    expect(large).toThrow(ConfigError);
    expect(large).toThrow('ProductQuantizer: expected between 2 and 2^24 codes, got 33554432.');
    expect(() => new ProductQuantizer({ quantizers: [bits(3)] })).toThrow(
      'ProductQuantizer: expected at least two quantizers, got 1. Use the quantizer itself for one group.',
    );
    const several = new GroupedQuantizer({ quantizer: bits(3), groups: 2 });
    expect(() => new ProductQuantizer({ quantizers: [bits(3), several] })).toThrow(
      'ProductQuantizer: expected one code a token of every group, got 2 of group 1.',
    );
    const scalars = new FiniteScalarQuantizer({ levels: [3, 3] });
    expect(new ProductQuantizer({ quantizers: [scalars, bits(2)] }).codebook).toBeUndefined();
  });
});
