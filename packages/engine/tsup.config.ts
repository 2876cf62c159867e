import { defineConfig } from 'tsup';
import { packageBuild } from '../../tsup.config.base.js';

export default defineConfig({
  ...packageBuild,
  // The thread that runs ONNX Runtime is a file of its own.
  // tsup leaves dependencies and peers alone, but would bundle optional ones.
  external: ['onnxruntime-node'],
  entry: { index: 'src/index.ts', worker: 'src/onnx/worker.ts' },
});
