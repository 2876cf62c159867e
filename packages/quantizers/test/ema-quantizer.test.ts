import { expectGradientsMatchFiniteDifferences } from '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { randomKey, randomNormal, randomUniform, ShapeError } from '@vitvq/core';
import { EMAQuantizer, type EMAQuantizerOptions } from '../src/index.js';
import { describe, expect, it } from 'vitest';

function create(options: Partial<EMAQuantizerOptions> = {}): EMAQuantizer {
  return new EMAQuantizer({ codebookSize: 3, codeDim: 1, normalize: false, key: randomKey(1), ...options });
}

/** Codes at 0, 10 and 100 of a line, each an average over one feature. */
function onLine(options: Partial<EMAQuantizerOptions> = {}): EMAQuantizer {
  const quantizer = create(options);
  quantizer.codebook.initialize(tf.tensor2d([0, 10, 100], [3, 1]), tf.zeros([3]));
  return quantizer;
}

/**
 * Cosine codebook of vector-quantize-pytorch in plain numbers: averages that start as the unit
 * codes, smoothed counts, codes brought back to length 1 after every step.
 */
class PeerCodebook {
  readonly #averages: number[][];
  #counts: number[];

  constructor(
    public codes: number[][],
    readonly decay: number,
  ) {
    this.#averages = codes.map((code) => [...code]);
    this.#counts = codes.map(() => 1);
  }

  /** Returns the mean squared distance of features from their codes, and moves the codes. */
  step(features: readonly number[][]): number {
    const { codes, decay } = this;
    const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, x, at) => sum + x * b[at]!, 0);
    const unit = (x: readonly number[], length = Math.sqrt(dot(x, x))): number[] => x.map((value) => value / length);
    const sums = codes.map((code) => code.map(() => 0));
    const chosen = codes.map(() => 0);
    let squares = 0;
    for (const feature of features.map((each) => unit(each))) {
      const closeness = codes.map((code) => dot(feature, code));
      const best = closeness.indexOf(Math.max(...closeness));
      chosen[best]!++;
      feature.forEach((value, channel) => {
        sums[best]![channel]! += value;
        squares += (value - codes[best]![channel]!) ** 2 / feature.length;
      });
    }
    const blend = (old: number, value: number): number => decay * old + (1 - decay) * value;
    this.#counts = this.#counts.map((count, code) => blend(count, chosen[code]!));
    const total = this.#counts.reduce((sum, count) => sum + count, 0);
    this.codes = this.#averages.map((average, code) => {
      average.forEach((value, channel) => (average[channel] = blend(value, sums[code]![channel]!)));
      const smoothed = ((this.#counts[code]! + 1e-5) / (total + codes.length * 1e-5)) * total;
      return unit(average.map((value) => value / smoothed));
    });
    return squares / features.length;
  }
}

