import { defineConfig } from 'tsup';
import { packageBuild } from '../../tsup.config.base.js';

// Built, so that a TypeScript loader takes no memory of the process that is measured.
export default defineConfig({ ...packageBuild, entry: ['src/ours.ts'] });
