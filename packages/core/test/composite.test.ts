import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, describe, expect, it } from 'vitest';
import { composite, detach, type RecordingBackend } from '../src/index.js';

const scaled = (x: tf.Tensor): tf.Tensor => composite('scaled', { factor: 3 }, [x], (value) => [tf.mul(value, 3)])[0]!;

/** Gives the active backend the capabilities of one that records. */
function record(capabilities: Partial<RecordingBackend>): void {
  Object.assign(tf.backend(), capabilities);
}

afterEach(() => {
  for (const capability of ['recordComposite', 'recordDetach']) Reflect.deleteProperty(tf.backend(), capability);
});

describe('composite', () => {
  it('runs its body where nothing records', () => {
    tf.tidy(() => {
      expect([...scaled(tf.tensor1d([1, 2])).dataSync()]).toEqual([3, 6]);
    });
  });

  it('hands name, attributes, operands and body to the recording backend, and its results to the caller', () => {
    tf.tidy(() => {
      const x = tf.tensor1d([1, 2]);
      const replacement = tf.scalar(0);
      const seen: unknown[] = [];
      record({
        recordComposite: (name, attributes, operands, body) => {
          seen.push(name, attributes, operands, [...body(...operands)[0]!.dataSync()]);
          return [replacement];
        },
      });
      expect(scaled(x)).toBe(replacement);
      expect(seen).toEqual(['scaled', { factor: 3 }, [x], [3, 6]]);
    });
  });
});

describe('detach', () => {
  it('leaves it to a recording backend', () => {
    tf.tidy(() => {
      const replacement = tf.scalar(0);
      record({ recordDetach: () => replacement });
      expect(detach(tf.scalar(1))).toBe(replacement);
    });
  });
});
