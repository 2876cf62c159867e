import '@tensorflow/tfjs';
import { afterAll, beforeAll, describe } from 'vitest';
import { useEngine } from '../src/engines.js';
import { sweepOperations } from './sweep-operations.js';
import { hasWebGpu } from './webgpu.js';

describe.skipIf(!hasWebGpu)('operations compiled for WebGPU', () => {
  beforeAll(async () => {
    await useEngine({ name: 'onnx-webgpu', onCompile: () => {} });
  });
  afterAll(async () => {
    await useEngine({ name: 'cpu' });
  });

  sweepOperations('onnx-webgpu', { differs: {} });
});
