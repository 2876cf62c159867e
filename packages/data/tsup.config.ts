import { defineConfig } from 'tsup';
import { packageBuild } from '../../tsup.config.base.js';

// The decode worker is a file of its own: node:worker_threads starts it by path.
export default defineConfig({ ...packageBuild, entry: ['src/index.ts', 'src/decode-worker.ts'] });
