import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { hasEngine } from '@vitvq/test-utils';
import { afterAll, describe, expect, it } from 'vitest';
import { memoryAdvice } from '../src/backend/out-of-memory.js';
import { compile, EngineError, useEngine } from '../src/index.js';

afterAll(async () => {
  await useEngine({ name: 'cpu' });
});

describe.skipIf(!(await hasEngine('onnx')))('memory that runs out', () => {
  it('is an error that says what to do, after which the engine works on', async () => {
    await useEngine({ name: 'onnx', threads: 1, onCompile: () => undefined });
    const product = compile((x: tf.Tensor2D) => tf.sum(tf.tanh(tf.matMul(x, x, false, true))), { name: 'product' });
    // No machine has addresses for 2^48 bytes.
    const [large, small] = [tf.ones<tf.Rank.R2>([2 ** 23, 1]), tf.ones<tf.Rank.R2>([4, 1])];
    const failed = product(large);
    await expect(failed).rejects.toThrow(EngineError);
    await expect(failed).rejects.toThrow(
      /^onnx engine: expected ONNX Runtime to do its work, got .*[aA]lloc.*\. Memory ran out: use a smaller batch, take /s,
    );
    const result = await product(small);
    expect((await result.data())[0]).toBeCloseTo(16 * Math.tanh(1), 4);
    for (const tensor of [large, small, result]) tensor.dispose();
    product.dispose();
  });
});

it.each([
  ['RESOURCE_EXHAUSTED: Out of memory while trying to allocate 17179869184 bytes.', true],
  ['std::bad_alloc', true],
  ['Array buffer allocation failed', true],
  ['Non-zero status code returned while running Gather node', false],
])('tells by the message of a runtime whether memory ran out: %s', (message, isSo) => {
  expect(memoryAdvice(message) !== undefined).toBe(isSo);
});
