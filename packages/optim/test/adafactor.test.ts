import * as tf from '@tensorflow/tfjs';
import { ConfigError, ShapeError } from '@vitvq/core';
import '@vitvq/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Adafactor, type AdafactorOptions, type ParameterGroup } from '../src/index.js';

beforeEach(() => tf.engine().startScope());
afterEach(() => {
  tf.engine().endScope();
  tf.disposeVariables();
});

const group = (
  named: Record<string, tf.Variable>,
  options: Omit<ParameterGroup, 'variables'> = {},
): ParameterGroup => ({ variables: new Map(Object.entries(named)), ...options });

const rms = (numbers: readonly number[]): number => Math.sqrt(mean(numbers.map((x) => x * x)));
const mean = (numbers: readonly number[]): number => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;

/**
 * Algorithm 4 of the paper for one matrix, with sums as it is written there, in double precision.
 */
function algorithm4(initial: number[][], gradients: number[][][], rates: number[], d: number): number[][] {
  let x = initial;
  let rows = initial.map(() => 0);
  let columns = initial[0]!.map(() => 0);
  gradients.forEach((g, index) => {
    const t = index + 1;
    const beta = 1 - t ** -0.8;
    const squares = g.map((row) => row.map((value) => value ** 2 + 1e-30));
    rows = rows.map((r, i) => beta * r + (1 - beta) * squares[i]!.reduce((sum, value) => sum + value, 0));
    columns = columns.map((c, j) => beta * c + (1 - beta) * squares.reduce((sum, row) => sum + row[j]!, 0));
    const total = rows.reduce((sum, value) => sum + value, 0);
    const u = g.map((row, i) => row.map((value, j) => value / Math.sqrt((rows[i]! * columns[j]!) / total)));
    const clip = Math.max(1, rms(u.flat()) / d);
    const step = Math.max(1e-3, rms(x.flat())) * rates[index]!;
    x = x.map((row, i) => row.map((value, j) => value - (step * u[i]![j]!) / clip));
  });
  return x;
}

