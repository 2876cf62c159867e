import '@vitvq/test-utils';
import { useEngine } from '@vitvq/engine';
import { attentionCases } from '@vitvq/test-models/attention-cases';
import { beforeAll, expect, it } from 'vitest';
import { exportTokenizer } from '../src/index.js';
import { temporaryFolder, tinyTokenizer } from './helpers.js';

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});

it.each(Object.entries(attentionCases))(
  'a tokenizer with attention of kind %s gives the same tokens and pixels once exported',
  async (_kind, attention) => {
    const size = { dim: 16, depth: 2, numHeads: 2, mlpDim: 32, attention };
    const tokenizer = tinyTokenizer({ patchSize: 2, encoder: size, decoder: size });
    const { report } = await exportTokenizer(tokenizer, await temporaryFolder(), { verify: { runtimes: ['node'] } });
    expect(report!.checks).toMatchObject([{ equalTokens: 1, passed: true }]);
  },
);
