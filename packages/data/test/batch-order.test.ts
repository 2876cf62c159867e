import { ConfigError, DataError, randomKey } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { createBatches, type BatchOptions, type SourceBatch } from '../src/index.js';
import { collect, numbered, take, training } from './take-batches.js';

describe('createBatches: order', () => {
  it('shows every image once an epoch, in a new order each epoch', async () => {
    const batches = await collect(numbered(12), { ...training, imageSize: [8, 6] }, 8);
    const epochs = [batches.slice(0, 4), batches.slice(4)].map((epoch) => epoch.flatMap(({ indices }) => [...indices]));
    for (const epoch of epochs)
      expect([...epoch].sort((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, index) => index));
    expect(epochs[0]).not.toEqual(epochs[1]);
    expect(batches.map(({ epoch, index }) => [epoch, index])).toEqual(
      [0, 1].flatMap((epoch) => [0, 1, 2, 3].map((index) => [epoch, index])),
    );
    for (const { labels, indices } of batches) expect([...labels]).toEqual([...indices]);
  });

  it('keeps the order of the source unless asked to shuffle, without a key', async () => {
    const [first] = await collect(numbered(5), { batchSize: 4, imageSize: [8, 6] }, 1);
    expect([...first!.indices]).toEqual([0, 1, 2, 3]);
    expect(first).toMatchObject({ shape: [4, 8, 6, 3], count: 4, epoch: 0, index: 0 });
    expect([...first!.images.subarray(0, 4)]).toEqual([0, 31, 62, 93].map((byte) => Math.fround(byte / 255)));
  });

  it('is a function of the key', async () => {
    const options = { ...training, imageSize: [4, 4] } as const;
    const once = await collect(numbered(9), options, 6);
    expect(await collect(numbered(9), options, 6)).toEqual(once);
    expect(await collect(numbered(9), { ...options, key: randomKey(8) }, 6)).not.toEqual(once);
  });

  it('crops an image the same whatever the batch size', async () => {
    const options = { ...training, imageSize: [4, 4] } as const;
    const pixelsOf = (batches: SourceBatch[]): Map<number, Float32Array> =>
      new Map(
        batches.flatMap(({ images, indices }) =>
          [...indices].map((image, row) => [image, images.slice(row * 48, row * 48 + 48)] as const),
        ),
      );
    const [small, large] = [
      await collect(numbered(12), options, 4),
      await collect(numbered(12), { ...options, batchSize: 6 }, 2),
    ];
    const [a, b] = [pixelsOf(small), pixelsOf(large)];
    for (const [image, pixels] of a) expect(b.get(image)).toEqual(pixels);
  });

  it('goes on exactly where another stream stopped', async () => {
    const options = { ...training, imageSize: [4, 4] } as const;
    const first = createBatches(numbered(10), options);
    const whole = await take(first, 8);
    expect(first.position).toBe(8);
    const second = createBatches(numbered(10), { ...options, startAt: 5 });
    expect(second.position).toBe(5);
    expect(await take(second, 3)).toEqual(whole.slice(5));
  });

  it('answers calls that overlap in order', async () => {
    const stream = createBatches(numbered(9), { batchSize: 3, imageSize: [8, 6] });
    const batches = await Promise.all([stream.next(), stream.next(), stream.next()]);
    expect(batches.map(({ index }) => index)).toEqual([0, 1, 2]);
  });
});

describe('createBatches: last batch and end', () => {
  it('pads or shortens the last batch', async () => {
    const options = { batchSize: 3, imageSize: [8, 6] } as const;
    const padded = (await collect(numbered(5), { ...options, lastBatch: 'pad' }, 2))[1]!;
    expect(padded).toMatchObject({ shape: [3, 8, 6, 3], count: 2 });
    expect([...padded.labels]).toEqual([3, 4, -1]);
    expect([...padded.indices]).toEqual([3, 4, -1]);
    expect(padded.images.subarray(2 * 144).every((value) => value === 0)).toBe(true);
    const partial = (await collect(numbered(5), { ...options, lastBatch: 'partial' }, 2))[1]!;
    expect(partial).toMatchObject({ shape: [2, 8, 6, 3], count: 2 });
    expect(partial.images).toEqual(padded.images.slice(0, 2 * 144));
    const dropped = (await collect(numbered(5), options, 2))[1]!;
    expect(dropped).toMatchObject({ epoch: 1, index: 0, count: 3 });
  });

  it('ends after the epochs asked for', async () => {
    const stream = createBatches(numbered(5), { batchSize: 3, imageSize: [8, 6], lastBatch: 'partial', epochs: 2 });
    expect(stream.end).toBe(4);
    const counts: number[] = [];
    for await (const { count } of stream) counts.push(count);
    expect(counts).toEqual([3, 2, 3, 2]);
    await expect(stream.next()).rejects.toThrow('BatchStream: expected an open stream, got one that was closed.');
    const other = createBatches(numbered(3), { batchSize: 3, imageSize: [8, 6], epochs: 1 });
    await other.next();
    await expect(other.next()).rejects.toThrow(
      'BatchStream.next: expected at most 1 batches, got a request for one more.',
    );
  });

  it('closes when an iteration is left', async () => {
    const stream = createBatches(numbered(5), { batchSize: 3, imageSize: [8, 6] });
    for await (const batch of stream) if (batch.epoch === 2) break;
    expect(stream.position).toBe(3);
    await expect(stream.next()).rejects.toBeInstanceOf(DataError);
  });
});

describe('createBatches: options', () => {
  const options = { batchSize: 2, imageSize: [8, 6] } as const;
  it.each<[Partial<BatchOptions>, string]>([
    [{ batchSize: 0 }, 'createBatches: expected batchSize to be an integer of at least 1, got 0.'],
    [{ imageSize: [8, 0] }, 'expected imageSize to be an integer of at least 1, got 0.'],
    [{ resizeTo: [8, 5] }, 'expected resizeTo to be an integer of at least 6, got 5.'],
    [{ startAt: -1 }, 'expected startAt to be an integer of at least 0, got -1.'],
    [{ workers: 0.5 }, 'expected workers to be an integer of at least 0, got 0.5.'],
    [{ prefetch: 0 }, 'expected prefetch to be an integer of at least 1, got 0.'],
    [{ epochs: 0 }, 'expected epochs to be an integer of at least 1, got 0.'],
    [
      { shuffle: true },
      'expected a key, because order, crops or flips are random, got none. Pass key: randomKey(seed).',
    ],
    [{ crop: 'random' }, 'expected a key'],
    [{ flip: true }, 'expected a key'],
    [
      { batchSize: 9 },
      "expected at least batchSize = 9 images, got 3 in image array. Use a smaller batchSize, or lastBatch: 'pad'.",
    ],
  ])('refuses %j', (wrong, message) => {
    expect(() => createBatches(numbered(3), { ...options, ...wrong })).toThrow(message);
    expect(() => createBatches(numbered(3), { ...options, ...wrong })).toThrow(ConfigError);
  });
});
