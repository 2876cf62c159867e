import { defineConfig } from 'tsup';
import { packageBuild } from '../../tsup.config.base.js';

// tsup leaves dependencies and peers alone, but would bundle optional ones.
export default defineConfig({ ...packageBuild, external: ['onnxruntime-node', 'onnxruntime-web'] });
