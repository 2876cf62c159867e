import { expectGradientsMatchFiniteDifferences } from '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, randomKey, randomNormal, randomUniform, ShapeError } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { diversityTerms, orthogonalityTerm } from '../src/internal/code-regularizers.js';
import { EMAQuantizer, VectorQuantizer, type VectorQuantizerOptions } from '../src/index.js';

const z = (seed = 1): tf.Tensor3D => tf.tensor3d(randomNormal(randomKey(seed), 24), [2, 4, 3]);
const noise = (seed = 2): tf.Tensor3D => tf.tensor3d(randomUniform(randomKey(seed), 40), [2, 4, 5]);

type Kind = typeof VectorQuantizer | typeof EMAQuantizer;
const kinds: [string, Kind][] = [
  ['VectorQuantizer', VectorQuantizer],
  ['EMAQuantizer', EMAQuantizer],
];

type Options = Partial<VectorQuantizerOptions>;

function create(Type: Kind, options: Options = {}): VectorQuantizer | EMAQuantizer {
  return new Type({ codebookSize: 5, codeDim: 3, key: randomKey(3), ...options });
}

/** Returns how much larger the loss is with `options` than with `others`. */
function difference(Type: Kind, options: Options, others: Options): number {
  const [first, second] = [create(Type, options), create(Type, others)];
  const added = tf.sub(first.quantize(z()).loss, second.quantize(z()).loss).dataSync()[0]!;
  first.dispose();
  second.dispose();
  return added;
}

/** The diversity term by its definition, in double precision. */
function diversity(rows: number[][], codes: number[][], temperature: number): number {
  const distributions = rows.map((row) => {
    const weights = codes.map((code) =>
      Math.exp(-code.reduce((sum, value, channel) => sum + (row[channel]! - value) ** 2, 0) / temperature),
    );
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.map((weight) => weight / total);
  });
  const mean = codes.map((_, code) => distributions.reduce((sum, q) => sum + q[code]! / rows.length, 0));
  return mean.reduce((sum, p) => sum + p * Math.log(p), Math.log(codes.length));
}

/** The orthogonality term by its definition, in double precision. */
function orthogonality(codes: number[][]): number {
  const dot = (a: number[], b: number[]): number => a.reduce((sum, value, channel) => sum + value * b[channel]!, 0);
  const cosines = codes.flatMap((a) => codes.map((b) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))));
  return cosines.reduce((sum, cosine) => sum + cosine ** 2, 0) / codes.length ** 2 - 1 / codes.length;
}

describe.each(kinds)('the diversity term of a %s', (name, Type) => {
  it.each([true, false])('is the divergence of the mean distribution from an even one (normalize: %s)', (normalize) => {
    const quantizer = create(Type, { normalize });
    const unit = (x: tf.Tensor): tf.Tensor => (normalize ? tf.div(x, tf.norm(x, 2, -1, true)) : x);
    const rows = unit(tf.reshape(z(), [8, 3])).arraySync() as number[][];
    const expected = 2 * diversity(rows, quantizer.codebook.rows().arraySync(), 0.5);
    expect(expected).toBeGreaterThan(0.1);
    const added = difference(Type, { normalize, diversityWeight: 2, diversityTemperature: 0.5 }, { normalize });
    expect(added).toBeCloseTo(expected, 5);
    quantizer.dispose();
  });

  it('has the gradients of finite differences', () => {
    const quantizer = create(Type, { normalize: false });
    expectGradientsMatchFiniteDifferences(
      (x) => diversityTerms(quantizer.codebook, x as tf.Tensor2D, { diversityWeight: 1, diversityTemperature: 1 }),
      [tf.reshape(z(), [8, 3])],
      { variables: quantizer.namedTrainableVariables() },
    );
    quantizer.dispose();
  });

  it('is refused without a weight, and out of range', () => {
    const refused = (): unknown => create(Type, { diversityTemperature: 0.1 });
    expect(refused).toThrow(ConfigError);
    expect(refused).toThrow(
      `${name}: expected diversityTemperature with a diversityWeight above 0, got a weight of 0. ` +
        'Set diversityWeight, or leave diversityTemperature out.',
    );
    expect(() => create(Type, { diversityWeight: -1 })).toThrow(
      'expected diversityWeight to be a finite number at least 0, got -1.',
    );
    expect(() => create(Type, { diversityWeight: 1, diversityTemperature: 0 })).toThrow('diversityTemperature');
  });
});