describe('EMAQuantizer', () => {
  it('has the numbers of vector-quantize-pytorch at every step where it normalises', () => {
    const [codebookSize, codeDim, tokens] = [16, 32, 64];
    const quantizer = create({ codebookSize, codeDim, normalize: true, beta: 1, decay: 0.99 });
    const start = tf.tidy(() => quantizer.codebook.rows().arraySync());
    const peer = new PeerCodebook(start, 0.99);
    const centres = randomNormal(randomKey(7), codebookSize * codeDim);
    for (let step = 0; step < 30; step++) {
      const noise = randomNormal(randomKey(100 + step), tokens * codeDim, 0, 0.5);
      const features = Array.from({ length: tokens }, (_, token) =>
        Array.from(
          { length: codeDim },
          (_, channel) => noise[token * codeDim + channel]! + centres[(token % codebookSize) * codeDim + channel]!,
        ),
      );
      const loss = tf.tidy(() => quantizer.quantize(tf.tensor3d([features]), { training: true }).loss.dataSync()[0]!);
      expect(loss, `step ${step}`).toBeCloseTo(peer.step(features), 5);
    }
    expect(tf.tidy(() => quantizer.codebook.rows().arraySync())).not.toEqual(start);
    const rows = quantizer.codebook.rows();
    expect(rows).toBeAllClose(peer.codes, { rtol: 1e-3, atol: 1e-4 });
    rows.dispose();
    quantizer.dispose();
  });

  it('moves codes to the averages of what chose them, in training only', () => {
    const quantizer = onLine({ decay: 0.9 });
    const z = tf.tensor3d([1, 3, 12], [1, 3, 1]);
    quantizer.quantize(z);
    expect(quantizer.codebook.weights).toBeAllClose([[0], [10], [100]]);
    const { quantized } = quantizer.quantize(z, { training: true });
    expect(quantized).toBeAllClose([[[0], [0], [10]]]);
    // Sums 0.9 x 0 + 0.1 x 4 and 0.9 x 10 + 0.1 x 12; counts 0.9 + 0.1 x 2 and 0.9 + 0.1.
    expect(quantizer.clusterSize).toBeAllClose([1.1, 1, 0.9]);
    expect(quantizer.codeSums).toBeAllClose([[0.4], [10.2], [90]]);
    expect(quantizer.codebook.weights).toBeAllClose([[0.4 / 1.1], [10.2], [100]]);
    quantizer.dispose();
  });

  it('leaves codes that nothing chooses where they are, however long', () => {
    const quantizer = onLine({ decay: 0.01 });
    const z = tf.tensor3d([1], [1, 1, 1]);
    for (let step = 0; step < 60; step++) tf.tidy(() => void quantizer.quantize(z, { training: true }));
    expect(quantizer.codebook.weights).toBeAllClose([[1], [10], [100]]);
    // And lets them move at once when they are chosen again, all that they knew being forgotten.
    quantizer.quantize(tf.tensor3d([12], [1, 1, 1]), { training: true });
    expect(quantizer.codebook.weights).toBeAllClose([[1], [12], [100]]);
    quantizer.dispose();
  });

  it('averages directions where features are normalised', () => {
    const quantizer = create({ codebookSize: 1, codeDim: 2, normalize: true, decay: 0 });
    const { quantized } = quantizer.quantize(tf.tensor3d([5, 0, 0, 0.1], [1, 2, 2]), { training: true });
    expect(tf.norm(quantized, 2, -1)).toBeAllClose([[1, 1]]);
    expect(quantizer.codebook.weights).toBeAllClose([[0.5, 0.5]]);
    expect(quantizer.decode(tf.tensor2d([0], [1, 1], 'int32'))).toBeAllClose([[[Math.SQRT1_2, Math.SQRT1_2]]]);
    quantizer.dispose();
  });

  it('finds the centres of clusters', () => {
    const quantizer = create({ codebookSize: 2, decay: 0.5 });
    quantizer.codebook.weights.assign(tf.tensor2d([0.5, 0.6], [2, 1]));
    const noise = randomNormal(randomKey(4), 200, 0, 0.05);
    const z = tf.tensor3d(
      noise.map((value, index) => value + (index % 2 === 0 ? -1 : 2)),
      [1, 200, 1],
    );
    for (let step = 0; step < 30; step++) tf.tidy(() => void quantizer.quantize(z, { training: true }));
    expect(quantizer.codebook.weights).toBeAllClose([[-1], [2]], { rtol: 0, atol: 0.02 });
    quantizer.dispose();
  });

  it.each([true, false])('has the commitment term as its loss (normalize: %s)', (normalize) => {
    const quantizer = create({ codebookSize: 4, codeDim: 2, beta: 0.3, normalize });
    const z = tf.tensor3d(randomNormal(randomKey(5), 12), [2, 3, 2]);
    expectGradientsMatchFiniteDifferences((x) => quantizer.quantize(x as tf.Tensor3D).loss, [z], { step: 1e-3 });
    quantizer.dispose();
    const line = onLine({ beta: 0.5 });
    const at = tf.tensor3d([1, 12], [1, 2, 1]);
    expect(line.quantize(at).loss.dataSync()[0]).toBeCloseTo((0.5 * (1 + 4)) / 2, 5);
    line.dispose();
  });

  it('updates while gradients are taken, and gives its state to no optimizer', () => {
    const quantizer = onLine({ decay: 0.5 });
    const z = tf.tensor3d([2], [1, 1, 1]);
    tf.grad((x: tf.Tensor) => quantizer.quantize(x as tf.Tensor3D, { training: true }).loss)(z);
    expect(quantizer.codebook.weights).toBeAllClose([[1], [10], [100]]);
    expect([...quantizer.namedVariables().keys()]).toEqual(['codebook', 'clusterSize', 'codeSums']);
    expect(quantizer.trainableVariables()).toEqual([]);
    quantizer.dispose();
  });

  it('starts from clusters of the data', () => {
    const quantizer = create({ codebookSize: 2, codeDim: 2 });
    const z = tf.tensor2d([0, 0, 0, 2, 10, 0, 10, 2], [4, 2]);
    quantizer.codebook.initialize(z, tf.zeros([2]), { kMeansIterations: 2 });
    const centres = [
      [0, 1],
      [10, 1],
    ];
    expect(quantizer.codebook.weights).toBeAllClose(centres);
    expect(quantizer.codeSums).toBeAllClose(centres);
    expect(quantizer.clusterSize).toBeAllClose([1, 1]);
    quantizer.dispose();
  });

  it('refuses options and shapes that do not fit', () => {
    expect(() => create({ decay: 1 })).toThrow('EMAQuantizer: expected decay to be a finite number within [0, ');
    expect(() => create({ beta: -1 })).toThrow('beta to be a finite number at least 0');
    expect(() => create({ codebookSize: 0 })).toThrow('codebookSize to be an integer of at least 1');
    expect(() => create({ codeDim: 0 })).toThrow('codeDim to be an integer of at least 1');
    const quantizer = create();
    const uniform = tf.tensor1d(randomUniform(randomKey(1), 3));
    expect(() => quantizer.codebook.initialize(tf.zeros([4, 2]), uniform)).toThrow(ShapeError);
    expect(() => quantizer.codebook.initialize(tf.zeros([4, 1]), tf.zeros([2]))).toThrow(
      'EMAQuantizer.codebook.initialize: expected shape [3], got [2]. Pass one random number a code.',
    );
    expect(() => quantizer.codebook.initialize(tf.zeros([4, 1]), uniform, { kMeansIterations: 0.5 })).toThrow(
      'kMeansIterations to be an integer of at least 0, got 0.5.',
    );
    quantizer.dispose();
  });
});
