import { afterEach, expect, it, vi } from 'vitest';
import { compilingEngines } from '../src/compiling-engines.js';

afterEach(() => {
  vi.unstubAllEnvs();
});

it.each([
  ['', '', false, false],
  ['/some/plugin.so', '', true, false],
  ['', '1', false, true],
])('lists onnx, and the others as the variables "%s" and "%s" say', async (plugin, test, isPjrtHere, isWebGpuHere) => {
  vi.stubEnv('VITVQ_PJRT_PLUGIN', plugin);
  vi.stubEnv('VITVQ_WEBGPU_TEST', test);
  expect(await compilingEngines()).toEqual([
    { name: 'onnx', isHere: true },
    { name: 'pjrt', isHere: isPjrtHere },
    { name: 'onnx-webgpu', isHere: isWebGpuHere },
  ]);
});