describe('Adafactor', () => {
  it('does the first step of a matrix computed by hand', () => {
    const p = tf.variable(tf.tensor2d([[1, 1], [1, 1]])); // prettier-ignore
    const optimizer = new Adafactor([group({ p }, { weightDecay: 0.5 })], { clippingThreshold: Infinity });
    // prettier-ignore
    optimizer.apply(new Map([['p', tf.tensor2d([[1, 1], [1, 3]])]]), tf.scalar(0.1));
    // Squares 1, 1; 1, 9: means of rows and columns [1, 5], of all 3, so v = [1/3, 5/3; 5/3, 25/3].
    const [a, b, c] = [Math.sqrt(3), Math.sqrt(3 / 5), 3 * Math.sqrt(3 / 25)];
    expect(p).toBeAllClose([0.95 - 0.1 * a, 0.95 - 0.1 * b, 0.95 - 0.1 * b, 0.95 - 0.1 * c]);
    const state = optimizer.namedVariables();
    expect([...state.keys()]).toEqual(['step', 'rowMoment.p', 'columnMoment.p']);
    expect(state.get('rowMoment.p')!).toBeAllClose([1, 5]);
    expect(state.get('columnMoment.p')!).toBeAllClose([1, 5]);
  });

  it('does two steps of a vector computed by hand, with an average of updates that holds the learning rate', () => {
    const p = tf.variable(tf.tensor1d([1, 1]));
    const optimizer = new Adafactor([group({ p })], { beta1: 0.5, clippingThreshold: 2 });
    optimizer.apply(new Map([['p', tf.tensor1d([3, -4])]]), tf.scalar(0.1));
    // The first u is the sign: m = 0.5 * 0.1 * [1, -1].
    expect(p).toBeAllClose([0.95, 1.05]);
    optimizer.apply(new Map([['p', tf.tensor1d([0, 0])]]), tf.scalar(7));
    // No gradient: m halves, whatever the learning rate is now, and v keeps b = 1 - 2^-0.8 of
    // itself.
    expect(p).toBeAllClose([0.925, 1.075]);
    const state = optimizer.namedVariables();
    expect([...state.keys()]).toEqual(['step', 'secondMoment.p', 'firstMoment.p']);
    expect(state.get('secondMoment.p')!).toBeAllClose([9 * (1 - 2 ** -0.8), 16 * (1 - 2 ** -0.8)]);
  });

  it.each([1, 0.25])('follows algorithm 4 with relative steps and clipping threshold %s', (clippingThreshold) => {
    const initial = [[0.5, -1, 2], [0.1, 0.3, -0.2]]; // prettier-ignore
    const gradients = [0, 1, 2, 3].map((step) =>
      initial.map((row, i) => row.map((_, j) => Math.fround(10 ** (step - 2) * Math.sin(5 * step + 3 * i + j)))),
    );
    const rates = [0.1, 0.05, 0.2, 0.01];
    const p = tf.variable(tf.tensor2d(initial));
    const optimizer = new Adafactor([group({ p })], { relativeStep: true, clippingThreshold });
    gradients.forEach((g, step) => optimizer.apply(new Map([['p', tf.tensor2d(g)]]), tf.scalar(rates[step]!)));
    expect(p).toBeAllClose(algorithm4(initial, gradients, rates, clippingThreshold).flat(), { rtol: 1e-5 });
  });

  it('corrects a fixed beta2 for its start from zero', () => {
    const p = tf.variable(tf.scalar(1));
    const optimizer = new Adafactor([group({ p })], { beta2: 0.96 });
    const moment = optimizer.namedVariables().get('secondMoment.p')!;
    let average = 0;
    [3, 1, 2].forEach((g, index) => {
      optimizer.apply(new Map([['p', tf.scalar(g)]]), tf.scalar(0.1));
      average = 0.96 * average + 0.04 * g * g;
      expect(moment).toBeAllClose(average / (1 - 0.96 ** (index + 1)));
    });
  });

  it('factors the last two axes, each matrix on its own', () => {
    // prettier-ignore
    const kernels = [tf.tensor2d([[1, 2, 3], [4, 5, 6]]), tf.tensor2d([[-3, 1, 2], [0.5, 8, -1]])];
    const options = { clippingThreshold: Infinity };
    const parts = kernels.map((gradient) => {
      const p = tf.variable(tf.zeros([2, 3]));
      new Adafactor([group({ p })], options).apply(new Map([['p', gradient]]), tf.scalar(1));
      return p;
    });
    const whole = tf.variable(tf.zeros([2, 2, 3]));
    const optimizer = new Adafactor([group({ whole })], options);
    optimizer.apply(new Map([['whole', tf.stack(kernels)]]), tf.scalar(1));
    expect(whole).toBeAllClose(tf.stack(parts));
    const state = optimizer.namedVariables();
    expect(state.get('rowMoment.whole')!.shape).toEqual([2, 2]);
    expect(state.get('columnMoment.whole')!.shape).toEqual([2, 3]);
  });

  it.each([0, 1e-18])('moves what has gradients of %s by no more than it should', (size) => {
    const p = tf.variable(tf.zeros([3, 2]));
    const optimizer = new Adafactor([group({ p })]);
    optimizer.apply(new Map([['p', tf.fill([3, 2], size)]]), tf.scalar(0.1));
    // Below the root of epsilon1 a gradient is small; the product of both moments would be 0 in
    // float32.
    expect(p).toBeAllClose(tf.fill([3, 2], (-0.1 * size) / Math.hypot(size, 1e-15)));
  });

  it('finds the minimum of a quadratic', () => {
    const p = tf.variable(tf.tensor2d([[5, -3], [2, 0]])); // prettier-ignore
    const target = tf.tensor2d([[1, 2], [-1, 4]]); // prettier-ignore
    const optimizer = new Adafactor([group({ p })], { beta1: 0.9, beta2: 0.96 });
    for (let step = 0; step < 300; step++) {
      tf.tidy(() => optimizer.apply(new Map([['p', tf.sub(p, target)]]), tf.scalar(0.2 * 0.98 ** step)));
    }
    expect(p).toBeAllClose(target, { atol: 0.01 });
  });

  it('refuses what does not fit', () => {
    const p = tf.variable(tf.ones([2]));
    const make = (options: AdafactorOptions) => () => new Adafactor([group({ p })], options);
    expect(make({ beta1: 1 })).toThrow('Adafactor: expected beta1 to be a number within [0, 1), got 1.');
    expect(make({ beta2: -1 })).toThrow('Adafactor: expected beta2 to be a number within [0, 1), got -1.');
    expect(make({ clippingThreshold: 0 })).toThrow('Adafactor: expected clippingThreshold to be positive, got 0.');
    expect(make({ epsilon1: 0 })).toThrow('Adafactor: expected epsilon1 to be a finite number at least 1.17');
    expect(make({ epsilon2: NaN })).toThrow(ConfigError);
    expect(() => new Adafactor([])).toThrow('Adafactor: expected groups with variables, got none.');
    const apply = (): void => make({})().apply(new Map([['p', tf.ones([3])]]), tf.scalar(1));
    expect(apply).toThrow(ShapeError);
    expect(apply).toThrow('Adafactor.apply: expected a gradient for each of 1 variables, got wrong shape: p [3]');
  });
});
