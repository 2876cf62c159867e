import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { doctor, useEngine } from '@vitvq/engine';
import { tinyBatches, tinyImages, tinyModel } from '@vitvq/test-models';
import { tinyGanConfig, tinyGanTrainer } from './tiny-gan.js';

const { engines } = await doctor();
const hasOnnx = engines.some(({ name, available }) => name === 'onnx' && available);

describe.skipIf(!hasOnnx)('a long run', { timeout: 180_000 }, () => {
  it('has as many tensors after 1,000 steps as after 100: both optimizers, averages, evaluations, previews', async () => {
    await useEngine({ name: 'onnx', threads: 1, onCompile: () => undefined });
    const size = { dim: 4, depth: 1, numHeads: 1, mlpDim: 4 };
    const images = tinyImages(1, 77);
    const trainer = tinyGanTrainer({
      tokenizer: tinyModel({ patchSize: 8, encoder: size, decoder: size }),
      config: tinyGanConfig(
        {
          duration: { steps: 1000 },
          codebook: { autoencoderFraction: 0, initializeFromData: true, resetEvery: 50 },
        },
        { r1: { weight: 1, every: 16 } },
      ),
      openBatches: (startAt) => tinyBatches(startAt, 2),
      evaluation: { images, batchSize: 1, everySteps: 50 },
      preview: { images, everySteps: 50 },
    });
    const counts: { step: number; tensors: number; buffers: number }[] = [];
    trainer.on('step', ({ step }) => {
      const { numTensors, numDataBuffers } = tf.memory();
      if (step % 100 === 0) counts.push({ step, tensors: numTensors, buffers: numDataBuffers });
    });
    await trainer.run();
    expect(counts).toHaveLength(10);
    const [{ tensors, buffers }] = counts as [(typeof counts)[number]];
    expect(counts).toEqual(counts.map(({ step }) => ({ step, tensors, buffers })));
    trainer.dispose();
  });
});
