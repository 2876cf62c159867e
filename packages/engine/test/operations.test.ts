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
import type { HostType } from '../src/ir/graph.js';
import { sweepOperations, type Runner } from './sweep-operations.js';

/** Interprets the graph of a function after all passes, as a backend gets it. */
const interpreted: Runner = async (run, inputs) => {
  const { tensors, template } = flatten(inputs, 'test');
  const types = tensors.map(({ shape, dtype }) => ({ shape, dtype: dtype as HostType }));
  const { graph, captures } = trace(run, types, template, 'test');
  return interpret(runPasses(graph, runtimePasses), [...inputs, ...captures.map(({ tensor }) => tensor)]);
};

beforeAll(async () => {
  await useEngine({ name: 'onnx', threads: 1 });
});
afterAll(async () => {
  await useEngine({ name: 'cpu' });
});

sweepOperations('interpreter', { run: interpreted });
sweepOperations('onnx');

describe('unsortedSegmentSum', () => {
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
