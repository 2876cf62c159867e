import { absentEngine, type Platform } from '../engines/engine-definition.js';
import { eagerEngines } from '../engines/eager-engines.js';

/** The part of a browser's global that is read here. */
const { navigator } = globalThis as {
  readonly navigator?: { readonly hardwareConcurrency?: number; readonly userAgent?: string };
};
const cores = (): number => navigator?.hardwareConcurrency ?? 1;
const nodeOnly = (eagerBackend: string) => absentEngine(eagerBackend, 'it runs in Node only', 'Use webgpu or webgl.');

/** A browser: everything runs eagerly. */
export const platform: Platform = {
  engines: {
    ...eagerEngines,
    pjrt: nodeOnly('cpu'),
    'tensorflow-gpu': nodeOnly('tensorflow'),
    tensorflow: nodeOnly('tensorflow'),
    onnx: nodeOnly('cpu'),
    'onnx-cuda': nodeOnly('cpu'),
    'onnx-webgpu': nodeOnly('cpu'),
  },
  expectedEngine: 'webgl',
  availableThreads: async () => cores(),
  describeSystem: async () => ({
    runtime: navigator?.userAgent ?? 'unknown browser',
    platform: 'browser',
    processor: 'unknown processor',
    cores: cores(),
    memoryGigabytes: undefined,
  }),
  // eslint-disable-next-line no-console -- a browser has no other place for a line to the developer
  warn: (text) => console.warn(text),
};
