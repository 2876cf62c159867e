import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'vitest';

/**
 * Fails when `fn` leaves tensors, buffers or bytes behind. It is called once to fill caches, then
 * counted: `fn` disposes of everything that it makes. With an asynchronous `fn` await the result.
 */
export function expectNoTensorLeak(fn: () => Promise<void>): Promise<void>;
export function expectNoTensorLeak(fn: () => void): void;
export function expectNoTensorLeak(fn: () => void | Promise<void>): void | Promise<void> {
  const primed = fn();
  if (primed instanceof Promise) {
    return primed.then(async () => {
      const before = memoryInUse();
      await fn();
      expect(memoryInUse(), 'tensors left behind').toEqual(before);
    });
  }
  const before = memoryInUse();
  void fn();
  expect(memoryInUse(), 'tensors left behind').toEqual(before);
}

function memoryInUse(): { tensors: number; buffers: number; bytes: number } {
  const { numTensors, numDataBuffers, numBytes } = tf.memory();
  return { tensors: numTensors, buffers: numDataBuffers, bytes: numBytes };
}
