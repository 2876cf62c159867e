/**
 * Measures forward and backward of one transformer block, in a process of its own, so that its peak
 * memory is that of this block. Arguments: kind, tokens a side, threads. Prints a line of JSON.
 */
import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { randomKey, randomNormal, split } from '@vitvq/core';
import { compile, useEngine } from '@vitvq/engine';
import { TransformerBlock, type AttentionConfig } from '@vitvq/layers';
import { median } from '../results.js';
import { attentionOf } from './kinds.js';
import { blockSize, type BlockFigures } from './results.js';

const [, , kind, side, threads] = process.argv;
const rows = Number(side);
const { dim } = blockSize;

/** Runs after the first, which compiles: as many as fit, at most five. */
const [maximumRuns, enoughMilliseconds] = [5, 4000];

await useEngine({ name: 'onnx', threads: threads === undefined ? undefined : Number(threads) });
const [key, inputKey] = split(randomKey(0));
const memoryBefore = process.memoryUsage().rss;
const block = new TransformerBlock({
  ...blockSize,
  attention: attentionOf(rows)[kind as AttentionConfig['kind']],
  grid: [rows, rows],
  // Windows of this block are shifted, and axes are columns.
  blockIndex: 1,
  key: key!,
});
const step = compile((x: tf.Tensor3D) => {
  const variables = block.trainableVariables();
  const loss = (): tf.Scalar => tf.mean(tf.square(block.apply(x)));
  // One number of each gradient, so that none is left out and none is read.
  return tf
    .engine()
    .gradients(loss, [x, ...variables], undefined, true)
    .grads.map((gradient) => tf.sum(gradient));
});
const x = tf.tensor3d(randomNormal(inputKey!, rows * rows * dim), [1, rows * rows, dim]);

async function run(): Promise<number> {
  const start = performance.now();
  const sums = await step(x);
  await Promise.all(sums.map((sum) => sum.data()));
  tf.dispose(sums);
  return performance.now() - start;
}

await run();
const milliseconds: number[] = [];
while (milliseconds.length < maximumRuns && milliseconds.reduce((sum, ms) => sum + ms, 0) < enoughMilliseconds) {
  milliseconds.push(await run());
}
const figures: BlockFigures = {
  milliseconds: median(milliseconds),
  megabytes: process.resourceUsage().maxRSS / 1024 - memoryBefore / 2 ** 20,
};
console.log(JSON.stringify(figures));
process.exit(0);
