import * as tf from '@tensorflow/tfjs';
import { assignHostValues } from '@vitvq/core';
import { expect, it } from 'vitest';
import { decodeSafetensors, encodeSafetensors, snapshotVariables } from '../src/index.js';

it('brings variables to a file and back', async () => {
  const create = (fill: number): Map<string, tf.Variable> =>
    new Map<string, tf.Variable>([
      ['weight', tf.variable(tf.fill([2, 2], fill))],
      ['count', tf.variable(tf.fill([3], fill, 'int32'), false)],
      ['flag', tf.variable(tf.cast(tf.fill([1], fill), 'bool'), false)],
    ]);
  const before = create(1);
  const snapshot = await snapshotVariables(before);
  expect(snapshot.get('flag')!.data).toEqual(Int32Array.of(1));
  const after = create(0);
  assignHostValues(after, decodeSafetensors(encodeSafetensors(snapshot)).tensors, 'test');
  for (const [name, variable] of after) {
    expect(variable.dtype).toBe(before.get(name)!.dtype);
    expect(await variable.data()).toEqual(await before.get(name)!.data());
  }
});
