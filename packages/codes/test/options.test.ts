import { testOptions } from '@vitvq/test-utils';
import { expect, it } from 'vitest';
import { CodeConditioner, CodeSource, encodeToShards } from '../src/index.js';

testOptions({
  CodeConditioner: { create: (options) => new CodeConditioner(options), option: 'reduceBy' },
  'CodeSource.batches': { create: (options) => new CodeSource({} as never).batches(options), option: 'batchSize' },
  encodeToShards: { create: (options) => encodeToShards(options), option: 'batchesPerShard' },
});

it('CodeSource.batches refuses a text that lastBatch cannot be', () => {
  const source = new CodeSource({} as never);
  expect(() => source.batches({ batchSize: 1, lastBatch: 'partial' as never })).toThrow(
    'CodeSource.batches: expected lastBatch to be one of drop, pad, got "partial".',
  );
});
