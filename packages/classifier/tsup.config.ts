import { defineConfig } from 'tsup';
import { neutralBuild } from '../../tsup.config.base.js';

// The folder `node` is what reads and writes files; `npm run boundaries` keeps the rest apart from
// it.
export default defineConfig({ ...neutralBuild, external: [/^node:/], entry: ['src/index.ts', 'src/node/index.ts'] });
