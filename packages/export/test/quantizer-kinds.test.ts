import { readdir } from 'node:fs/promises';
import '@vitvq/test-utils';
import { useEngine } from '@vitvq/engine';
import { quantizerCases } from '@vitvq/test-models/quantizer-cases';
import { beforeAll, expect, it } from 'vitest';
import { createTokenizer } from '@vitvq/tokenizer';
import { tinyConfig } from '@vitvq/test-models';
import { exportTokenizer } from '../src/index.js';
import { temporaryFolder, tinyTokenizer } from './helpers.js';

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});

it.each(Object.entries(quantizerCases))(
  'a tokenizer with a quantizer of kind %s gives the same tokens and pixels once exported',
  async (_type, { config }) => {
    const tokenizer = tinyTokenizer({ quantizer: config });
    const { manifest, report } = await exportTokenizer(tokenizer, await temporaryFolder(), {
      verify: { runtimes: ['node'] },
    });
    expect(report!.checks).toMatchObject([{ equalTokens: 1, passed: true }]);
    expect(manifest.tokenizer).toMatchObject({ vocabSize: tokenizer.vocabSize, codeDepth: tokenizer.codeDepth });
  },
);

it('a tokenizer whose latents are no codes is refused before anything is written', async () => {
  const folder = await temporaryFolder();
  const tokenizer = createTokenizer({ ...tinyConfig, quantizer: { kind: 'kl', latentDim: 4 } }, { seed: 1 });
  await expect(exportTokenizer(tokenizer, folder)).rejects.toThrow(/exportTokenizer.*no codes.*kind: vector/s);
  expect(await readdir(folder)).toEqual([]);
  tokenizer.dispose();
});
