import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { detach } from '../src/index.js';

describe('detach', () => {
  it('has the values and no gradient', () => {
    tf.tidy(() => {
      const x = tf.tensor1d([1, 2, 3]);
      const gradient = tf.grad((v: tf.Tensor) => tf.sum(tf.mul(v, detach(v))))(x);
      expect([...gradient.dataSync()]).toEqual([1, 2, 3]);
      const copy = detach(x);
      expect([copy.shape, copy.dtype]).toEqual([[3], 'float32']);
      expect(copy.dataId).toBe(x.dataId);
    });
  });

  it('lets integers be computed on the tape', () => {
    tf.tidy(() => {
      const table = tf.tensor2d([1, 2, 3, 4], [2, 2]);
      const gradient = tf.grad((v: tf.Tensor) => tf.sum(tf.gather(v, tf.argMax(detach(v), 1))))(table);
      expect([...gradient.dataSync()]).toEqual([0, 0, 2, 2]);
    });
  });

  it('gives a straight-through gradient', () => {
    tf.tidy(() => {
      const gradient = tf.grad((v: tf.Tensor) => tf.sum(tf.mul(tf.add(v, detach(tf.sub(tf.round(v), v))), 3)));
      expect([...gradient(tf.tensor1d([0.2, 0.7])).dataSync()]).toEqual([3, 3]);
    });
  });

  it('keeps the values when the original is disposed of or assigned, and counts its memory', () => {
    const before = tf.memory();
    const x = tf.tensor1d([1, 2]);
    const copy = detach(x);
    x.dispose();
    expect([...copy.dataSync()]).toEqual([1, 2]);
    const variable = tf.variable(copy);
    const snapshot = detach(variable);
    const next = tf.tensor1d([5, 6]);
    variable.assign(next);
    expect([...snapshot.dataSync()]).toEqual([1, 2]);
    expect([...variable.dataSync()]).toEqual([5, 6]);
    snapshot.dispose();
    expect([...copy.dataSync()]).toEqual([1, 2]);
    tf.dispose([copy, variable, next]);
    expect(tf.memory()).toEqual(before);
  });

  it('works on a tensor of a backend that is not the active one', () => {
    const before = tf.memory().numTensors;
    const x = tf.tensor1d([1, 2]);
    const home = tf.getBackend();
    tf.registerBackend('other', () => new (tf.backend().constructor as new () => tf.KernelBackend)());
    void tf.setBackend('other');
    const copy = detach(x);
    x.dispose();
    void tf.setBackend(home);
    expect([...copy.dataSync()]).toEqual([1, 2]);
    copy.dispose();
    tf.removeBackend('other');
    expect(tf.memory().numTensors).toBe(before);
  });
});
