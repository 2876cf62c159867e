import { defineConfig } from 'vitest/config';

/** Packages of ours are run from their sources: nothing has to be built before a test. */
const conditions = ['@vitvq/source', 'node', 'import', 'default'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 180_000,
    // Files of a package share one process, so that TensorFlow.js is loaded once.
    isolate: false,
    // Nx asks for colours in a terminal; programs that tests start would colour what tests read.
    env: { FORCE_COLOR: '0' },
    // The machine that runs the checks has two cores; Nx already runs packages side by side.
    maxWorkers: 1,
    fileParallelism: false,
  },
});
