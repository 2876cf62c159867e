import * as tf from '@tensorflow/tfjs-core';
import { assertInteger, DataError, formatShape, ShapeError, type HostTensor } from '@vitvq/core';
import { averageTokens, type FeatureFunction, type NamedFeatures } from './feature-function.js';
import type { FeatureMatrix, FeatureSet } from './feature-set.js';

/** Inputs of a feature function with their classes. */
export interface LabelledBatch {
  /** `[B, ...]`: images, tokens. */
  readonly inputs: HostTensor;
  /** Class of each sample, an integer from 0; what comes after `count` is not looked at. */
  readonly labels: ArrayLike<number>;
  /** Samples that are not padding; they come first. @default all */
  readonly count?: number;
}

/**
 * Cuts inputs that are in memory into batches.
 * @param inputs  `[count, ...]`
 * @throws {ShapeError} when labels, values and shape do not fit each other
 * @throws {ConfigError}
 */
export function* hostBatches(
  inputs: HostTensor,
  labels: ArrayLike<number>,
  { batchSize = 64 }: { readonly batchSize?: number } = {},
): Generator<LabelledBatch, void, undefined> {
  const where = 'hostBatches';
  assertInteger(batchSize, 'batchSize', where);
  assertFits(inputs, where);
  const [count, ...sampleShape] = inputs.shape;
  if (labels.length !== count) {
    throw new ShapeError({ where, expected: `${count} labels, one a sample`, got: String(labels.length) });
  }
  const size = sizeOf(sampleShape);
  for (let start = 0; start < count; start += batchSize) {
    const end = Math.min(start + batchSize, count);
    yield {
      inputs: { shape: [end - start, ...sampleShape], data: inputs.data.subarray(start * size, end * size) },
      labels: Array.from({ length: end - start }, (_, index) => labels[start + index]!),
    };
  }
}

/**
 * Runs a feature function over a data set and keeps the average over tokens of every block in host memory: one batch is on the
 * device at a time. A batch that is smaller than the first is filled up with its first sample, so that a compiled function keeps
 * its shape; what is filled up is left out of the result.
 * @param features  from `compileFeatures`, or any function that returns tensors or a promise of them; it disposes of
 * intermediate tensors itself, its results are disposed of here
 * @param batches  in an order of their own; shuffling changes nothing but the order of rows
 * @throws {DataError} naming the block for a feature that is not finite; for labels that are no classes; without samples
 * @throws {ShapeError} for batches whose counts do not fit, and blocks that change from batch to batch
 */
export async function collectFeatures<I extends tf.Tensor>(
  features: FeatureFunction<I>,
  batches: Iterable<LabelledBatch> | AsyncIterable<LabelledBatch>,
): Promise<FeatureSet> {
  const labels: number[] = [];
  const collected = new Map<string, { readonly dim: number; readonly parts: Float32Array[] }>();
  let batchSize = 0;
  for await (const batch of batches) {
    const count = assertBatch(batch, labels.length);
    if (count === 0) continue;
    batchSize ||= batch.inputs.shape[0]!;
    const pooled = await featuresOfBatch(features, fillUp(batch.inputs, batchSize));
    if (collected.size === 0) for (const [block, { dim }] of pooled) collected.set(block, { dim, parts: [] });
    assertSameBlocks(collected, pooled);
    for (const [block, { dim, data: values }] of pooled) {
      const part = values.slice(0, count * dim);
      assertFinite(part, dim, block, labels.length);
      collected.get(block)!.parts.push(part);
    }
    for (let index = 0; index < count; index++) labels.push(batch.labels[index]!);
  }
  if (labels.length === 0) {
    throw new DataError({ where: 'collectFeatures', expected: 'one or more samples', got: 'none' });
  }
  const blocks = new Map<string, FeatureMatrix>();
  for (const [block, { dim, parts }] of collected) blocks.set(block, { dim, data: concatenate(parts) });
  return { count: labels.length, labels: Int32Array.from(labels), blocks };
}

