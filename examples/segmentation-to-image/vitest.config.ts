import { mergeConfig } from 'vitest/config';
import base from '../../vitest.config.base.js';

// Built packages are loaded by Node itself: Vitest 4.1.12 does not find `stream` for them in a
// folder whose path is as long as this one's may be.
export default mergeConfig(base, { test: { server: { deps: { external: [/\/packages\/[^/]+\/dist\//] } } } });
