import * as tf from '@tensorflow/tfjs-core';
import type { EngineDefinition, EngineName } from './engine-definition.js';
import { importOptional } from './import-optional.js';

/** Globals of a browser on which the choice depends. */
const browser = globalThis as {
  readonly navigator?: { readonly gpu?: unknown };
  readonly document?: unknown;
  readonly OffscreenCanvas?: unknown;
};

const webgpuPackage = '@tensorflow/tfjs-backend-webgpu';

/** Engines that need nothing but TensorFlow.js, on every platform. */
export const eagerEngines = {
  webgpu: {
    eagerBackend: 'webgpu',
    probe: async () => {
      if (browser.navigator?.gpu === undefined) {
        return { available: false, why: 'there is no navigator.gpu', fix: 'Use a browser with WebGPU.' };
      }
      // A bundled program has imported the package itself, since this import has no fixed name.
      const isRegistered = tf.findBackendFactory('webgpu') !== null;
      const loaded = isRegistered || (await importOptional(webgpuPackage).catch(() => undefined)) !== undefined;
      if (loaded) return { available: true, description: 'TensorFlow.js on WebGPU' };
      return {
        available: false,
        why: `${webgpuPackage} is not installed`,
        fix: `npm install ${webgpuPackage}@4.22.0, and import it where the program is bundled`,
      };
    },
  },
  webgl: {
    eagerBackend: 'webgl',
    probe: async () =>
      browser.document === undefined && browser.OffscreenCanvas === undefined
        ? { available: false, why: 'there is no canvas', fix: 'Use a browser.' }
        : { available: true, description: 'TensorFlow.js on WebGL' },
  },
  cpu: {
    eagerBackend: 'cpu',
    probe: async () => ({ available: true, description: 'TensorFlow.js in plain JavaScript: exact and very slow' }),
  },
} as const satisfies Partial<Record<EngineName, EngineDefinition>>;