async function featuresOfBatch<I extends tf.Tensor>(
  features: FeatureFunction<I>,
  { shape, data }: HostTensor,
): Promise<Map<string, FeatureMatrix>> {
  const inputs = tf.tensor(data, [...shape], data instanceof Int32Array ? 'int32' : 'float32') as I;
  try {
    return await readAndDispose(await features(inputs), shape[0]!);
  } finally {
    inputs.dispose();
  }
}

async function readAndDispose(named: NamedFeatures, batchSize: number): Promise<Map<string, FeatureMatrix>> {
  const matrices = new Map<string, FeatureMatrix>();
  try {
    for (const [block, tensor] of Object.entries(named)) {
      const pooled = tf.tidy(() => averageTokens(tensor, block));
      const [rows, dim] = pooled.shape;
      if (rows !== batchSize || dim === 0) {
        throw new ShapeError({
          where: `collectFeatures, block "${block}"`,
          expected: `features of ${batchSize} samples`,
          got: formatShape(tensor.shape),
        });
      }
      // A copy: on the cpu backend the values are the tensor's own storage.
      matrices.set(block, { dim, data: (await pooled.data<'float32'>()).slice() });
      pooled.dispose();
    }
  } finally {
    tf.dispose(Object.values(named));
  }
  if (matrices.size === 0) {
    throw new DataError({ where: 'collectFeatures', expected: 'features of one or more blocks', got: 'none' });
  }
  return matrices;
}

function assertBatch({ inputs, labels, count = inputs.shape[0]! }: LabelledBatch, before: number): number {
  const where = 'collectFeatures';
  assertFits(inputs, where);
  assertInteger(count, 'count', where, 0);
  if (count > inputs.shape[0]! || labels.length < count) {
    throw new ShapeError({
      where,
      expected: `a batch with inputs and labels of ${count} samples`,
      got: `inputs ${formatShape(inputs.shape)} and ${labels.length} labels`,
    });
  }
  for (let index = 0; index < count; index++) {
    const label = labels[index]!;
    if (!Number.isInteger(label) || label < 0) {
      throw new DataError({
        where,
        expected: 'labels to be integers of at least 0',
        got: `${label} for sample ${before + index}`,
      });
    }
  }
  return count;
}

function assertSameBlocks(
  first: ReadonlyMap<string, { readonly dim: number }>,
  now: ReadonlyMap<string, { readonly dim: number }>,
): void {
  const list = (blocks: ReadonlyMap<string, { readonly dim: number }>): string =>
    [...blocks].map(([block, { dim }]) => `${block} [B, ${dim}]`).join(', ');
  if (list(first) !== list(now)) {
    throw new ShapeError({
      where: 'collectFeatures',
      expected: `the blocks of the first batch, ${list(first)}`,
      got: list(now),
    });
  }
}

function assertFinite(part: Float32Array, dim: number, block: string, before: number): void {
  const wrong = part.findIndex((value) => !Number.isFinite(value));
  if (wrong < 0) return;
  throw new DataError({
    where: `collectFeatures, block "${block}"`,
    expected: 'finite features',
    got: `${part[wrong]} in sample ${before + Math.floor(wrong / dim)}, component ${wrong % dim}`,
    fix: 'Look for a broken input, or weights that diverged.',
  });
}

function assertFits({ shape, data }: HostTensor, where: string): void {
  if (shape.length < 2 || data.length !== sizeOf(shape)) {
    throw new ShapeError({
      where,
      expected: `inputs [B, ...] with their values`,
      got: `${data.length} values for ${formatShape(shape)}`,
    });
  }
}

function fillUp(inputs: HostTensor, batchSize: number): HostTensor {
  const [count, ...sampleShape] = inputs.shape;
  if (count! >= batchSize) return inputs;
  const size = sizeOf(sampleShape);
  const data =
    inputs.data instanceof Int32Array ? new Int32Array(batchSize * size) : new Float32Array(batchSize * size);
  data.set(inputs.data);
  for (let row = count!; row < batchSize; row++) data.set(inputs.data.subarray(0, size), row * size);
  return { shape: [batchSize, ...sampleShape], data };
}

function concatenate(parts: Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);
