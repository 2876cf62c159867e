import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { ConfigError, ShapeError, type HostTensor, type RecordingBackend } from '@vitvq/core';
import { expectNoTensorLeak } from '@vitvq/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Adam, AdamW, clipScale, globalNorm, type ParameterGroup } from '../src/index.js';

interface Case {
  name: string;
  optimizer: 'AdamW' | 'Adam';
  beta1: number;
  beta2: number;
  epsilon: number;
  groups: { names: string[]; weightDecay: number; learningRateScale: number }[];
  clip: number | null;
  initial: Record<string, number[]>;
  steps: {
    learningRate: number;
    gradients: Record<string, number[]>;
    norm: number | null;
    parameters: Record<string, number[]>;
    firstMoment: Record<string, number[]>;
    secondMoment: Record<string, number[]>;
  }[];
}
const golden = JSON.parse(readFileSync(new URL('golden/adam.json', import.meta.url), 'utf8')) as {
  shapes: Record<string, number[]>;
  cases: Case[];
};

const group = (
  named: Record<string, tf.Variable>,
  options: Omit<ParameterGroup, 'variables'> = {},
): ParameterGroup => ({
  variables: new Map(Object.entries(named)),
  ...options,
});

beforeEach(() => tf.engine().startScope());
afterEach(() => {
  tf.engine().endScope();
  tf.disposeVariables();
  Reflect.deleteProperty(tf.backend(), 'recordComposite');
});

describe.each(['AdamW', 'Adam'] as const)('%s', (kind) => {
  const cases = golden.cases.filter(({ optimizer }) => optimizer === kind);
  it.each(cases)('follows PyTorch: $name', ({ groups, clip, initial, steps, beta1, beta2, epsilon }) => {
    const variables = new Map(
      Object.entries(golden.shapes).map(([name, shape]) => [name, tf.variable(tf.tensor(initial[name]!, shape))]),
    );
    const optimizer = new { AdamW, Adam }[kind](
      groups.map(({ names, ...rest }) => ({
        variables: new Map(names.map((name) => [name, variables.get(name)!])),
        ...rest,
      })),
      { beta1, beta2, epsilon },
    );
    const state = optimizer.namedVariables();
    steps.forEach((step, index) => {
      const gradients = new Map(
        Object.entries(golden.shapes).map(([name, shape]) => [name, tf.tensor(step.gradients[name]!, shape)]),
      );
      const norm = globalNorm(gradients.values());
      if (step.norm !== null) expect(norm).toBeAllClose(step.norm);
      const options = clip === null ? {} : { gradientScale: clipScale(norm, clip) };
      optimizer.apply(gradients, tf.scalar(step.learningRate), options);
      for (const [name, variable] of variables) {
        const where = { rtol: 2e-6, atol: 2e-7 };
        expect(variable).toBeAllClose(new Float32Array(step.parameters[name]!), where);
        expect(state.get(`firstMoment.${name}`)!).toBeAllClose(new Float32Array(step.firstMoment[name]!), where);
        expect(state.get(`secondMoment.${name}`)!).toBeAllClose(new Float32Array(step.secondMoment[name]!), where);
      }
      expect(state.get('step')!.dataSync()[0]).toBe(index + 1);
    });
  });
});

describe('Adam', () => {
  it('sends the penalty through the moments, after the scale', () => {
    const p = tf.variable(tf.scalar(2));
    const optimizer = new Adam([group({ p }, { weightDecay: 0.5 })], { beta1: 0.5, beta2: 0.75, epsilon: 1e-30 });
    optimizer.apply(new Map([['p', tf.scalar(4)]]), tf.scalar(0.1), { gradientScale: tf.scalar(0.5) });
    // g = 0.5 * 4 + 0.5 * 2 = 3, and the first step is the sign of it.
    expect(p).toBeAllClose(1.9);
    expect(optimizer.namedVariables().get('firstMoment.p')!).toBeAllClose(1.5);
    expect(optimizer.namedVariables().get('secondMoment.p')!).toBeAllClose(0.25 * 9);
  });

  it('has no penalty by default, and says its own name', () => {
    const p = tf.variable(tf.scalar(2));
    const optimizer = new Adam([group({ p })]);
    optimizer.apply(new Map([['p', tf.scalar(0)]]), tf.scalar(1));
    expect(p).toBeAllClose(2, { atol: 0 });
    expect(() => optimizer.apply(new Map(), tf.scalar(1))).toThrow('Adam.apply: expected a gradient for each of 1');
    expect(() => new Adam([])).toThrow('Adam: expected groups with variables, got none.');
    expect(() => new Adam([group({ p })], { beta1: 1 })).toThrow('Adam: expected beta1 to be a number within [0, 1)');
  });
});

