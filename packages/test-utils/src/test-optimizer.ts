import * as tf from '@tensorflow/tfjs-core';
import { assignHostValues, ShapeError } from '@vitvq/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectNoTensorLeak } from './expect-no-tensor-leak.js';
import { normalTensor } from './module-contract.js';
import './to-be-all-close.js';

/** What the tests need of an optimizer; the `Optimizer` of @vitvq/optim has it. */
export interface TestedOptimizer {
  apply(
    gradients: ReadonlyMap<string, tf.Tensor>,
    learningRate: tf.Scalar,
    options?: { readonly gradientScale?: tf.Scalar },
  ): void;
  namedVariables(): Map<string, tf.Variable>;
  dispose(): void;
}

/** Optimizer under test. */
export interface OptimizerContract {
  readonly name: string;
  /** Creates a new optimizer of variables by name; the same one every time. */
  readonly create: (variables: ReadonlyMap<string, tf.Variable>) => TestedOptimizer;
  /** Names of the state for one variable `w` `[3, 4]`, in order: checkpoints depend on them. */
  readonly stateNames: readonly string[];
}

const shapes = { weight: [3, 4], bias: [4], kernel: [2, 3, 4], scale: [] };
const shapeEntries = Object.entries(shapes);

function createVariables(): Map<string, tf.Variable> {
  return new Map(shapeEntries.map(([name, shape], index) => [name, tf.variable(normalTensor(shape, index))]));
}

function createGradients(seed: number): Map<string, tf.Tensor> {
  return new Map(shapeEntries.map(([name, shape], index) => [name, normalTensor(shape, 10 * seed + index)]));
}

/** All bits of variables and state. */
function bitsOf(...maps: ReadonlyMap<string, tf.Variable>[]): number[][] {
  return maps.flatMap((map) =>
    [...map.values()].map((variable) => [...new Int32Array(variable.dataSync().slice().buffer)]),
  );
}

