import { ConfigError } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { createBatches, openImageFolder, rowsOfPart, type BatchOptions, type SourceBatch } from '../src/index.js';
import { folderOf, twoClasses } from './images.js';
import { collect, numbered, take, training } from './take-batches.js';

const options = { ...training, batchSize: 6, imageSize: [4, 4], workers: 0 } as const satisfies BatchOptions;

/** The batches of all processes, each of which reads `count` of them. */
async function inParts(processes: number, count: number, more: Partial<BatchOptions> = {}): Promise<SourceBatch[][]> {
  return Promise.all(
    Array.from({ length: processes }, (_, rank) =>
      collect(numbered(25), { ...options, ...more, part: { rank, processes } }, count),
    ),
  );
}

/** The pixels and positions of the real images of one batch, joined over the processes. */
function joined(parts: readonly SourceBatch[][], position: number): { indices: number[]; pixels: number[] } {
  const batches = parts.map((batchesOfProcess) => batchesOfProcess[position]!);
  return {
    indices: batches.flatMap(({ indices, count }) => [...indices.subarray(0, count)]),
    pixels: batches.flatMap(({ images, count }) => [...images.subarray(0, count * 48)]),
  };
}

describe('createBatches: parts', () => {
  it.each([1, 2, 3, 4, 6])('joined over %i processes are the batches of one', async (processes) => {
    const whole = await collect(numbered(25), options, 9);
    const parts = await inParts(processes, 9);
    for (const [position, { indices, images }] of whole.entries()) {
      expect(joined(parts, position)).toEqual({ indices: [...indices], pixels: [...images] });
    }
    for (const batches of parts) expect(new Set(batches.map(({ shape }) => shape[0])).size).toBe(1);
  });

  it.each(['pad', 'partial'] as const)('read every image once an epoch, the last ones too (%s)', async (lastBatch) => {
    const parts = await inParts(4, 5, { lastBatch, epochs: 1 });
    const seen = [0, 1, 2, 3, 4].flatMap((position) => joined(parts, position).indices);
    expect([...seen].sort((a, b) => a - b)).toEqual(Array.from({ length: 25 }, (_, index) => index));
    // One image is left for the last batch, and the first process has it.
    expect(parts.map((batches) => batches[4]!.count)).toEqual([1, 0, 0, 0]);
    const rows = lastBatch === 'pad' ? [2, 2, 1, 1] : [1, 0, 0, 0];
    expect(parts.map((batches) => batches[4]!.shape[0])).toEqual(rows);
  });

  it('go on in the middle of an epoch with another number of processes', async () => {
    const first = await inParts(4, 2, { lastBatch: 'partial' });
    const second = await inParts(3, 3, { lastBatch: 'partial', startAt: 2 });
    const seen = [0, 1].flatMap((position) => joined(first, position).indices);
    for (const position of [0, 1, 2]) seen.push(...joined(second, position).indices);
    expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 25 }, (_, index) => index));
    const [four, three] = [4, 3].map((processes) =>
      createBatches(numbered(25), { ...options, part: { rank: 0, processes } }),
    );
    expect(four!.fingerprint).toBe(three!.fingerprint);
    await Promise.all([four!.close(), three!.close()]);
  });

  it('read no image of another process', async () => {
    const source = numbered(12);
    const read: number[] = [];
    const watched = { ...source, read: (index: number) => (read.push(index), source.read(index)) };
    const stream = createBatches(watched, { ...options, prefetch: 1, epochs: 1, part: { rank: 1, processes: 3 } });
    const batches = await take(stream, 2);
    await stream.close();
    const own = batches.flatMap(({ indices }) => [...indices]);
    expect(own).toHaveLength(4);
    expect(read).toEqual(own);
  });

  it('replace an unusable image as one process does', async () => {
    const files = await twoClasses(6);
    files['cats/002.png'] = files['cats/002.png']!.subarray(0, 300);
    const source = await openImageFolder(await folderOf(files));
    const all = { ...options, imageSize: 16, onSkip: () => undefined } as const;
    const [whole] = await collect(source, all, 1);
    const parts = await Promise.all([0, 1].map((rank) => collect(source, { ...all, part: { rank, processes: 2 } }, 1)));
    expect(joined(parts, 0).indices).toEqual([...whole!.indices]);
  });
});

describe('rowsOfPart', () => {
  it('gives each process its rows', () => {
    const rows = [0, 1, 2].map((rank) => rowsOfPart(8, { rank, processes: 3 }));
    expect(rows).toEqual([
      { begin: 0, count: 3 },
      { begin: 3, count: 3 },
      { begin: 6, count: 2 },
    ]);
  });

  it('refuses a rank that cannot be, and a batch with no image for some process', () => {
    expect(() => rowsOfPart(8, { rank: 3, processes: 3 })).toThrow(ConfigError);
    expect(() => createBatches(numbered(9), { ...options, part: { rank: 2, processes: 2 } })).toThrow(
      'createBatches, part: expected rank to be an integer of at most 1, got 2.',
    );
    expect(() => createBatches(numbered(9), { ...options, batchSize: 3, part: { rank: 0, processes: 4 } })).toThrow(
      'createBatches: expected a batchSize of at least 4, one image for each process, got 3.',
    );
  });
});
