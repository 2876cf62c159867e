import { testOptions } from '@vitvq/test-utils';
import { expect, it } from 'vitest';
import { exportTokenizer, exportTransformer, verifyExport } from '../src/index.js';

// Nothing is exported: what the options are for comes after them.
const none = {} as never;

testOptions({
  exportTokenizer: {
    create: (options) => exportTokenizer(none, 'nowhere', options),
    option: 'metadata',
    isOptional: true,
  },
  'exportTokenizer, verify': {
    create: (verify) => exportTokenizer(none, 'nowhere', { verify }),
    option: 'tolerance',
    isOptional: true,
  },
  exportTransformer: {
    create: (options) => exportTransformer(none, none, 'nowhere', options),
    option: 'weights',
    isOptional: true,
  },
  'exportTransformer, verify': {
    create: (verify) => exportTransformer(none, none, 'nowhere', { verify }),
    option: 'runtimes',
    isOptional: true,
  },
  verifyExport: {
    create: (options) => verifyExport('nowhere', {}, options),
    option: 'equalTokens',
    isOptional: true,
  },
  'verifyExport, originals': {
    create: (originals) => verifyExport('nowhere', originals),
    option: 'tokenizer',
    isOptional: true,
  },
});

it('refuses types and runtimes that there are not', async () => {
  await expect(exportTokenizer(none, 'nowhere', { weights: 'float61' as never })).rejects.toThrow(
    'exportTokenizer: expected weights to be one of float32, float16, got "float61".',
  );
  const runIn = (runtimes: unknown) => verifyExport('nowhere', {}, { runtimes: runtimes as never });
  await expect(runIn('node')).rejects.toThrow('verifyExport: expected runtimes to be a list, got "node".');
  await expect(runIn(['browser'])).rejects.toThrow('runtimes to be one of node, web, got "browser".');
});
