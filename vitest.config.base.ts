import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 180_000,
    // Nx asks for colours in a terminal; programs that tests start would colour what the tests read.
    env: { FORCE_COLOR: '0' },
    // The machine that runs the checks has two cores; Nx already runs packages side by side.
    maxWorkers: 1,
    fileParallelism: false,
  },
});
