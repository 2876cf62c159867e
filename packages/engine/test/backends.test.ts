import { hasEngine } from '@vitvq/test-utils';
import { beforeAll } from 'vitest';
import { useEngine } from '../src/engines.js';
import { oneDevice } from '../src/mesh.js';
import { onnxEngine } from '../src/onnx/onnx-engine.js';
import { InterpreterBackend } from './interpreter-backend.js';
import { testBackend } from './test-backend.js';

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});

testBackend('interpreter', async () => new InterpreterBackend());
if (await hasEngine('onnx')) testBackend('onnx', () => onnxEngine.startBackend!({ threads: 1, mesh: oneDevice }));
