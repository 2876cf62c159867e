import { testOptions } from '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { adaptiveWeight, LPIPS, nextLeCamAnchor } from '../src/index.js';

const gradient = tf.ones([2]);

testOptions({
  LPIPS: { create: (options) => new LPIPS(options), option: 'channels', isOptional: true },
  adaptiveWeight: {
    create: (options) => adaptiveWeight(gradient, gradient, options),
    option: 'maximum',
    isOptional: true,
  },
  nextLeCamAnchor: {
    create: (options) => nextLeCamAnchor(tf.scalar(0), tf.scalar(0), options),
    option: 'decay',
    isOptional: true,
  },
});
