import { beforeAll, describe } from 'vitest';
import { useEngine } from '../src/engines.js';
import { testBackend } from './test-backend.js';
import { hasWebGpu, startWebGpu } from './webgpu.js';

describe.skipIf(!hasWebGpu)('the onnx-webgpu engine', () => {
  beforeAll(async () => {
    await useEngine({ name: 'cpu' });
  });

  testBackend('onnx-webgpu', startWebGpu);
});
