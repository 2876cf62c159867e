import { testOptions } from '@vitvq/test-utils';
import { CodeConditioner, CodeSource, encodeToShards } from '../src/index.js';

testOptions({
  CodeConditioner: { create: (options) => new CodeConditioner(options), option: 'reduceBy' },
  'CodeSource.batches': { create: (options) => new CodeSource({} as never).batches(options), option: 'batchSize' },
  encodeToShards: { create: (options) => encodeToShards(options), option: 'batchesPerShard' },
});
