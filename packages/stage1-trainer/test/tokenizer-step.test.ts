import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { createEvaluationStep } from '@vitvq/evaluation';
import { AdamW, decayGroups } from '@vitvq/optim';
import { tinyImages, tinyModel } from '@vitvq/test-models';
import { expectNoTensorLeak } from '@vitvq/test-utils';
import { gradientStep, type GradientStepOptions } from '@vitvq/training';
import { createTokenizerGradients, type TokenizerLossOptions } from '../src/index.js';
import { snapshot } from './adversary.js';

function setUp({
  tokenizer = tinyModel(),
  optimizer = new AdamW(decayGroups(tokenizer.namedTrainableVariables(), 1e-4)),
  clipNorm,
  ...options
}: Partial<TokenizerLossOptions & GradientStepOptions> & { tokenizer?: ReturnType<typeof tinyModel> } = {}) {
  const { data, shape } = tinyImages(4);
  const images = tf.tensor4d(data, [...shape]);
  const gradientsOf = createTokenizerGradients({ tokenizer, ...options });
  const step = gradientStep((batch: tf.Tensor4D) => gradientsOf(batch), { optimizer, clipNorm });
  return { tokenizer, images, step };
}

const scalar = (tensor: tf.Tensor): number => tensor.dataSync()[0]!;

describe('a step of the tokenizer', () => {
  it('learns one batch by heart', () => {
    const { tokenizer, images, step } = setUp({ clipNorm: 1 });
    tf.tidy(() => tokenizer.quantizer.codebook.initialize(tokenizer.latents(images), tf.fill([16], 0.5)));
    const first = scalar(step(tf.scalar(1e-2), images).values['l2']!);
    for (let count = 0; count < 30; count++) tf.tidy(() => void step(tf.scalar(1e-2), images));
    const last = scalar(step(tf.scalar(1e-2), images).values['l2']!);
    expect(first / last).toBeGreaterThan(8);
  });

  it('returns the terms of the loss before the update, and gradient norms by variable', () => {
    const { tokenizer, images, step } = setUp({ weights: { l1: 0.5, l2: 2, quantizer: 3 } });
    const { values: before, gradients } = createTokenizerGradients({
      tokenizer,
      weights: { l1: 0.5, l2: 2, quantizer: 3 },
    })(images);
    const { values, gradientNorms } = step(tf.scalar(0.1), images);
    expect(Object.keys(values)).toEqual([...Object.keys(before), 'gradientNorm']);
    for (const [name, value] of Object.entries(before)) expect(values[name], name).toBeAllClose(value);
    const norms = [...gradients.values()].map((gradient) => scalar(tf.norm(gradient)));
    expect([...gradientNorms.dataSync()]).toBeAllClose(norms, { rtol: 1e-4 });
    expect(values['gradientNorm']).toBeAllClose(Math.hypot(...norms), { rtol: 1e-4 });
  });

  it('moves along clipped gradients', () => {
    // With beta1 = beta2 = 0 and a large epsilon a step is proportional to its gradient.
    const moved = (clipNorm: number | null): { length: number; gradientNorm: number } => {
      const tokenizer = tinyModel();
      const variables = tokenizer.namedTrainableVariables();
      const optimizer = new AdamW([{ variables, weightDecay: 0 }], { beta1: 0, beta2: 0, epsilon: 1e3 });
      const before = [...variables.values()].map((variable) => variable.dataSync().slice());
      const { images, step } = setUp({ tokenizer, optimizer, clipNorm });
      const { values } = step(tf.scalar(1e3), images);
      const squares = [...variables.values()].flatMap((variable, index) =>
        [...variable.dataSync()].map((value, element) => (value - before[index]![element]!) ** 2),
      );
      const length = Math.sqrt(squares.reduce((sum, square) => sum + square));
      return { length, gradientNorm: scalar(values['gradientNorm']!) };
    };
    const free = moved(null);
    expect(free.length / free.gradientNorm).toBeCloseTo(1, 1);
    const clipped = moved(0.01);
    expect(clipped.gradientNorm).toBeCloseTo(free.gradientNorm, 5);
    expect(clipped.length).toBeCloseTo(0.01, 3);
  });

  it('changes nothing where a gradient is not finite', () => {
    const { tokenizer, images, step } = setUp();
    const before = snapshot(tokenizer.namedTrainableVariables());
    const { values } = step(tf.scalar(0.1), tf.add(images, NaN));
    expect(scalar(values['gradientNorm']!)).toBeNaN();
    expect(snapshot(tokenizer.namedTrainableVariables())).toEqual(before);
  });

  it('counts the use of codes', () => {
    const { tokenizer, images, step } = setUp();
    step(tf.scalar(0), images);
    expect(scalar(tf.sum(tokenizer.quantizer.codebook.usage!))).toBe(4 * 4);
  });

  it('minimises the logit-laplace loss', () => {
    const { images, step } = setUp({
      tokenizer: tinyModel({ output: 'logit-laplace' }),
      weights: { l2: 0, logitLaplace: 1 },
    });
    const first = scalar(step(tf.scalar(3e-3), images).values['logitLaplace']!);
    for (let count = 0; count < 40; count++) tf.tidy(() => void step(tf.scalar(3e-3), images));
    expect(scalar(step(tf.scalar(3e-3), images).values['logitLaplace']!)).toBeLessThan(first - 0.3);
  });

  it('keeps no tensor', () => {
    const { images, step } = setUp({ clipNorm: 1, weights: { l1: 1 } });
    const rate = tf.scalar(1e-3);
    expectNoTensorLeak(() => tf.dispose(step(rate, images)));
  });

  it('refuses a limit of gradients that is not positive', () => {
    expect(() => setUp({ clipNorm: 0 })).toThrow('gradientStep: expected clipNorm');
  });

  it('trains a plain autoencoder when it is not to quantize: the codebook neither moves nor counts', () => {
    const { tokenizer, images, step } = setUp({ quantize: false });
    const codebook = tokenizer.quantizer.codebook.weights.dataSync().slice();
    const first = scalar(step(tf.scalar(1e-2), images).values['l2']!);
    for (let count = 0; count < 30; count++) tf.tidy(() => void step(tf.scalar(1e-2), images));
    const { values } = step(tf.scalar(1e-2), images);
    expect(scalar(values['l2']!)).toBeLessThan(first / 3);
    expect(values['loss']).toBeAllClose(values['l2']!);
    expect(scalar(values['quantizer']!)).toBeGreaterThan(0);
    expect(tokenizer.quantizer.codebook.weights.dataSync()).toEqual(codebook);
    expect(scalar(tf.sum(tokenizer.quantizer.codebook.usage!))).toBe(0);
  });
});

describe('createEvaluationStep', () => {
  it('gives clamped reconstructions, tokens and an error an image', () => {
    const { tokenizer, images } = setUp();
    const { reconstructions, indices, squaredErrors } = createEvaluationStep(tokenizer)(images);
    expect(reconstructions).toBeAllClose(tokenizer.reconstruct(images), { rtol: 1e-4, atol: 1e-5 });
    expect(indices).toBeAllClose(tokenizer.encode(images));
    expect(squaredErrors).toBeAllClose(tf.mean(tf.square(tf.sub(images, reconstructions)), [1, 2, 3]));
    expect(scalar(tf.sum(tokenizer.quantizer.codebook.usage!))).toBe(0);
  });
});
