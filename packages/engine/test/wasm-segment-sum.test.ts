import '@tensorflow/tfjs';
import '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registerGradients } from '../src/gradients.js';

// The wasm backend stands and falls with its kernels, and its package is not installed here: the
// cpu backend under its name, without the kernel that wasm lacks, meets the same registry.
beforeAll(async () => {
  await tf.setBackend('cpu');
  const CpuBackend = tf.backend().constructor as new () => tf.KernelBackend;
  tf.registerBackend('wasm', () => new CpuBackend());
  tf.copyRegisteredKernels('cpu', 'wasm');
  tf.unregisterKernel('UnsortedSegmentSum', 'wasm');
  await tf.setBackend('wasm');
});
afterAll(() => tf.removeBackend('wasm'));

describe('the sum over segments on the wasm backend', () => {
  const gatherGradient = (): tf.Tensor =>
    tf.tidy(() => {
      const table = tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]);
      const weights = tf.tensor2d([1, 2, 3, 4, 5, 6, 7, 8], [4, 2]);
      const indices = tf.tensor1d([0, 2, 0, 2], 'int32');
      return tf.grad((x: tf.Tensor) => tf.sum(tf.mul(tf.gather(x, indices), weights)))(table);
    });

  it('is missing in TensorFlow.js, and there once gradients are registered', () => {
    expect(gatherGradient).toThrow("Kernel 'UnsortedSegmentSum' not registered for backend 'wasm'");
    registerGradients();
    expect(gatherGradient().arraySync()).toEqual([
      [6, 8],
      [0, 0],
      [10, 12],
    ]);
  });

  it('sums whole numbers too, leaves out segments that are out of range, and keeps no tensor', () => {
    const sum = (): tf.Tensor =>
      tf.tidy(() => tf.unsortedSegmentSum(tf.tensor1d([1, 2, 4, 8], 'int32'), tf.tensor1d([1, -1, 1, 3], 'int32'), 3));
    const before = tf.memory().numTensors;
    const sums = sum();
    expect(sums.dtype).toBe('int32');
    expect(sums.arraySync()).toEqual([0, 5, 0]);
    sums.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});
