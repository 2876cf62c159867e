import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomKey, randomUniform } from '@vitvq/core';
import type { ResidualQuantizer } from '@vitvq/quantizers';
import { createTokenizer, type VQTokenizer } from '@vitvq/tokenizer';
import { tokenizerConfig } from '../src/config.js';
import { startResidualCodebooks } from '../src/residual-codebooks.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
  tf.engine().startScope();
});
afterAll(() => tf.engine().endScope());

const tokenizerFor = (model: 'gpt' | 'rq'): VQTokenizer =>
  createTokenizer(tokenizerConfig({ model, seed: 0, minutes: 15, smoke: true }), { seed: 0 });

describe('startResidualCodebooks', () => {
  it('puts codes where features are, so that every level comes nearer to them', async () => {
    const tokenizer = tokenizerFor('rq');
    const images = { shape: [16, 16, 16, 3], data: randomUniform(randomKey(1), 16 * 16 * 16 * 3) } as const;
    const latents = tokenizer.latents(tf.tensor4d(images.data, [...images.shape]));
    /** Mean squared distance of the latents from the sums of the first codes of each. */
    const errors = (): number[] => {
      const { quantizer } = tokenizer;
      const { indices } = quantizer.quantize(latents);
      return Array.from({ length: quantizer.codeDepth }, (_, level) => {
        const codes = (quantizer as ResidualQuantizer).quantizers
          .slice(0, level + 1)
          .map((each, index) => each.decode(tf.squeeze(tf.slice(indices, [0, 0, index], [-1, -1, 1]), [2])));
        return tf.mean(tf.squaredDifference(latents, tf.addN(codes))).dataSync()[0]!;
      });
    };
    const [atRandom] = errors();
    await startResidualCodebooks(tokenizer, images, randomKey(2));
    const started = errors();
    expect(started[0]).toBeLessThan(0.5 * atRandom!);
    for (let level = 1; level < started.length; level++) expect(started[level]).toBeLessThan(0.8 * started[level - 1]!);
  });

  it('leaves other quantizers alone', async () => {
    const tokenizer = tokenizerFor('gpt');
    const codebook = tokenizer.namedVariables().get('quantizer.codebook')!;
    const before = await codebook.data();
    const images = { shape: [4, 16, 16, 3], data: new Float32Array(4 * 16 * 16 * 3) } as const;
    await startResidualCodebooks(tokenizer, images, randomKey(2));
    expect(await codebook.data()).toEqual(before);
  });
});
