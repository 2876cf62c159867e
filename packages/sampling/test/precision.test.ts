import type * as tf from '@tensorflow/tfjs';
import { ConfigError } from '@vitvq/core';
import { useEngine, type Precision } from '@vitvq/engine';
import { tinyGPT, tokensOf } from '@vitvq/test-models';
import { afterEach, describe, expect, it } from 'vitest';
import { Sampler } from '../src/index.js';

afterEach(() => useEngine({ name: 'cpu' }));

const model = tinyGPT({});
const conditions = tokensOf<tf.Rank.R2>([64, 2], 5, 1);

async function draw(precision: Precision): Promise<number[]> {
  const sampler = new Sampler(model, { precision });
  const tokens = await sampler.sample({ conditions, seeds: Array.from({ length: 64 }, (_, index) => index) });
  const values = [...(await tokens.data())];
  tokens.dispose();
  sampler.dispose();
  return values;
}

describe('the precision of a sampler', () => {
  it('rounds the products of a narrow type: most tokens stay the same, and not all', async () => {
    await useEngine({ name: 'onnx', onCompile: () => undefined });
    const [exact, narrow] = [await draw('float32'), await draw('bfloat16')];
    const same = exact.filter((token, index) => token === narrow[index]).length / exact.length;
    expect(same).toBeGreaterThan(0.7);
    expect(same).toBeLessThan(1);
  });

  it('is refused where it is none, and by an engine that does not have it', async () => {
    await useEngine({ name: 'cpu' });
    expect(() => new Sampler(model, { precision: 'float8' as never })).toThrow(ConfigError);
    await expect(draw('bfloat16')).rejects.toThrow(/expected a precision of the engine "cpu": float32, got bfloat16/);
  });
});
