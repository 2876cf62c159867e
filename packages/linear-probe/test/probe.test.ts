import * as tf from '@tensorflow/tfjs';
import { foldIn, randomInts, randomKey, randomNormal } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { expectNoTensorLeak } from '@vitvq/test-utils';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  collectFeatures,
  collectTokens,
  holdOut,
  hostBatches,
  mergeFeatures,
  pixelFeatures,
  probe,
  probeBlocks,
  probeByAttention,
  type LabelledBatch,
  type LabelledFeatures,
  type ProbeOptions,
} from '../src/index.js';

beforeAll(() => useEngine({ name: 'onnx', threads: 1 }));

const [tokens, dim] = [6, 5];

/**
 * One token of each sample, at a random place, says the class and that it is the one; those of the
 * others say any class.
 */
function needles(count: number, seed: number): LabelledFeatures {
  const key = randomKey(seed);
  const data = randomNormal(foldIn(key, 0), count * tokens * dim, 0, 0.1);
  const places = randomInts(foldIn(key, 1), count, tokens);
  const drawn = randomInts(foldIn(key, 2), count * tokens, 2);
  const labels = Int32Array.from({ length: count }, (_, sample) => sample % 2);
  for (let sample = 0; sample < count; sample++) {
    for (let token = 0; token < tokens; token++) {
      const isNeedle = token === places[sample];
      const says = isNeedle ? labels[sample]! : drawn[sample * tokens + token]!;
      const at = (sample * tokens + token) * dim;
      data[at] = says === 0 ? 1 : -1;
      data[at + 1] = isNeedle ? 1 : 0;
    }
  }
  return { block: 'needles', dim: tokens * dim, data, labels };
}

const limits = { classes: 2, l2: [0.01, 0.001], gradientTolerance: 1e-3, maximumIterations: 200 };

/** Batches of samples `[B, N, D]`. */
const open = (count: number, seed: number) => (): Iterable<LabelledBatch> => {
  const { data, labels } = needles(count, seed);
  return hostBatches({ shape: [count, tokens, dim], data }, labels, { batchSize: 32 });
};

describe('probeByAttention', () => {
  it('finds the token that matters, where the average does not', async () => {
    const [train, validation, test] = [needles(80, 1), needles(60, 2), needles(100, 3)];
    const result = await probeByAttention({ train, validation, test }, { ...limits, tokens });
    expect(result.test.top1).toBeGreaterThan(0.95);
    const { query, weights } = result.probe;
    // The query looks for the second component, the class is in the first one.
    expect(Math.abs(query[1]!)).toBeGreaterThan(Math.abs(query[0]!));
    expect(Math.abs(weights[0]!)).toBeGreaterThan(Math.abs(weights[4]!));
    const average = ({ data, labels }: LabelledFeatures) => {
      const means = tf.mean(tf.tensor3d(data, [labels.length, tokens, dim]), 1).dataSync<'float32'>();
      return { count: labels.length, labels, blocks: new Map([['needles', { dim, data: Float32Array.from(means) }]]) };
    };
    const sets = { train: average(train), validation: average(validation), test: average(test) };
    const { best } = await probeBlocks(sets, { ...limits, tokenizerSawLabels: false });
    expect(result.test.top1).toBeGreaterThan(best!.test.top1 + 0.15);
  });

  it('refuses a number of tokens that does not fit', async () => {
    const set = needles(20, 1);
    const sets = { train: set, validation: set, test: set };
    await expect(probeByAttention(sets, { ...limits, tokens: 7 })).rejects.toThrow(
      'probeByAttention: expected tokens to divide 30 features, got 7.',
    );
  });
});

