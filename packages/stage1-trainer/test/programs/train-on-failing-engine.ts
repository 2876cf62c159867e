/**
 * Trains in a folder on an engine that fails after five steps: its thread ends (`thread`), or its
 * memory runs out when the discriminator begins (`memory`).
 *
 *   train-on-failing-engine.ts <folder> <thread or memory>
 */
import '@tensorflow/tfjs';
import type { Worker } from 'node:worker_threads';
import * as tf from '@tensorflow/tfjs-core';
import type { AdversarialLoss } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { hingeAdversarialLoss } from '@vitvq/losses';
import { tinyGanConfig, tinyGanTrainer, tinyPatchDiscriminator } from '../tiny-gan.js';

const [directory, failure] = process.argv.slice(2) as [string, 'thread' | 'memory'];
const begin = 5;

let thread: Worker | undefined;
process.once('worker', (worker: Worker) => (thread = worker));
await useEngine({ name: 'onnx', threads: 1, onCompile: () => undefined });

const large = 2 ** 23;
/** Needs more bytes than any machine has addresses for. */
const loss: AdversarialLoss = {
  ...hingeAdversarialLoss,
  discriminator: (real, fake) =>
    tf.tidy(() => {
      const column = tf.mul(tf.ones([large, 1]), tf.mean(real));
      const product = tf.tanh(tf.matMul(column, column, false, true));
      return tf.add<tf.Scalar>(
        hingeAdversarialLoss.discriminator(real, fake),
        tf.sum(tf.slice(product, [0, 0], [1, 1])),
      );
    }),
};

const trainer = tinyGanTrainer({
  directory,
  checkpoint: { everySteps: 2 },
  config: tinyGanConfig({ duration: { steps: 9 } }, { start: { step: begin } }),
  adversarial: { discriminator: tinyPatchDiscriminator(), loss: failure === 'memory' ? loss : hingeAdversarialLoss },
});
trainer.on('step', ({ step }) => {
  if (failure === 'thread' && step === begin) void thread!.terminate();
});
trainer.on('warning', ({ code, message }) => void process.stdout.write(`${code}: ${message}\n`));
await trainer.run();
