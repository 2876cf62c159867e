import { defineConfig, mergeConfig } from 'vitest/config';
import base from '../../vitest.config.base.js';

const memory = 'test/memory.test.ts';

// What one file's tests leave behind is freed during the next file's, and would be counted there:
// the test that counts the process's bytes has a process of its own.
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    projects: [
      mergeConfig(base, { test: { name: 'formats', exclude: [memory] } }),
      { ...base, test: { ...base.test, name: 'memory', include: [memory], isolate: true } },
    ],
  },
});
