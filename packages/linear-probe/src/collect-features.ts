import { createHash } from 'node:crypto';
import * as tf from '@tensorflow/tfjs-core';
import {
  assertInteger,
  assertMembers,
  checkOptions,
  concatenate,
  DataError,
  elementCount,
  formatShape,
  ShapeError,
  takeRows,
  type HostTensor,
  type OptionTable,
} from '@vitvq/core';
import { averageTokens, type FeatureFunction, type NamedFeatures } from './feature-function.js';
import type { FeatureMatrix, FeatureSet } from './feature-set.js';

/** Inputs of a feature function with their classes. */
export interface LabelledBatch {
  /** `[B, ...]`, such as images or tokens. */
  readonly inputs: HostTensor;
  /** Class of each sample, an integer from 0; labels after `count` are ignored. */
  readonly labels: ArrayLike<number>;
  /** Number of samples that are not padding; they come first. @default all */
  readonly count?: number;
}

const hostBatchesOptionNames: OptionTable<{ readonly batchSize?: number }> = {
  batchSize: 'optional',
};

/**
 * Divides inputs in memory into batches, which share their memory.
 * @param inputs  `[count, ...]`
 * @throws {ShapeError} when labels, values and shape do not fit each other
 * @throws {ConfigError} unless the batch size is a positive integer
 */
export function* hostBatches(
  inputs: HostTensor,
  labels: ArrayLike<number>,
  options: { readonly batchSize?: number } = {},
): Generator<LabelledBatch, void, undefined> {
  const where = 'hostBatches';
  const { batchSize = 64 } = checkOptions(options, hostBatchesOptionNames, where);
  assertInteger(batchSize, 'batchSize', where);
  assertFits(inputs, where);
  const [count, ...sampleShape] = inputs.shape;
  if (labels.length !== count) {
    throw new ShapeError({ where, expected: `${count} labels, one for each sample`, got: String(labels.length) });
  }
  const size = elementCount(sampleShape);
  for (let start = 0; start < count; start += batchSize) {
    const end = Math.min(start + batchSize, count);
    yield {
      inputs: { shape: [end - start, ...sampleShape], data: inputs.data.subarray(start * size, end * size) },
      labels: Array.from({ length: end - start }, (_, index) => labels[start + index]!),
    };
  }
}

/**
 * Runs a feature function over a data set and keeps the average over tokens of every block in host
 * memory; one batch at a time is on the device. A batch that is smaller than the first one is
 * padded with its own first sample, so that a compiled function sees one shape; the padding is left
 * out of the result.
 * @param features  from `compileFeatures`, or any function that returns tensors or a promise of
 * them. It disposes of its intermediate tensors; its results are disposed of here
 * @param batches  in any order, which is the order of the rows of the result
 * @throws {DataError} naming the sample for an input that is not finite, and the block for such a
 * feature; for labels that are not classes; without samples
 * @throws {ShapeError} when counts do not fit, and when the blocks change from batch to batch
 */
export async function collectFeatures<I extends tf.Tensor>(
  features: FeatureFunction<I>,
  batches: Iterable<LabelledBatch> | AsyncIterable<LabelledBatch>,
): Promise<FeatureSet> {
  const labels: number[] = [];
  const hashes: string[] = [];
  const collected = new Map<string, { readonly dim: number; readonly parts: Float32Array[] }>();
  let batchSize = 0;
  for await (const batch of batches) {
    const count = assertBatch(batch, labels.length);
    if (count === 0) continue;
    batchSize ||= batch.inputs.shape[0]!;
    const pooled = await featuresOfBatch(features, padded(batch.inputs, batchSize));
    if (collected.size === 0) for (const [block, { dim }] of pooled) collected.set(block, { dim, parts: [] });
    assertSameBlocks(collected, pooled);
    for (const [block, { dim, data: values }] of pooled) {
      const part = values.slice(0, count * dim);
      assertFinite(part, dim, block, labels.length);
      collected.get(block)!.parts.push(part);
    }
    for (let index = 0; index < count; index++) labels.push(batch.labels[index]!);
    hashes.push(...hashesOf(batch.inputs, count));
  }
  if (labels.length === 0) {
    throw new DataError({ where: 'collectFeatures', expected: 'at least one sample', got: 'none' });
  }
  const blocks = new Map<string, FeatureMatrix>();
  for (const [block, { dim, parts }] of collected) blocks.set(block, { dim, data: concatenate(parts, Float32Array) });
  return { count: labels.length, labels: Int32Array.from(labels), blocks, hashes };
}

/** Returns the hash of each of the first `count` inputs. */
function hashesOf({ shape, data }: HostTensor, count: number): string[] {
  const size = elementCount(shape.slice(1));
  return Array.from({ length: count }, (_, row) => {
    const { buffer, byteOffset, byteLength } = data.subarray(row * size, (row + 1) * size);
    return createHash('sha256')
      .update(new Uint8Array(buffer, byteOffset, byteLength))
      .digest('hex');
  });
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
    throw new DataError({ where: 'collectFeatures', expected: 'features of at least one block', got: 'none' });
  }
  return matrices;
}

function assertBatch(batch: LabelledBatch, before: number): number {
  const where = 'collectFeatures';
  assertMembers(batch, ['inputs', 'labels'], 'a batch', where);
  const { inputs, labels } = batch;
  assertMembers(inputs, ['shape', 'data'], 'the inputs of a batch', where);
  const { count = inputs.shape[0]! } = batch;
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
  // Tokens do not show that their image was none, nor do features of tokens.
  const sampleSize = elementCount(inputs.shape.slice(1));
  const wrong = inputs.data.subarray(0, count * sampleSize).findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0) {
    const sample = before + Math.floor(wrong / sampleSize);
    throw new DataError({ where, expected: 'finite inputs', got: `${inputs.data[wrong]} in sample ${sample}` });
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
    fix: 'Look for a damaged input, or weights that diverged.',
  });
}

function assertFits({ shape, data }: HostTensor, where: string): void {
  if (shape.length < 2 || data.length !== elementCount(shape)) {
    throw new ShapeError({
      where,
      expected: 'inputs [B, ...] with as many values as their shape says',
      got: `${data.length} values for ${formatShape(shape)}`,
    });
  }
}

/**
 * Repeats the first sample of a batch until the batch has the given size; a full batch stays as it
 * is.
 */
function padded(inputs: HostTensor, batchSize: number): HostTensor {
  const [count, ...sampleShape] = inputs.shape;
  if (count! >= batchSize) return inputs;
  const rows = Array.from({ length: batchSize }, (_, row) => (row < count! ? row : 0));
  return { shape: [batchSize, ...sampleShape], data: takeRows(inputs.data, elementCount(sampleShape), rows) };
}
