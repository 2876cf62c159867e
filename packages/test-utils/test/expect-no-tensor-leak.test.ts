import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { expectNoTensorLeak } from '../src/index.js';

it('accepts a function that cleans up, and one that fills a cache once', () => {
  let cache: tf.Tensor | undefined;
  expectNoTensorLeak(() => {
    cache ??= tf.ones([3]);
    tf.add(cache, 1).dispose();
  });
  cache?.dispose();
});

it('refuses a function that leaves a tensor behind', () => {
  const left: tf.Tensor[] = [];
  expect(() => expectNoTensorLeak(() => void left.push(tf.ones([3])))).toThrow('tensors left behind');
  tf.dispose(left);
});

it('waits for asynchronous functions', async () => {
  const left: tf.Tensor[] = [];
  await expectNoTensorLeak(async () => {
    const x = tf.ones([3]);
    await x.data();
    x.dispose();
  });
  await expect(
    expectNoTensorLeak(async () => {
      await Promise.resolve();
      left.push(tf.ones([3]));
    }),
  ).rejects.toThrow('tensors left behind');
  tf.dispose(left);
});
