import * as tf from '@tensorflow/tfjs';
import { ConfigError, DataError, ShapeError, type HostTensor } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { expectNoTensorLeak } from '@vitvq/test-utils';
import { beforeAll, describe, expect, it } from 'vitest';
import { collectFeatures, compileFeatures, hostBatches, type LabelledBatch } from '../src/index.js';

/** 5 samples of 3 tokens with 2 features each. */
const inputs: HostTensor = { shape: [5, 3, 2], data: Float32Array.from({ length: 30 }, (_, index) => index) };
const labels = [0, 1, 0, 2, 1];
const means = [2, 3, 8, 9, 14, 15, 20, 21, 26, 27];

const sameTokens = (x: tf.Tensor) => tf.tidy(() => ({ tokens: tf.mul(x, 1), double: tf.mul(tf.mean(x, 1), 2) }));

// The compiled engine has its tests in compiled.test.ts.
beforeAll(() => useEngine({ name: 'cpu' }));

describe('collectFeatures', () => {
  it('averages over tokens, and takes vectors as they are', async () => {
    const { count, labels: collected, blocks } = await collectFeatures(sameTokens, hostBatches(inputs, labels));
    expect(count).toBe(5);
    expect([...collected]).toEqual(labels);
    expect([...blocks.keys()]).toEqual(['tokens', 'double']);
    expect(blocks.get('tokens')).toEqual({ dim: 2, data: Float32Array.from(means) });
    expect([...blocks.get('double')!.data]).toEqual(means.map((mean) => 2 * mean));
  });

  it('runs every batch in one shape and leaves the filling out', async () => {
    const shapes: number[][] = [];
    const features = (x: tf.Tensor) => {
      shapes.push(x.shape);
      return { tokens: tf.mul(x, 1) };
    };
    const { blocks } = await collectFeatures(features, hostBatches(inputs, labels, { batchSize: 2 }));
    expect(shapes).toEqual(Array(3).fill([2, 3, 2]));
    expect([...blocks.get('tokens')!.data]).toEqual(means);
  });

  it('takes batches with padding, from a stream, and empty ones', async () => {
    async function* stream(): AsyncGenerator<LabelledBatch> {
      yield { inputs, labels, count: 3 };
      yield { inputs, labels: [-1, -1, -1, -1, -1], count: 0 };
      yield { inputs, labels: [2, 2, -1, -1, -1], count: 2 };
    }
    const { labels: collected, blocks } = await collectFeatures(sameTokens, stream());
    expect([...collected]).toEqual([0, 1, 0, 2, 2]);
    expect([...blocks.get('tokens')!.data]).toEqual([...means.slice(0, 6), ...means.slice(0, 4)]);
  });

  it('gives tokens to a model as integers', async () => {
    const codes = { shape: [2, 3], data: Int32Array.of(0, 1, 2, 2, 2, 2) };
    const table = tf.tensor2d([1, 10, 100], [3, 1]);
    const features = (tokens: tf.Tensor) => ({ embedding: tf.gather(table, tokens) });
    const { blocks } = await collectFeatures(features, hostBatches(codes, [0, 1]));
    expect([...blocks.get('embedding')!.data]).toEqual([37, 100]);
    table.dispose();
  });

  it('takes models that answer later', async () => {
    const later = async (x: tf.Tensor) => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      return { tokens: tf.mul(x, 1) };
    };
    expect([...(await collectFeatures(later, hostBatches(inputs, labels))).blocks.get('tokens')!.data]).toEqual(means);
  });

  it('takes a function that returns its inputs', async () => {
    const { blocks } = await collectFeatures((x) => ({ same: x }), hostBatches(inputs, labels, { batchSize: 2 }));
    expect([...blocks.get('same')!.data]).toEqual(means);
  });

  it('leaves no tensors behind, also when it fails', async () => {
    const features = compileFeatures(sameTokens);
    await expectNoTensorLeak(async () => {
      await collectFeatures(features, hostBatches(inputs, labels, { batchSize: 2 }));
      await collectFeatures(sameTokens, hostBatches(inputs, labels, { batchSize: 2 }));
      const failing = (x: tf.Tensor) => ({ bad: tf.div(x, 0), worse: tf.scalar(1) });
      await expect(collectFeatures(failing, hostBatches(inputs, labels))).rejects.toThrow();
    });
    features.dispose();
  });

  describe('refuses', () => {
    it.each([
      [NaN, 7],
      [Infinity, 25],
    ])('a feature that is %d, naming block and sample', async (value, place) => {
      const features = (x: tf.Tensor) =>
        tf.tidy(() => ({ tokens: tf.where(tf.equal(x, place), tf.fill(x.shape, value), x) }));
      const collect = () => collectFeatures(features, hostBatches(inputs, labels, { batchSize: 2 }));
      await expect(collect()).rejects.toThrow(DataError);
      await expect(collect()).rejects.toThrow(
        `block "tokens": expected finite features, got ${value} in sample ${Math.floor(place / 6)}, component ${place % 2}`,
      );
    });

    it.each([NaN, Infinity])('an input that is %d, whose features may not show it', async (value) => {
      const data = inputs.data.slice();
      data[20] = value;
      const features = (x: tf.Tensor) => ({ tokens: tf.zerosLike(x) });
      const collect = () => collectFeatures(features, hostBatches({ ...inputs, data }, labels, { batchSize: 2 }));
      await expect(collect()).rejects.toThrow(DataError);
      await expect(collect()).rejects.toThrow(`expected finite inputs, got ${value} in sample 3.`);
    });

    it.each([-1, 0.5, NaN])('the label %d', async (label) => {
      const collect = () => collectFeatures(sameTokens, hostBatches(inputs, [0, 1, 0, label, 1], { batchSize: 2 }));
      await expect(collect()).rejects.toThrow(DataError);
      await expect(collect()).rejects.toThrow(`got ${label} for sample 3`);
    });

    it('no samples', async () => {
      await expect(collectFeatures(sameTokens, [])).rejects.toThrow('expected at least one sample, got none');
    });

    it('a function without features', async () => {
      await expect(collectFeatures(() => ({}), hostBatches(inputs, labels))).rejects.toThrow(DataError);
    });

    it('feature maps', async () => {
      const features = (x: tf.Tensor) => ({ map: tf.reshape(x, [5, 3, 2, 1]) });
      await expect(collectFeatures(features, hostBatches(inputs, labels))).rejects.toThrow(ShapeError);
      await expect(collectFeatures(features, hostBatches(inputs, labels))).rejects.toThrow(
        'features of block "map": expected shape [B, N, D] or [B, D], got [5, 3, 2, 1]',
      );
    });

    it('features of another number of samples', async () => {
      const features = (x: tf.Tensor) => ({ few: tf.slice(x, 0, 4) });
      await expect(collectFeatures(features, hostBatches(inputs, labels))).rejects.toThrow(
        'block "few": expected features of 5 samples, got [4, 3, 2]',
      );
    });

    it('blocks that change', async () => {
      let call = 0;
      const features = (x: tf.Tensor) => ({ [`block ${call++}`]: tf.mul(x, 1) });
      await expect(collectFeatures(features, hostBatches(inputs, labels, { batchSize: 2 }))).rejects.toThrow(
        'expected the blocks of the first batch, block 0 [B, 2], got block 1 [B, 2]',
      );
    });

    it('counts that do not fit', async () => {
      const collect = (batch: LabelledBatch) => collectFeatures(sameTokens, [batch]);
      await expect(collect({ inputs, labels: [0, 1] })).rejects.toThrow(ShapeError);
      await expect(collect({ inputs, labels: [0, 1] })).rejects.toThrow('inputs [5, 3, 2] and 2 labels');
      await expect(collect({ inputs, labels, count: 6 })).rejects.toThrow(ShapeError);
      await expect(collect({ inputs: { ...inputs, shape: [4, 3, 2] }, labels })).rejects.toThrow('30 values');
    });
  });
});

describe('hostBatches', () => {
  it('cuts in order', () => {
    const batches = [...hostBatches(inputs, labels, { batchSize: 2 })];
    expect(batches.map((batch) => batch.inputs.shape[0])).toEqual([2, 2, 1]);
    expect(batches.flatMap((batch) => [...batch.inputs.data])).toEqual([...inputs.data]);
    expect(batches.flatMap((batch) => Array.from(batch.labels))).toEqual(labels);
  });

  it('refuses what does not fit', () => {
    expect(() => [...hostBatches(inputs, [0, 1])]).toThrow('expected 5 labels, one for each sample, got 2');
    expect(() => [...hostBatches({ ...inputs, shape: [5, 3] }, labels)]).toThrow(ShapeError);
    expect(() => [...hostBatches(inputs, labels, { batchSize: 0 })]).toThrow(ConfigError);
  });
});
