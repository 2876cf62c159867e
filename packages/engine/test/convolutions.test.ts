import '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, describe, expect, it } from 'vitest';
import { useEngine } from '../src/engines.js';
import { convolutionsWith, derivatives, otherWindowsWith, paddings } from './convolutions.js';

const tolerance = { rtol: 1e-4, atol: 1e-3 };

afterAll(async () => {
  await useEngine({ name: 'cpu' });
});

describe('a convolution with its first and second gradients is that of the padded image', () => {
  it.each(paddings)('with padding %s, eagerly', async (_, padding) => {
    await useEngine({ name: 'cpu' });
    const cases = convolutionsWith(padding);
    const inputs = cases.flatMap((each) => each.inputs());
    const expected = tf.tidy(() => derivatives(cases, 'expected', 2)(...inputs));
    const eager = tf.tidy(() => derivatives(cases, 'run', 2)(...inputs));
    eager.forEach((value, index) => expect(value, `output ${index}`).toBeAllClose(expected[index]!, tolerance));
  });
});

describe('other operations with windows', () => {
  it.each(paddings)('with padding %s, eagerly', async (_, padding) => {
    await useEngine({ name: 'cpu' });
    const cases = otherWindowsWith(padding);
    const inputs = cases.flatMap((each) => each.inputs());
    const expected = tf.tidy(() => derivatives(cases, 'expected', 1)(...inputs));
    const values = tf.tidy(() => derivatives(cases, 'run', 1)(...inputs));
    values.forEach((value, index) => expect(value, `output ${index}`).toBeAllClose(expected[index]!, tolerance));
  });
});
