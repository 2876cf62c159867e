import type { Cluster } from '@vitvq/cluster';
import { openCheckpointInParts, listCheckpointsInParts, writeCheckpointInParts } from '@vitvq/checkpoint';
import { randomKey, type HostTensor } from '@vitvq/core';
import { createBatches, openImageArray } from '@vitvq/data';

const images = 37;
const steps = 23; // 5 batches an epoch, so that the last step is within one.
const weights = 27;

/** What a training came to. */
export interface ToyResult {
  readonly startedAt: number;
  readonly weights: number[];
  /** How often each image was read. */
  readonly seen: number[];
}

/** Called after each step. */
export interface ToyOptions {
  readonly onStep?: (step: number) => Promise<void>;
}

/**
 * Trains on made-up images in whole numbers, so that the result of any number of processes is the
 * same to the last bit: each process sums the pixels of its part of the batch, the sums are added,
 * and the weights follow from all sums in their order. Goes on from the newest checkpoint.
 */
export async function trainToy(cluster: Cluster, folder: string, { onStep }: ToyOptions = {}): Promise<ToyResult> {
  const state = await restore(cluster, folder);
  const startedAt = state.steps[0]!;
  const pixels = Uint8Array.from({ length: images * 4 * 4 * 3 }, (_, index) => (index * index + 7 * index) % 256);
  const stream = createBatches(openImageArray({ images: pixels, height: 4, width: 4 }), {
    batchSize: 8,
    imageSize: 3,
    resizeTo: 4,
    crop: 'random',
    shuffle: true,
    key: randomKey(5),
    lastBatch: 'partial',
    workers: 0,
    startAt: startedAt,
    part: cluster,
  });
  for (let step = startedAt; step < steps; step++) {
    const batch = await stream.next();
    const own = new Int32Array(weights + images);
    batch.images.forEach((value, index) => (own[index % weights]! += Math.round(255 * value)));
    for (const index of batch.indices) own[weights + index]!++;
    const all = await cluster.gather(`step ${step}`, new Uint8Array(own.buffer));
    const sums = new Int32Array(weights + images);
    for (const bytes of all) new Int32Array(bytes.buffer).forEach((value, index) => (sums[index]! += value));
    state.weights.forEach((weight, index) => (state.weights[index] = Math.imul(weight, 31) + sums[index]!));
    state.seen.forEach((_, index) => (state.seen[index]! += sums[weights + index]!));
    state.steps[0]!++;
    if (state.steps[0]! % 4 === 0) await save(cluster, folder, state);
    await onStep?.(state.steps[0]!);
  }
  await stream.close();
  return { startedAt, weights: [...state.weights], seen: [...state.seen] };
}

interface ToyState {
  readonly weights: Int32Array;
  readonly seen: Int32Array;
  readonly steps: Int32Array;
}

async function save(cluster: Cluster, folder: string, { weights, seen, steps }: ToyState): Promise<void> {
  const tensors = new Map<string, HostTensor>([
    ['weights', { shape: [9, 3], data: weights }],
    ['seen', { shape: [images], data: seen }],
    ['steps', { shape: [], data: steps }],
  ]);
  await writeCheckpointInParts(folder, { step: steps[0]!, tensors, state: null }, cluster, { keep: 2 });
}

/** Reads the checkpoint that process 0 finds newest, so that all go on from the same one. */
async function restore(cluster: Cluster, folder: string): Promise<ToyState> {
  const newest = cluster.rank === 0 ? ((await listCheckpointsInParts(folder)).at(-1)?.folder ?? '') : undefined;
  const chosen = await cluster.broadcast('newest', newest === undefined ? undefined : new TextEncoder().encode(newest));
  const path = new TextDecoder().decode(chosen);
  if (path === '') {
    return { weights: new Int32Array(weights).fill(1), seen: new Int32Array(images), steps: new Int32Array(1) };
  }
  const opened = await openCheckpointInParts(path);
  const read = async (name: keyof ToyState): Promise<Int32Array> =>
    (await opened.read(opened.entries.find((entry) => entry.name === name)!)).data as Int32Array;
  const state = { weights: await read('weights'), seen: await read('seen'), steps: await read('steps') };
  await opened.close();
  return state;
}
