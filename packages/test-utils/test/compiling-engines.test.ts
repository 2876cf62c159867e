import { afterEach, expect, it, vi } from 'vitest';
import { compilingEngines } from '../src/compiling-engines.js';

afterEach(() => {
  vi.unstubAllEnvs();
});

it.each([
  ['', false],
  ['/some/plugin.so', true],
])('lists onnx, and pjrt as it is here where a plug-in is named: "%s"', async (plugin, isHere) => {
  vi.stubEnv('VITVQ_PJRT_PLUGIN', plugin);
  expect(await compilingEngines()).toEqual([
    { name: 'onnx', isHere: true },
    { name: 'pjrt', isHere },
  ]);
});
