import * as tf from '@tensorflow/tfjs-core';
import { ConfigError } from '@vitvq/core';

/** @throws {ConfigError} when TensorFlow.js has no gradients: its core alone registers none */
export function assertGradientsRegistered(where: string): void {
  if (['BatchMatMul', 'GatherV2', 'Tanh'].every((kernel) => tf.getGradient(kernel))) return;
  throw new ConfigError({
    where,
    expected: 'the gradients of TensorFlow.js to be registered',
    got: '@tensorflow/tfjs-core alone',
    fix: "Add import '@tensorflow/tfjs' at the top of the program.",
  });
}
