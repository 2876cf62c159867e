import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { recompute } from '@vitvq/core';
import '@vitvq/test-utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compile } from '../src/compile.js';
import { useEngine } from '../src/engines.js';
import type { Graph } from '../src/ir/graph.js';
import { onnxRuntime } from '../src/onnx/dialects/onnx-runtime.js';
import { lowerToOnnx } from '../src/onnx/lower.js';
import { runtimePasses } from '../src/onnx/program.js';
import { runPasses } from '../src/passes/pipeline.js';
import { simplify } from '../src/passes/simplify.js';
import { flatten } from '../src/structure.js';
import { trace } from '../src/trace/trace.js';
import { uniform } from './operations.js';

const weights = [1, 2, 3].map(() => tf.variable(uniform([4, 4]) as tf.Tensor2D));

/** Loss and gradients of three layers with two tanh each, towards input and weights. */
const gradientsOf =
  (again: boolean) =>
  (x: tf.Tensor2D): tf.Tensor[] => {
    const layer = (input: tf.Tensor, weight: tf.Variable): tf.Tensor =>
      tf.tanh(tf.matMul(tf.tanh(tf.matMul(input as tf.Tensor2D, weight as tf.Tensor2D)), weight as tf.Tensor2D));
    const loss = (input: tf.Tensor): tf.Scalar => {
      const y = weights.reduce<tf.Tensor>(
        (h, weight) => (again ? recompute((each) => layer(each, weight), [h], [weight]) : layer(h, weight)),
        input,
      );
      return tf.sum(tf.square(y));
    };
    const { value, grads } = tf.variableGrads(() => loss(x), weights);
    return [value, ...weights.map(({ name }) => grads[name]!), tf.grad((input) => loss(input))(x)];
  };

const x = tf.tidy(() => tf.keep(uniform([3, 4]) as tf.Tensor2D));

function traced(again: boolean): Graph {
  const { tensors, template } = flatten([x], 'test');
  const types = tensors.map(({ shape }) => ({ shape, dtype: 'float32' as const }));
  return trace((input: tf.Tensor2D) => gradientsOf(again)(input).slice(1, 4), types, template, 'test').graph;
}

describe('recompute', () => {
  beforeAll(async () => {
    await useEngine({ name: 'onnx', threads: 1 });
  });
  afterAll(async () => {
    await useEngine({ name: 'cpu' });
  });

  it('gives the numbers that keeping gives, eagerly and compiled', async () => {
    const eager = tf.tidy(() => gradientsOf(false)(x));
    const versions = {
      eager: tf.tidy(() => gradientsOf(true)(x)),
      compiled: await compile(gradientsOf(true))(x),
      'compiled, keeping': await compile(gradientsOf(false))(x),
    };
    for (const [name, results] of Object.entries(versions)) {
      for (const [index, result] of results.entries()) {
        expect(result, `${name}, ${index}`).toBeAllClose(eager[index]!, { rtol: 1e-5, atol: 1e-6 });
      }
    }
  });

  it('computes again what it would have kept, and nothing else', () => {
    const tanhs = (again: boolean): number => {
      return lowerToOnnx(runPasses(traced(again), runtimePasses), onnxRuntime).nodes.filter(
        ({ opType }) => opType === 'Tanh',
      ).length;
    };
    expect(tanhs(false)).toBe(6);
    // The last result of each layer serves as the next one's input: kept, and computed again for
    // its gradient.
    expect(tanhs(true)).toBe(12);
  });

  it('computes again only when the gradient has arrived', () => {
    const { operations } = simplify(traced(true));
    const barriers = operations.filter(
      (operation) => operation.kind === 'composite' && operation.attributes.name === 'optimization_barrier',
    );
    expect(barriers.length).toBe(3);
    for (const barrier of barriers) {
      const [gradient, input] = barrier.operands;
      expect(gradient!.producer).toBeDefined();
      expect(operations.indexOf(gradient!.producer!)).toBeLessThan(operations.indexOf(barrier));
      expect(barrier.results[1]!.shape).toEqual(input!.shape);
    }
  });

  it('changes no bit of what passes the barrier, whatever the gradient is', async () => {
    const f = compile((input: tf.Tensor, scale: tf.Tensor) =>
      tf.grad((each) =>
        tf.mul(
          recompute((h) => tf.mul(h, h), [each], []),
          scale,
        ),
      )(input),
    );
    for (const [scale, expected] of [
      [1, [-6, 0, 1e-3]],
      [0, [-0, 0, 0]],
    ] as const) {
      const result = await f(tf.tensor1d([-3, 0, 5e-4]), tf.scalar(scale));
      expect(result).toBeAllClose([...expected], { rtol: 0, atol: 1e-9 });
    }
  });

  it('leaves no tensors behind', () => {
    tf.dispose(gradientsOf(true)(x));
    const before = tf.memory().numTensors;
    tf.tidy(() => void gradientsOf(true)(x));
    expect(tf.memory().numTensors).toBe(before);
  });
});
