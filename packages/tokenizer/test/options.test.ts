import { testOptions } from '@vitvq/test-utils';
import { createTokenizer, QUICKSTART, VQTokenizer } from '../src/index.js';

testOptions({
  VQTokenizer: { create: (options) => new VQTokenizer(options), option: 'quantizer' },
  createTokenizer: { create: (options) => createTokenizer(QUICKSTART, options), option: 'quantizers' },
  'createTokenizer, the config': {
    create: (config: object) => createTokenizer({ architecture: 'vit', ...config } as never, { seed: 0 }),
    option: 'patchSize',
  },
  "createTokenizer, the config of 'vit-1d'": {
    create: (config: object) => createTokenizer({ architecture: 'vit-1d', ...config } as never, { seed: 0 }),
    option: 'latentTokens',
  },
});
