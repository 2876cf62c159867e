import { mergeConfig } from 'vitest/config';
import base from '../../vitest.config.base.js';

// Which engine is started is a state of the process, which these tests are about.
export default mergeConfig(base, { test: { isolate: true } });
