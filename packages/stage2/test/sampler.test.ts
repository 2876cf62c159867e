import '@tensorflow/tfjs';
import { useEngine } from '@vitvq/engine';
import { beforeAll, describe, expect, it } from 'vitest';
import { verifySampler } from '../src/index.js';
import { tinyGPT, tinyRQ } from './helpers.js';

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});
describe('verifySampler', () => {
  it('proves GPT', async () => {
    for (const sampler of [{}, { chunk: 4, lengths: [4, 8] }, { chunk: 2 }, { chunk: 1, lengths: [5] }])
      console.log(await verifySampler(tinyGPT(), { sampler }));
  });
  it('proves RQ', async () => {
    console.log(await verifySampler(tinyRQ(), { sampler: { chunk: 4, lengths: [4, 8] } }));
  });
});
