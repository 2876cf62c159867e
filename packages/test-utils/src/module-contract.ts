import * as tf from '@tensorflow/tfjs-core';
import { randomKey, randomNormal, type VariableOwner } from '@vitvq/core';
import { expect } from 'vitest';
import { expectNoTensorLeak } from './expect-no-tensor-leak.js';

/** Returns N(0, 1) values of a seed. */
export function normalTensor<T extends tf.Tensor>(shape: readonly number[], seed: number): T {
  const size = shape.reduce((product, side) => product * side, 1);
  return tf.tensor(randomNormal(randomKey(seed), size), [...shape]) as T;
}

/** Runs `body` on a new module inside `tf.tidy`, and disposes of the module. */
export function withModule<M extends VariableOwner>(create: () => M, body: (module: M) => void): void {
  const module = create();
  try {
    tf.tidy(() => body(module));
  } finally {
    module.dispose();
  }
}

/** Moves every trainable variable a little, so that scales of 1 and biases of 0 hide nothing. */
export function moveVariables(module: VariableOwner): void {
  module.trainableVariables().forEach((variable, index) => {
    tf.tidy(() => variable.assign(tf.add(variable, tf.mul(normalTensor(variable.shape, 1_000 + index), 0.1))));
  });
}

/**
 * Fails unless `loss` has a finite gradient for each trainable variable, other than 0 in at least
 * one element.
 */
export function expectGradientOfEachVariable(module: VariableOwner, loss: () => tf.Scalar): void {
  const trainable = new Set(module.trainableVariables());
  expect(trainable.size, 'number of trainable variables').toBeGreaterThan(0);
  const { grads } = tf.engine().gradients(loss, [...trainable], undefined, true);
  const names = [...module.namedVariables()].filter(([, variable]) => trainable.has(variable)).map(([name]) => name);
  expect(names.length, 'every trainable variable has a name').toBe(trainable.size);
  const without = [...trainable].flatMap((variable, index) => {
    const gradient = grads[index] as tf.Tensor | null;
    const values = gradient ? [...gradient.dataSync()] : [];
    return values.every(Number.isFinite) && values.some((value) => value !== 0) ? [] : [nameOf(module, variable)];
  });
  expect(without, 'variables without a finite gradient other than 0').toEqual([]);
}

function nameOf(module: VariableOwner, variable: tf.Variable): string {
  return [...module.namedVariables()].find(([, candidate]) => candidate === variable)?.[0] ?? variable.name;
}

/**
 * Fails unless two new modules have the same variables in the same order, by the names expected.
 */
export function expectStableNames(create: () => VariableOwner, names: readonly string[]): void {
  for (const module of [create(), create()]) {
    expect([...module.namedVariables().keys()]).toEqual(names);
    module.dispose();
  }
}

/** Fails unless a module frees its variables, once, however often it is disposed of. */
export function expectDisposal(create: () => VariableOwner): void {
  expectNoTensorLeak(() => {
    const module = create();
    module.dispose();
    module.dispose();
  });
}
