import { expectGradientsMatchFiniteDifferences } from '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, randomKey, randomNormal, randomUniform } from '@vitvq/core';
import {
  GumbelQuantizer,
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
    expect(tf.sum(shared.quantizers[0]!.codebook!.usage!)).toBeAllClose(15);
    const table = residualQuantizerReferenceWeights(vectorQuantizerReferenceWeights());
    expect(table.map(({ name, referenceName }) => [name, referenceName])).toEqual([
      ['quantizer.codebook', 'embedding.weight'],
    ]);
    shared.dispose();
    const separate = decimal();
    expect([...separate.namedVariables().keys()]).toEqual(['quantizers.0.codebook', 'quantizers.1.codebook']);
    separate.dispose();
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
