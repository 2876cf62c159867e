import { afterEach, expect, it, vi } from 'vitest';
import { hasEngine } from '../src/require-engine.js';

afterEach(() => {
  vi.unstubAllEnvs();
});

it('finds an engine that is installed, in CI too', async () => {
  vi.stubEnv('CI', 'true');
  expect(await hasEngine('onnx')).toBe(true);
});

it('lets tests be skipped for a missing engine, except in CI', async () => {
  vi.stubEnv('CI', '');
  expect(await hasEngine('tensorflow-gpu')).toBe(false);
  vi.stubEnv('CI', 'true');
  await expect(hasEngine('tensorflow-gpu')).rejects.toThrow(
    'expected the engine "tensorflow-gpu" to be installed in CI, got no @tensorflow/tfjs-node-gpu',
  );
});
