import { ConfigError } from '@vitvq/core';
import { testOptions } from '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import {
  adaptiveWeight,
  binaryCrossEntropyLoss,
  crossEntropy,
  hingeAdversarialLoss,
  imageGradientLoss,
  l1Loss,
  l2Loss,
  leCamPenalty,
  logitLaplaceImage,
  logitLaplaceLoss,
  logitLaplaceMap,
  logitLaplaceUnmap,
  LPIPS,
  nextLeCamAnchor,
  r1Penalty,
} from '../src/index.js';

const gradient = tf.ones([2]);

testOptions({
  LPIPS: { create: (options) => new LPIPS(options), option: 'channels', isOptional: true },
  adaptiveWeight: {
    create: (options) => adaptiveWeight(gradient, gradient, options),
    option: 'maximum',
    isOptional: true,
  },
  logitLaplaceImage: {
    create: (options) => logitLaplaceImage(gradient, options),
    option: 'epsilon',
    isOptional: true,
  },
  logitLaplaceLoss: {
    create: (options) => logitLaplaceLoss({ mean: gradient, logScale: gradient }, gradient, options),
    option: 'epsilon',
    isOptional: true,
  },
  logitLaplaceMap: { create: (options) => logitLaplaceMap(gradient, options), option: 'epsilon', isOptional: true },
  logitLaplaceUnmap: {
    create: (options) => logitLaplaceUnmap(gradient, options),
    option: 'epsilon',
    isOptional: true,
  },
  nextLeCamAnchor: {
    create: (options) => nextLeCamAnchor(tf.scalar(0), tf.scalar(0), options),
    option: 'decay',
    isOptional: true,
  },
});

const none = undefined as never;
const anchors = { real: tf.scalar(0), fake: tf.scalar(0) };

it.each<[name: string, call: () => unknown]>([
  ['adaptiveWeight', () => adaptiveWeight(none, gradient)],
  ['binaryCrossEntropyLoss', () => binaryCrossEntropyLoss(gradient, none)],
  ['crossEntropy', () => crossEntropy(none, gradient)],
  ['hingeAdversarialLoss.discriminator', () => hingeAdversarialLoss.discriminator(none, gradient)],
  ['hingeAdversarialLoss.generator', () => hingeAdversarialLoss.generator(none)],
  ['imageGradientLoss', () => imageGradientLoss(none, gradient)],
  ['l1Loss', () => l1Loss(none, gradient)],
  ['l2Loss', () => l2Loss(gradient, none)],
  ['leCamPenalty', () => leCamPenalty(gradient, none, anchors)],
  ['leCamPenalty', () => leCamPenalty(gradient, gradient, none)],
  ['logitLaplaceLoss', () => logitLaplaceLoss(none, gradient)],
  ['logitLaplaceLoss', () => logitLaplaceLoss({ mean: gradient, logScale: none }, gradient)],
  ['r1Penalty', () => r1Penalty((x) => x, none)],
])('%s says which tensor is missing', (name, call) => {
  expect(call).toThrow(ConfigError);
  expect(call).toThrow(new RegExp(`^${name}.*: expected .*, got (undefined|an object without)`));
});
