import * as tf from '@tensorflow/tfjs-core';
import { firstLine, type EngineDefinition, type Probe } from './engine-definition.js';
import { importOptional } from './import-optional.js';
import { installedVersion } from './installed-version.js';

type TensorFlowPackage = '@tensorflow/tfjs-node' | '@tensorflow/tfjs-node-gpu';

/** Returns the engine that runs TensorFlow's native library through its Node package. */
export function tensorFlowEngine(name: TensorFlowPackage): EngineDefinition {
  return { eagerBackend: 'tensorflow', probe: () => probeTensorFlow(name) };
}

async function probeTensorFlow(name: TensorFlowPackage): Promise<Probe> {
  const fix = `npm install ${name}@4.22.0 (it downloads a binary when it is installed; it is simply absent where that fails)`;
  await restoreRemovedNodeUtilities();
  const previous = tf.engine().backendName;
  try {
    if ((await importOptional(name)) === undefined) return { available: false, why: `${name} is not installed`, fix };
    const backend = tf.findBackend('tensorflow') as (tf.KernelBackend & { isUsingGpuDevice?: boolean }) | null;
    if (!backend) return { available: false, why: `${name} registered no backend`, fix };
    if (name.endsWith('gpu') && !backend.isUsingGpuDevice) {
      return {
        available: false,
        why: 'the package is installed, but it found no GPU that it can use',
        fix: 'It needs an NVIDIA driver, CUDA 11.2 and cuDNN 8.1 (the versions that TensorFlow 2.9 was built with).',
      };
    }
    return { available: true, description: `${name} ${await installedVersion(name)}` };
  } catch (error) {
    return { available: false, why: firstLine(error), fix };
  } finally {
    if (previous) await tf.setBackend(previous);
  }
}

/** Restores functions that Node removed in version 23 and that the Node package 4.22 calls. */
async function restoreRemovedNodeUtilities(): Promise<void> {
  const util = (await import('node:util')).default as unknown as Record<string, unknown>;
  util['isNullOrUndefined'] ??= (value: unknown) => value === null || value === undefined;
  util['isArray'] ??= Array.isArray;
}
