import * as tf from '@tensorflow/tfjs';
import { ConfigError, DataError, randomKey, type HostImages, type ImageBatch } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { ImageConditioner } from '../src/index.js';

const conditions: HostImages = { data: new Float32Array(3 * 4 * 4 * 3).fill(0.5), shape: [3, 4, 4, 3] };
const batch: ImageBatch = { images: new Float32Array(3 * 8 * 8 * 3), shape: [3, 8, 8, 3], count: 2 };
const create = (conditionsOf = (): HostImages => conditions, imageSize: [number, number] = [4, 4]): ImageConditioner =>
  new ImageConditioner({ imageSize, grid: [2, 2], dim: 6, conditionsOf, key: randomKey(1) });

describe('ImageConditioner', () => {
  it('gives pixels of the images that count, and embeds each of their parts', () => {
    const conditioner = create();
    expect(conditioner.ofBatch(batch)).toEqual(new Float32Array(2 * 48).fill(0.5));
    expect(conditioner).toMatchObject({ length: 4, dim: 6, inputShape: [4, 4, 3] });
    tf.tidy(() => {
      const [first, , last] = tf.split(conditioner.embed(tf.tensor4d(conditions.data, [3, 4, 4, 3])), 3);
      expect(first!.shape).toEqual([1, 4, 6]);
      expect([...last!.dataSync()]).toEqual([...first!.dataSync()]);
      const none = conditioner.embed(tf.tensor4d(conditioner.nullInput, [1, 4, 4, 3]));
      expect([...none.dataSync()]).not.toEqual([...first!.dataSync()]);
    });
    expect([...conditioner.namedVariables().keys()]).toEqual(['embedding.weight', 'embedding.bias']);
    conditioner.dispose();
  });

  it('refuses codes, conditions of another size, and sizes that have no equal parts', () => {
    const conditioner = create();
    expect(() => conditioner.ofBatch({ tokens: new Int32Array(4), shape: [1, 4] })).toThrow(DataError);
    conditioner.dispose();
    const other = create(() => ({ data: new Float32Array(3 * 12), shape: [3, 2, 2, 3] }));
    expect(() => other.ofBatch(batch)).toThrow('expected conditions [3, 4, 4, 3], got [3, 2, 2, 3]');
    other.dispose();
    expect(() => create(undefined, [4, 5])).toThrow(ConfigError);
  });
});
