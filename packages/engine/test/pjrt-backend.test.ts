import { beforeAll, describe } from 'vitest';
import { useEngine } from '../src/engines.js';
import { plugin, startPjrt } from './pjrt-plugin.js';
import { testBackend } from './test-backend.js';

describe.skipIf(!plugin)('the pjrt engine', () => {
  beforeAll(async () => {
    await useEngine({ name: 'cpu' });
  });

  testBackend('pjrt', () => startPjrt());
});