/** Registers the tests that every `Optimizer` must pass. */
export function testOptimizer({ name, create, stateNames }: OptimizerContract): void {
  const setup = () => {
    const variables = createVariables();
    const optimizer = create(variables);
    return { variables, optimizer, state: optimizer.namedVariables() };
  };

  describe(`${name} keeps the contract of an optimizer`, () => {
    beforeEach(() => tf.engine().startScope());
    afterEach(() => {
      tf.engine().endScope();
      tf.disposeVariables();
    });

    it('names its state, which no optimizer moves, the same way every time', () => {
      const state = (): Map<string, tf.Variable> =>
        create(new Map([['w', tf.variable(tf.zeros([3, 4]))]])).namedVariables();
      expect([...state().keys()]).toEqual(stateNames);
      expect([...state().keys()]).toEqual(stateNames);
      for (const variable of state().values()) expect(variable.trainable).toBe(false);
    });

    it('moves every variable against its gradient', () => {
      const { variables, optimizer } = setup();
      const before = new Map([...variables].map(([key, variable]) => [key, variable.clone()]));
      optimizer.apply(new Map([...variables].map(([key, { shape }]) => [key, tf.ones(shape)])), tf.scalar(0.1));
      for (const [key, variable] of variables) {
        // A gradient of 1 outweighs any weight decay of a few per cent.
        for (const change of tf.sub(variable, before.get(key)!).dataSync()) expect(change).toBeLessThan(0);
      }
    });

    it('brings a variable to the least of a parabola', () => {
      const w = tf.variable(tf.fill([3, 4], 3));
      const optimizer = create(new Map([['w', w]]));
      for (let step = 0; step < 200; step++) {
        tf.tidy(() => optimizer.apply(new Map([['w', tf.mul(tf.sub(w, 1), 2)]]), tf.scalar(0.05 * (1 - step / 200))));
      }
      expect(w).toBeAllClose(tf.ones([3, 4]), { rtol: 0, atol: 0.1 });
    });

    it('leaves the variables as they are at a learning rate of 0', () => {
      const { variables, optimizer } = setup();
      const before = bitsOf(variables);
      optimizer.apply(createGradients(1), tf.scalar(0));
      expect(bitsOf(variables)).toEqual(before);
    });

    it.each([NaN, Infinity, -Infinity])('skips an update whose scale is %s, to the last bit', (bad) => {
      const { variables, optimizer, state } = setup();
      // Also the first update, when the corrections for the start would divide by zero.
      for (let step = 0; step < 2; step++) {
        const before = bitsOf(variables, state);
        const poisoned = createGradients(step)
          .set('weight', tf.fill([3, 4], NaN))
          .set('bias', tf.fill([4], Infinity));
        optimizer.apply(poisoned, tf.scalar(0.1), { gradientScale: tf.scalar(bad) });
        optimizer.apply(createGradients(step), tf.scalar(0.1), { gradientScale: tf.scalar(bad) });
        expect(bitsOf(variables, state)).toEqual(before);
        optimizer.apply(createGradients(step), tf.scalar(0.1), { gradientScale: tf.scalar(0.5) });
        expect(bitsOf(variables, state)).not.toEqual(before);
      }
    });

    it('goes on from an update that was skipped as if it had not been there', () => {
      const [straight, skipping] = [setup(), setup()];
      for (let step = 0; step < 3; step++) {
        straight.optimizer.apply(createGradients(step), tf.scalar(0.1));
        skipping.optimizer.apply(createGradients(7), tf.scalar(0.1), { gradientScale: tf.scalar(NaN) });
        skipping.optimizer.apply(createGradients(step), tf.scalar(0.1));
      }
      expect(bitsOf(skipping.variables, skipping.state)).toEqual(bitsOf(straight.variables, straight.state));
    });

    it('multiplies the gradients by gradientScale', () => {
      const [whole, scaled] = [setup(), setup()];
      const halves = new Map([...createGradients(1)].map(([key, gradient]) => [key, tf.mul(gradient, 0.5)]));
      whole.optimizer.apply(halves, tf.scalar(0.1));
      scaled.optimizer.apply(createGradients(1), tf.scalar(0.1), { gradientScale: tf.scalar(0.5) });
      for (const [key, variable] of scaled.state) expect(variable).toBeAllClose(whole.state.get(key)!);
      for (const [key, variable] of scaled.variables) expect(variable).toBeAllClose(whole.variables.get(key)!);
    });

    it('goes on from its state', () => {
      const [first, second] = [setup(), setup()];
      first.optimizer.apply(createGradients(1), tf.scalar(0.1));
      const saved = [...first.state].map(
        ([key, variable]) => [key, { shape: variable.shape, data: variable.dataSync<'float32'>() }] as const,
      );
      assignHostValues(second.state, new Map(saved), name);
      for (const [key, variable] of second.variables) variable.assign(first.variables.get(key)!);
      first.optimizer.apply(createGradients(2), tf.scalar(0.1));
      second.optimizer.apply(createGradients(2), tf.scalar(0.1));
      expect(bitsOf(second.variables, second.state)).toEqual(bitsOf(first.variables, first.state));
    });

    it('refuses gradients that do not fit, naming all of them, and changes nothing', () => {
      const { variables, optimizer, state } = setup();
      const before = bitsOf(variables, state);
      const gradients = createGradients(1)
        .set('bias', tf.zeros([5]))
        .set('other', tf.zeros([1]));
      gradients.delete('weight');
      const apply = (): void => optimizer.apply(gradients, tf.scalar(0.1));
      expect(apply).toThrow(ShapeError);
      for (const problem of ['weight', 'bias', 'other']) expect(apply).toThrow(problem);
      expect(() => optimizer.apply(createGradients(1), tf.ones<tf.Rank>([1]) as tf.Scalar)).toThrow(ShapeError);
      expect(bitsOf(variables, state)).toEqual(before);
    });

    it('leaves no tensors behind, and disposes of its state but not of the variables', () => {
      const { variables, optimizer } = setup();
      const [gradients, rate] = [createGradients(1), tf.scalar(0.1)];
      expectNoTensorLeak(() => optimizer.apply(gradients, rate));
      expectNoTensorLeak(() => optimizer.apply(gradients, rate, { gradientScale: rate }));
      expectNoTensorLeak(() => create(variables).dispose());
      optimizer.dispose();
      for (const tensor of [...variables.values(), ...gradients.values()]) expect(tensor.isDisposed).toBe(false);
    });
  });
}