describe('AdamW', () => {
  it('does the first two steps computed by hand', () => {
    const p = tf.variable(tf.scalar(1));
    const optimizer = new AdamW([group({ p }, { weightDecay: 0.5 })], { beta1: 0.5, beta2: 0.75, epsilon: 1e-30 });
    optimizer.apply(new Map([['p', tf.scalar(4)]]), tf.scalar(0.1));
    // m/c1 = 4, v/c2 = 16: p = 1 * (1 - 0.05) - 0.1 * 4 / 4.
    expect(p).toBeAllClose(0.85);
    optimizer.apply(new Map([['p', tf.scalar(-2)]]), tf.scalar(0.1));
    // m = 0.5 * 2 - 1 = 0, so only the decay moves it; v = 0.75 * 4 + 0.25 * 4.
    expect(p).toBeAllClose(0.85 * 0.95);
    expect(optimizer.namedVariables().get('secondMoment.p')!).toBeAllClose(4);
  });

  it('moves by about the learning rate at first, whatever the size of the gradient, also with beta2 near 1', () => {
    for (const size of [1e-4, 1, 1e4]) {
      const p = tf.variable(tf.scalar(0));
      const optimizer = new AdamW([group({ p }, { weightDecay: 0 })], { beta2: 0.9999, epsilon: 1e-12 });
      optimizer.apply(new Map([['p', tf.scalar(size)]]), tf.scalar(0.01));
      expect(p).toBeAllClose(-0.01, { rtol: 1e-6 });
    }
  });

  it('does not move what has no gradient beyond its decay', () => {
    const p = tf.variable(tf.tensor1d([2, -2]));
    const optimizer = new AdamW([group({ p }, { weightDecay: 0.1 })]);
    optimizer.apply(new Map([['p', tf.zeros([2])]]), tf.scalar(1));
    expect(p).toBeAllClose([1.8, -1.8]);
  });

  it('finds the minimum of a quadratic', () => {
    const p = tf.variable(tf.tensor1d([5, -3]));
    const optimizer = new AdamW([group({ p }, { weightDecay: 0 })]);
    for (let step = 0; step < 300; step++) {
      tf.tidy(() => {
        optimizer.apply(new Map([['p', tf.sub(p, tf.tensor1d([1, 2]))]]), tf.scalar(0.2 * 0.98 ** step));
      });
    }
    expect(p).toBeAllClose([1, 2], { atol: 0.01 });
  });

  it('names its state, which no optimizer may touch, and goes on from it', () => {
    const [a, b] = [tf.variable(tf.scalar(1)), tf.variable(tf.scalar(1))];
    const first = new AdamW([group({ 'x.y': a })]);
    const second = new AdamW([group({ 'x.y': b })]);
    expect([...first.namedVariables().keys()]).toEqual(['step', 'firstMoment.x.y', 'secondMoment.x.y']);
    expect(first.trainableVariables()).toEqual([]);
    const gradients = (value: number): Map<string, tf.Tensor> => new Map([['x.y', tf.scalar(value)]]);
    first.apply(gradients(2), tf.scalar(0.1));
    b.assign(tf.scalar(a.dataSync()[0]!));
    const saved = [...first.namedVariables()].map(([name, variable]): [string, HostTensor] => [
      name,
      { shape: variable.shape, data: variable.dataSync<'float32'>() },
    ]);
    second.loadVariables(new Map(saved));
    first.apply(gradients(-1), tf.scalar(0.1));
    second.apply(gradients(-1), tf.scalar(0.1));
    expect(b.dataSync()[0]).toBe(a.dataSync()[0]);
  });

  it('is one composite a variable, with all that it depends on as attribute or operand', () => {
    const [w, b] = [tf.variable(tf.ones([2, 2])), tf.variable(tf.ones([2]))];
    const optimizer = new AdamW([
      group({ w }, { weightDecay: 0.1 }),
      group({ b }, { weightDecay: 0, learningRateScale: 2 }),
    ]);
    const calls: unknown[] = [];
    Object.assign(tf.backend(), {
      recordComposite: (name, attributes, operands, body) => {
        calls.push([name, attributes, operands.map(({ shape }) => shape), operands[4]!.dataSync()[0]]);
        return body(...operands);
      },
    } satisfies Partial<RecordingBackend>);
    const gradients = new Map<string, tf.Tensor>([
      ['w', tf.ones([2, 2])],
      ['b', tf.ones([2])],
    ]);
    optimizer.apply(gradients, tf.scalar(0.5));
    const options = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8 };
    const scalars = [[], [], [], []];
    expect(calls).toEqual([
      ['adamw', { ...options, weightDecay: 0.1 }, [[2, 2], [2, 2], [2, 2], [2, 2], ...scalars], 0.5],
      ['adamw', { ...options, weightDecay: 0 }, [[2], [2], [2], [2], ...scalars], 1],
    ]);
  });

  it('leaves no tensors behind, and disposes of its state but not of the variables', () => {
    const p = tf.variable(tf.ones([3]));
    const gradients = new Map([['p', tf.ones([3])]]);
    const rate = tf.scalar(0.1);
    const optimizer = new AdamW([group({ p })]);
    expectNoTensorLeak(() => optimizer.apply(gradients, rate));
    expectNoTensorLeak(() => optimizer.apply(gradients, rate, { gradientScale: rate }));
    expectNoTensorLeak(() => new AdamW([group({ p })]).dispose());
    optimizer.dispose();
    expect(p.isDisposed).toBe(false);
  });

  it('refuses gradients that do not fit, and changes nothing', () => {
    const [a, b, c] = [tf.variable(tf.ones([2])), tf.variable(tf.ones([2])), tf.variable(tf.ones([2]))];
    const optimizer = new AdamW([group({ a, b, c })]);
    const apply = (): void =>
      optimizer.apply(
        new Map([
          ['a', tf.ones([2])],
          ['c', tf.ones([3])],
          ['d', tf.ones([2])],
        ]),
        tf.scalar(0.1),
      );
    expect(apply).toThrow(ShapeError);
    expect(apply).toThrow(
      'AdamW.apply: expected a gradient for each of 3 variables, got missing: b; unexpected: d; ' +
        'wrong shape: c [3] instead of [2]. Leave variables that the loss does not reach out of the groups.',
    );
    expect(a).toBeAllClose([1, 1], { atol: 0 });
    const gradients = new Map(['a', 'b', 'c'].map((name) => [name, tf.ones([2])]));
    expect(() => optimizer.apply(gradients, tf.tensor1d([0.1]) as unknown as tf.Scalar)).toThrow(
      'AdamW.apply: expected shape [], got [1]. Give the learning rate as a scalar tensor.',
    );
    expect(() =>
      optimizer.apply(gradients, tf.scalar(1), { gradientScale: tf.ones([2]) as unknown as tf.Scalar }),
    ).toThrow('Give gradientScale as a scalar tensor.');
  });

  it('refuses groups and options that cannot work', () => {
    const p = tf.variable(tf.ones([2]));
    const refused = (groups: ParameterGroup[], options: object, message: string): void => {
      const make = (): AdamW => new AdamW(groups, options);
      expect(make).toThrow(ConfigError);
      expect(make).toThrow(message);
    };
    refused([group({ p })], { beta1: 1 }, 'AdamW: expected beta1 to be a number within [0, 1), got 1.');
    refused([group({ p })], { beta2: NaN }, 'AdamW: expected beta2 to be a number within [0, 1), got NaN.');
    refused([group({ p })], { epsilon: 0 }, 'AdamW: expected epsilon to be a finite number');
    refused(
      [group({ p }, { weightDecay: -1 })],
      {},
      'AdamW: expected weightDecay to be a finite number at least 0, got -1.',
    );
    refused([group({ p }, { learningRateScale: NaN })], {}, 'AdamW: expected learningRateScale to be a finite number');
    refused([], {}, 'AdamW: expected groups with variables, got none.');
    refused([group({ p }), group({ p })], {}, 'AdamW: expected every variable in one group, once, got p twice.');
    refused(
      [group({ p, q: p })],
      {},
      'AdamW: expected every variable in one group, once, got one variable as p and as q.',
    );
    const fixed = tf.variable(tf.ones([2]), false);
    refused([group({ fixed })], {}, 'AdamW: expected trainable float32 variables, got fixed, not trainable.');
    const integer = tf.variable(tf.ones([2], 'int32'));
    refused([group({ integer })], {}, 'AdamW: expected trainable float32 variables, got integer, int32.');
  });
});