describe('collectTokens', () => {
  it('keeps every token of one block, and drops the others', async () => {
    const features = (inputs: tf.Tensor3D) => ({ double: tf.mul(inputs, 2), mean: tf.mean(inputs, 1) });
    await expectNoTensorLeak(async () => {
      const { tokens: number, set } = await collectTokens(features, open(40, 1)(), 'double');
      expect(number).toBe(tokens);
      expect(set.blocks.get('double')!.data).toEqual(needles(40, 1).data.map((value) => 2 * value));
    });
    expect((await collectTokens(features, open(40, 1)(), 'mean')).tokens).toBe(1);
    await expect(collectTokens(features, open(40, 1)(), 'triple')).rejects.toThrow(
      'collectTokens: expected a block "triple", got double, mean.',
    );
  });
});

describe('leakage', () => {
  const identity = (inputs: tf.Tensor3D) => ({ inputs: tf.mean(inputs, 1) });

  it('is told where samples of one part are in another one, whatever their order', async () => {
    const collect = (count: number, seed: number) => collectFeatures(identity, open(count, seed)());
    const { train, heldOut } = holdOut(await collect(50, 1), { fraction: 0.2, key: randomKey(1) });
    const [validation, test] = [mergeFeatures(heldOut), await collect(30, 3)];
    const options = { ...limits, tokenizerSawLabels: false };
    const clean = await probeBlocks({ train, validation, test }, options);
    expect(clean.warnings.join()).not.toContain('by their content');
    const { data, labels } = needles(50, 1);
    const size = tokens * dim;
    const last = hostBatches({ shape: [20, tokens, dim], data: data.slice(30 * size) }, labels.slice(30));
    const leaked = await probeBlocks({ train, validation, test: await collectFeatures(identity, last) }, options);
    const counts = leaked.warnings.flatMap((warning) => /^(\d+) test samples are (\w+)/.exec(warning)?.slice(1) ?? []);
    expect(counts).toEqual([expect.any(String), 'training', expect.any(String), 'validation']);
    expect(Number(counts[0]) + Number(counts[2])).toBe(20);
    const twice = await probeBlocks({ train, validation: test, test }, options);
    expect(twice.warnings[0]).toMatch(/^30 test samples are validation samples as well/);
  });
});

describe('probe', () => {
  const features = (inputs: tf.Tensor3D) => ({
    same: inputs,
    ...pixelFeatures(tf.expandDims<tf.Tensor4D>(inputs, 3)),
  });
  const run = (changes: Partial<ProbeOptions> = {}) =>
    probe(features, { train: open(100, 1), test: open(60, 2), tokenizerSawLabels: false, ...limits, ...changes });

  it('goes from images to results, with neighbours and attention', async () => {
    const seen = new Map<string, number>();
    const result = await run({ attention: true, onProgress: ({ part, done }) => void seen.set(part, done) });
    expect(result.samples).toEqual({ train: 80, validation: 20, test: 60 });
    expect(result.best!.block).toBe('same');
    expect(result.best!.nearest!.neighbors).toBe(20);
    expect(result.attention!.block).toBe('same');
    expect(result.attention!.test.top1).toBeGreaterThan(result.best!.test.top1);
    expect(Object.fromEntries(seen)).toEqual({ train: 100, test: 60, block: 2, tokens: 60 });
    expect(JSON.parse(JSON.stringify(result))).toMatchObject({ attention: { block: 'same' }, classes: 2 });
  });

  it('takes validation samples of its own, and leaves out what is not wanted', async () => {
    const result = await run({ validation: open(30, 3), neighbors: 0, attention: false });
    expect(result.samples).toEqual({ train: 100, validation: 30, test: 60 });
    expect(result.best!.nearest).toBeUndefined();
    expect(result.attention).toBeUndefined();
  });

  it('says that one vector has nothing to attend to, and stops on a signal', async () => {
    const flat = await probe((inputs: tf.Tensor3D) => ({ mean: tf.mean(inputs, 1) }), {
      train: open(100, 1),
      test: open(60, 2),
      tokenizerSawLabels: false,
      attention: true,
      ...limits,
    });
    expect(flat.attention).toBeUndefined();
    expect(flat.warnings.at(-1)).toBe('mean has one vector a sample: there is nothing to attend to.');
    await expect(run({ signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
  });
});
