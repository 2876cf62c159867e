import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { l1Loss, l2Loss } from '@vitvq/losses';
import { AdamW, decayGroups } from '@vitvq/optim';
import { createEvaluationStep, createStage1Loss, createStage1Step, type Stage1StepOptions } from '../src/index.js';
import { expectNoTensorLeak } from '@vitvq/test-utils';
import { describe, expect, it } from 'vitest';
import { tinyImages, tinyModel } from './tiny.js';

function setUp(options: Partial<Stage1StepOptions> = {}, tokenizer = tinyModel()) {
  const optimizer = new AdamW(decayGroups(tokenizer.namedTrainableVariables(), 1e-4));
  const { data, shape } = tinyImages(4);
  const images = tf.tensor4d(data, [...shape]);
  return { tokenizer, images, step: createStage1Step({ tokenizer, optimizer, ...options }) };
}

const scalar = (tensor: tf.Tensor): number => tensor.dataSync()[0]!;

describe('createStage1Step', () => {
  it('learns one batch by heart', () => {
    const { tokenizer, images, step } = setUp({ clipNorm: 1 });
    tf.tidy(() => tokenizer.quantizer.initializeFromData(tokenizer.latents(images), tf.fill([16], 0.5)));
    const first = scalar(step(images, tf.scalar(1e-2)).reconstructionLoss);
    for (let count = 0; count < 150; count++) tf.tidy(() => void step(images, tf.scalar(1e-2)));
    const last = scalar(step(images, tf.scalar(1e-2)).reconstructionLoss);
    expect(first / last).toBeGreaterThan(20);
  });

  it('returns the terms of the loss before the update, and gradient norms by variable', () => {
    const { tokenizer, images, step } = setUp({ losses: { l1: 0.5, l2: 2, quantizer: 3 } });
    const { reconstruction, quantizerLoss } = tokenizer.forward(images);
    const pixels = 0.5 * scalar(l1Loss(reconstruction, images)) + 2 * scalar(l2Loss(reconstruction, images));
    const result = step(images, tf.scalar(0.1));
    expect(result.reconstructionLoss).toBeAllClose(pixels);
    expect(result.quantizerLoss).toBeAllClose(quantizerLoss);
    expect(result.loss).toBeAllClose(pixels + 3 * scalar(quantizerLoss));
    expect(result.gradientNorms.shape).toEqual([tokenizer.trainableVariables().length]);
    expect(result.gradientNorm).toBeAllClose(Math.hypot(...result.gradientNorms.dataSync()));
  });

  it('moves along clipped gradients', () => {
    const seen: number[] = [];
    const optimizer = {
      apply(gradients: ReadonlyMap<string, tf.Tensor>, _rate: tf.Scalar, options?: { gradientScale?: tf.Scalar }) {
        const squares = [...gradients.values()].map((gradient) => scalar(tf.sum(tf.square(gradient))));
        const norm = Math.sqrt(squares.reduce((sum, square) => sum + square));
        seen.push(norm, options?.gradientScale ? scalar(options.gradientScale) : 1);
      },
    };
    const { images, step } = setUp({ optimizer, clipNorm: 0.01 });
    const { gradientNorm } = step(images, tf.scalar(1));
    expect(gradientNorm).toBeAllClose(seen[0]!);
    expect(seen[0]! * seen[1]!).toBeCloseTo(0.01, 5);
    const free = setUp({ optimizer });
    free.step(free.images, tf.scalar(1));
    expect(seen[3]).toBe(1);
  });

  it('counts the use of codes', () => {
    const { tokenizer, images, step } = setUp();
    step(images, tf.scalar(0));
    expect(scalar(tf.sum(tokenizer.quantizer.usage!))).toBe(4 * 4);
  });

  it('minimises the logit-laplace loss', () => {
    const { images, step } = setUp({ losses: { l2: 0, logitLaplace: 1 } }, tinyModel({ output: 'logit-laplace' }));
    const first = scalar(step(images, tf.scalar(3e-3)).reconstructionLoss);
    for (let count = 0; count < 40; count++) tf.tidy(() => void step(images, tf.scalar(3e-3)));
    expect(scalar(step(images, tf.scalar(3e-3)).reconstructionLoss)).toBeLessThan(first - 0.3);
  });

  it('keeps no tensor', () => {
    const { images, step } = setUp({ clipNorm: 1, losses: { l1: 1 } });
    const rate = tf.scalar(1e-3);
    expectNoTensorLeak(() => tf.dispose(step(images, rate)));
  });

  it('refuses weights that make no sense', () => {
    const tokenizer = tinyModel();
    expect(() => createStage1Loss(tokenizer, { l2: -1 })).toThrow(
      'createStage1Loss: expected the weight l2 to be a finite number at least 0, got -1',
    );
    expect(() => createStage1Loss(tokenizer, { l2: 0 })).toThrow(
      'expected a pixel loss with a weight above 0, got none. Set l1, l2 or logitLaplace.',
    );
    expect(() => createStage1Loss(tokenizer, { logitLaplace: 0.1 })).toThrow(
      "expected a tokenizer with output 'logit-laplace' for the logit-laplace loss, got output 'pixels'",
    );
    expect(() => setUp({ clipNorm: 0 })).toThrow('createStage1Step: expected clipNorm');
  });

  it('trains a plain autoencoder when it is not to quantize: the codebook neither moves nor counts', () => {
    const { tokenizer, images, step } = setUp({ quantize: false });
    const codebook = tokenizer.quantizer.codebook.dataSync().slice();
    const first = scalar(step(images, tf.scalar(1e-2)).reconstructionLoss);
    for (let count = 0; count < 30; count++) tf.tidy(() => void step(images, tf.scalar(1e-2)));
    const { loss, reconstructionLoss, quantizerLoss } = step(images, tf.scalar(1e-2));
    expect(scalar(reconstructionLoss)).toBeLessThan(first / 3);
    expect(loss).toBeAllClose(reconstructionLoss);
    expect(scalar(quantizerLoss)).toBeGreaterThan(0);
    expect(tokenizer.quantizer.codebook.dataSync()).toEqual(codebook);
    expect(scalar(tf.sum(tokenizer.quantizer.usage!))).toBe(0);
  });
});

describe('createEvaluationStep', () => {
  it('gives clamped reconstructions, tokens and an error an image', () => {
    const { tokenizer, images } = setUp();
    const { reconstructions, indices, squaredErrors } = createEvaluationStep(tokenizer)(images);
    expect(reconstructions).toBeAllClose(tokenizer.reconstruct(images), { rtol: 1e-4, atol: 1e-5 });
    expect(indices).toBeAllClose(tokenizer.encode(images));
    expect(squaredErrors).toBeAllClose(tf.mean(tf.square(tf.sub(images, reconstructions)), [1, 2, 3]));
    expect(scalar(tf.sum(tokenizer.quantizer.usage!))).toBe(0);
  });
});
