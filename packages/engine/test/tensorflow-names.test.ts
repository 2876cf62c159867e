import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { probeEngine } from '../src/engines.js';
import { tensorFlowJsKey } from '../src/engines/installed-engine.js';

// A GPU is rarely at hand: this package says that it computes on one, and computes nothing.
const cache = mkdtempSync(join(tmpdir(), 'vitvq-cache-'));
const folder = join(cache, 'engines', 'tensorflow-gpu');
const packageOfGpu = `
  const tf = globalThis[Symbol.for(${JSON.stringify(tensorFlowJsKey)})];
  class Backend extends tf.KernelBackend {
    isUsingGpuDevice = true;
    binding = { TF_Version: '2.21.0' };
    executeSingleOutput() {}
    executeMultipleOutputs() {}
  }
  tf.registerBackend('tensorflow', () => new Backend());
  exports.version = { 'tfjs-node': '4.22.0' };
`;

beforeAll(async () => {
  vi.stubEnv('VITVQ_CACHE', cache);
  for (const name of ['TF_NUM_INTRAOP_THREADS', 'TF_NUM_INTEROP_THREADS', 'TF_CPP_MIN_LOG_LEVEL']) {
    vi.stubEnv(name, undefined);
  }
  const modules = join(folder, 'node_modules', '@tensorflow', 'tfjs-node');
  await mkdir(modules, { recursive: true });
  await writeFile(join(modules, 'index.js'), packageOfGpu);
  await writeFile(join(folder, 'installed.json'), '{}');
});
afterAll(() => rmSync(cache, { recursive: true }));

it('names an engine after the device that TensorFlow computes on, whatever its package', async () => {
  await tf.setBackend('cpu');
  expect(await probeEngine('tensorflow', 3)).toEqual({
    available: false,
    why: 'TensorFlow computes on the GPU',
    fix: 'Use tensorflow-gpu, or set CUDA_VISIBLE_DEVICES=-1.',
  });
  expect(await probeEngine('tensorflow-gpu')).toEqual({
    available: true,
    description: 'TensorFlow 2.21.0 through @tensorflow/tfjs-node 4.22.0',
    threads: 3,
  });
  expect(tf.getBackend()).toBe('cpu');
  const { TF_NUM_INTRAOP_THREADS, TF_NUM_INTEROP_THREADS, TF_CPP_MIN_LOG_LEVEL } = process.env;
  expect([TF_NUM_INTRAOP_THREADS, TF_NUM_INTEROP_THREADS, TF_CPP_MIN_LOG_LEVEL]).toEqual(['3', '3', '2']);
  expect(Object.getOwnPropertySymbols(globalThis)).not.toContain(Symbol.for(tensorFlowJsKey));
});
