import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import '@vitvq/test-utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compile } from '../src/compile.js';
import { useEngine } from '../src/engines.js';
import { interpret } from '../src/ir/interpret.js';
import { runtimePasses } from '../src/onnx/program.js';
import { runPasses } from '../src/passes/pipeline.js';
import { flatten } from '../src/structure.js';
import { trace } from '../src/trace/trace.js';
import type { DType } from '../src/ir/graph.js';
import { operationCases, uniform, type OperationCase } from './operations.js';

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

/** Expects the same of `run` eagerly, interpreted, interpreted after all passes, and compiled. */
async function expectSameEverywhere(run: Run, inputs: tf.Tensor[], tolerance: number): Promise<void> {
  const eager = tf.tidy(() => run(...inputs));
  const { tensors, template } = flatten(inputs, 'test');
  const types = tensors.map(({ shape, dtype }) => ({ shape, dtype: dtype as DType }));
  const { graph, captures } = trace(run, types, template, 'test');
  const operands = [...inputs, ...captures.map(({ tensor }) => tensor)];
  const compiled = compile(run);
  const results = await compiled(...inputs);
  const versions = {
    interpreted: interpret(graph, operands),
    'after all passes': interpret(runPasses(graph, runtimePasses), operands),
    compiled: results,
  };
  for (const [name, values] of Object.entries(versions)) {
    for (const [index, value] of values.entries()) {
      expect(value.dtype, `${name}, dtype of output ${index}`).toBe(eager[index]!.dtype);
      expect(value, `${name}, output ${index}`).toBeAllClose(eager[index]!, { rtol: tolerance, atol: tolerance });
    }
  }
  compiled.dispose();
}

describe('every operation gives the same eagerly, interpreted, after all passes and compiled', () => {
  beforeAll(async () => {
    await useEngine({ name: 'onnx', threads: 1 });
  });
  afterAll(async () => {
    await useEngine({ name: 'cpu' });
  });

  it.each(operationCases.map((operation) => [operation.name, operation] as const))('%s', async (_, operation) => {
    await expectSameEverywhere(outputs(operation), operation.inputs(), 1e-5);
  });

  it.each(
    operationCases
      .filter(({ differentiable }) => differentiable)
      .map((operation) => [operation.name, operation] as const),
  )('gradient of %s', async (_, operation) => {
    await expectSameEverywhere(gradients(operation), operation.inputs(), 1e-4);
  });

  it('adds up many updates of the same rows with several threads', async () => {
    await useEngine({ name: 'onnx', threads: 2 });
    const [rows, updates, width] = [512, 16_384, 32];
    const rowOf = Int32Array.from({ length: updates }, (_, index) => (index * index) % rows);
    const counts = new Float32Array(rows * width);
    for (const row of rowOf) for (let column = 0; column < width; column++) counts[row * width + column]!++;
    const ids = tf.tensor1d(rowOf, 'int32');
    const values = tf.ones([updates, width]);
    const sum = compile((x: tf.Tensor, segments: tf.Tensor1D) => tf.unsortedSegmentSum(x, segments, rows));
    for (let run = 0; run < 15; run++) {
      const result = await sum(values, ids);
      expect(result).toBeAllClose(counts, { rtol: 0, atol: 0 });
      result.dispose();
    }
  });
});
