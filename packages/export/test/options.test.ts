import { testOptions } from '@vitvq/test-utils';
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
