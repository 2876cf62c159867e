import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, describe, expect, it } from 'vitest';
import { composite, setCompositeRecorder } from '../src/index.js';

const scaled = (x: tf.Tensor): tf.Tensor => composite('scaled', { factor: 3 }, [x], (value) => [tf.mul(value, 3)])[0]!;

describe('composite', () => {
  afterEach(() => void setCompositeRecorder(undefined));

  it('runs its body where nothing records', () => {
    tf.tidy(() => {
      expect([...scaled(tf.tensor1d([1, 2])).dataSync()]).toEqual([3, 6]);
    });
  });

  it('hands name, attributes, operands and body to the recorder, and what it returns to the caller', () => {
    tf.tidy(() => {
      const x = tf.tensor1d([1, 2]);
      const replacement = tf.scalar(0);
      const seen: unknown[] = [];
      expect(
        setCompositeRecorder((name, attributes, operands, body) => {
          seen.push(name, attributes, operands, [...body(...operands)[0]!.dataSync()]);
          return [replacement];
        }),
      ).toBeUndefined();
      expect(scaled(x)).toBe(replacement);
      expect(seen).toEqual(['scaled', { factor: 3 }, [x], [3, 6]]);
    });
  });

  it('gives back the previous recorder', () => {
    const outer = (): tf.Tensor[] => [];
    const inner = (): tf.Tensor[] => [];
    setCompositeRecorder(outer);
    expect(setCompositeRecorder(inner)).toBe(outer);
    expect(setCompositeRecorder(outer)).toBe(inner);
  });
});