describe('the orthogonality term', () => {
  it('is the mean squared cosine of pairs of codes, but for each with itself', () => {
    const quantizer = create(VectorQuantizer);
    const codes = quantizer.codebook.rows().arraySync();
    const expected = 3 * orthogonality(codes);
    expect(expected).toBeGreaterThan(0.1);
    expect(difference(VectorQuantizer, { orthogonalWeight: 3 }, {})).toBeCloseTo(expected, 5);
    expect(orthogonalityTerm(tf.tensor2d([3, 0, 0, 0, 0.1, 0], [2, 3]))).toBeAllClose(0);
    quantizer.dispose();
  });

  it('counts codes that are chosen alone where it is told to', () => {
    const quantizer = create(VectorQuantizer);
    const codes = quantizer.codebook.rows().arraySync();
    const chosen = [...new Set(quantizer.quantize(z()).indices.dataSync())];
    expect(chosen.length).toBeLessThan(5);
    const options = { orthogonalWeight: 1, orthogonalCodes: 'chosen' } as const;
    const expected = orthogonality(chosen.map((code) => codes[code]!));
    expect(difference(VectorQuantizer, options, {})).toBeCloseTo(expected, 5);
    quantizer.dispose();
  });

  it.each([undefined, [0, 2, 2, 3]])('has the gradients of finite differences (chosen: %o)', (indices) => {
    expectGradientsMatchFiniteDifferences(
      (codes) => orthogonalityTerm(codes as tf.Tensor2D, indices && tf.tensor1d(indices, 'int32')),
      [tf.tensor2d(randomNormal(randomKey(4), 15), [5, 3])],
    );
  });

  it('is refused without a weight, and out of range', () => {
    expect(() => create(VectorQuantizer, { orthogonalCodes: 'all' })).toThrow(
      'VectorQuantizer: expected orthogonalCodes with an orthogonalWeight above 0, got a weight of 0. ' +
        'Set orthogonalWeight, or leave orthogonalCodes out.',
    );
    expect(() => create(VectorQuantizer, { orthogonalWeight: -1 })).toThrow(
      'expected orthogonalWeight to be a finite number at least 0, got -1.',
    );
    const wrong = { orthogonalWeight: 1, orthogonalCodes: 'some' } as unknown as Options;
    expect(() => create(VectorQuantizer, wrong)).toThrow('orthogonalCodes');
  });
});

describe.each(kinds)('drawn codes of a %s', (name, Type) => {
  it('are as frequent as their probabilities', () => {
    const quantizer = new Type({
      codebookSize: 3,
      codeDim: 1,
      key: randomKey(1),
      normalize: false,
      trackUsage: true,
      sampleTemperature: 2,
    });
    quantizer.codebook.weights.assign(tf.tensor2d([0, 1, 3], [3, 1]));
    const count = 4000;
    const uniform = tf.tensor3d(randomUniform(randomKey(7), 3 * count), [1, count, 3]);
    quantizer.quantize(tf.fill([1, count, 1], 0.4), { training: true, noise: uniform });
    const weights = [0, 1, 3].map((code) => Math.exp(-((code - 0.4) ** 2) / 2));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const expected = weights.map((weight) => weight / total);
    // Standard deviations are below 0.008.
    expect(tf.div(quantizer.codebook.usage!, count)).toBeAllClose(expected, { rtol: 0, atol: 0.03 });
    quantizer.dispose();
  });

  it('are what is quantized, counted and decoded, and the nearest ones without noise or at a small temperature', () => {
    const [drawing, plain] = [create(Type, { sampleTemperature: 1 }), create(Type)];
    expect(drawing.noiseShape!(2, 4)).toEqual([2, 4, 5]);
    expect([drawing.temperature, plain.temperature, plain.noiseShape]).toEqual([1, undefined, undefined]);
    const nearest = plain.quantize(z()).indices.arraySync();
    expect(drawing.quantize(z()).indices.arraySync()).toEqual(nearest);
    const { quantized, indices } = drawing.quantize(z(), { noise: noise() });
    expect(indices.arraySync()).not.toEqual(nearest);
    expect(drawing.decode(indices)).toBeAllClose(quantized, { rtol: 0, atol: 0 });
    for (const temperature of [1e-4, tf.scalar(1e-4)]) {
      expect(drawing.quantize(z(), { noise: noise(), temperature }).indices.arraySync()).toEqual(nearest);
    }
    drawing.dispose();
    plain.dispose();
  });

  it('need noise in training, of the right shape, and a positive temperature', () => {
    const quantizer = create(Type, { sampleTemperature: 1 });
    expect(() => quantizer.quantize(z(), { training: true })).toThrow(
      `${name}.quantize: expected noise [B, N, K] in training, got none. ` +
        'Pass noise: uniform numbers in [0, 1) of the shape that noiseShape(batch, tokens) returns.',
    );
    expect(() => quantizer.quantize(z(), { noise: tf.zeros([2, 4, 4]) })).toThrow(ShapeError);
    expect(() => quantizer.quantize(z(), { noise: noise(), temperature: 0 })).toThrow('temperature');
    expect(() => create(Type, { sampleTemperature: 0 })).toThrow('sampleTemperature');
    quantizer.dispose();
  });
});
