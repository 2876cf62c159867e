import { defineConfig } from 'tsup';
import { packageBuild } from '../../tsup.config.base.js';

// The package's own import `#platform` chooses one of two files when a program runs or is bundled.
// tsup leaves dependencies and peers alone, but would bundle optional ones.
const shared = { ...packageBuild, external: ['#platform', 'koffi', 'onnxruntime-node'] };

export default defineConfig([
  {
    ...shared,
    entry: {
      index: 'src/index.ts',
      install: 'src/install.ts',
      'onnx-export': 'src/onnx-export.ts',
      node: 'src/platform/node.ts',
      browser: 'src/platform/browser.ts',
    },
    clean: ['!*worker.mjs', '!*worker.mjs.map'], // both builds run at the same time
  },
  {
    ...shared,
    // The thread that runs a runtime is one file without parts, which can be copied beside a bundle
    // of any format. It writes models of its own.
    entry: {
      worker: 'src/onnx/worker.ts',
      'pjrt-worker': 'src/pjrt/pjrt-worker.ts',
      'process-worker': 'src/pjrt/processes/process-worker.ts',
    },
    noExternal: ['protobufjs', '@vitvq/cluster', '@vitvq/core'],
    splitting: false,
    treeshake: 'smallest', // TensorFlow.js, which parts of @vitvq/core import that are not used here
    outExtension: () => ({ js: '.mjs' }),
    clean: false,
  },
]);
