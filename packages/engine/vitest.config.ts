import { join } from 'node:path';
import { defineConfig, mergeConfig } from 'vitest/config';
import base from '../../vitest.config.base.js';

const kernels = 'test/wasm-segment-sum.test.ts';

// The kernels that a backend has are a state of the process: the test that finds one missing, and
// adds it, has a process of its own. The others leave the engine "cpu" behind.
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    projects: [
      mergeConfig(base, {
        test: { name: 'engines', exclude: [kernels], setupFiles: [join(import.meta.dirname, 'test/restart-seeds.ts')] },
      }),
      { ...base, test: { ...base.test, name: 'kernels', include: [kernels], isolate: true } },
    ],
  },
});
