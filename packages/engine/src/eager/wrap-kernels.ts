import * as tf from '@tensorflow/tfjs-core';

/** Makes a kernel of another one of the same name. */
export type KernelWrapper = (run: tf.KernelFunc) => tf.KernelFunc;

/** Wraps kernels of a TensorFlow.js backend, by name; those that the backend lacks are left out. */
export function wrapKernels(backendName: string, wrappers: Readonly<Record<string, KernelWrapper>>): void {
  for (const [kernelName, wrap] of Object.entries(wrappers)) {
    const config = tf.getKernel(kernelName, backendName);
    if (!config) continue;
    tf.unregisterKernel(kernelName, backendName);
    tf.registerKernel({ ...config, kernelFunc: wrap(config.kernelFunc) });
  }
}
