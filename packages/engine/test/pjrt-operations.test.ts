import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import '@vitvq/test-utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compile } from '../src/compile.js';
import { useEngine } from '../src/engines.js';
import { operationCases, uniform, type OperationCase } from './operations.js';
import { plugin } from './pjrt-plugin.js';

type Run = (...inputs: tf.Tensor[]) => tf.Tensor[];

const outputs =
  ({ run }: OperationCase): Run =>
  (...inputs) =>
    [run(...inputs)].flat();

/** The gradient of a random projection of all outputs, with respect to all inputs. */
function gradients(operation: OperationCase): Run {
  const { cotangents } = tf.tidy(() => ({
    cotangents: outputs(operation)(...operation.inputs()).map(({ shape }) => tf.keep(uniform(shape))),
  }));
  return (...inputs) =>
    tf.grads((...xs: tf.Tensor[]) => {
      const terms = outputs(operation)(...xs).map((output, index) => tf.sum(tf.mul(output, cotangents[index]!)));
      return tf.addN(terms);
    })(inputs);
}

/** Expects the same of `run` eagerly and compiled. */
async function expectSame(run: Run, inputs: tf.Tensor[], tolerance: number): Promise<void> {
  const eager = tf.tidy(() => run(...inputs));
  const compiled = compile(run);
  const results = await compiled(...inputs);
  expect(results.length).toBe(eager.length);
  for (const [index, value] of results.entries()) {
    expect(value.dtype, `dtype of output ${index}`).toBe(eager[index]!.dtype);
    expect(value, `output ${index}`).toBeAllClose(eager[index]!, { rtol: tolerance, atol: tolerance });
  }
  compiled.dispose();
}

describe.skipIf(!plugin)('every operation gives the same eagerly and compiled for XLA', () => {
  beforeAll(async () => {
    await useEngine({ name: 'pjrt', onCompile: () => {} });
  });
  afterAll(async () => {
    await useEngine({ name: 'cpu' });
  });

  it.each(operationCases.map((operation) => [operation.name, operation] as const))('%s', async (_, operation) => {
    await expectSame(outputs(operation), operation.inputs(), 1e-5);
  });

  it.each(
    operationCases
      .filter(({ differentiable }) => differentiable)
      .map((operation) => [operation.name, operation] as const),
  )('gradient of %s', async (_, operation) => {
    await expectSame(gradients(operation), operation.inputs(), 1e-4);
  });
});
