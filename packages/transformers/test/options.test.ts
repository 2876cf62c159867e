import { testOptions } from '@vitvq/test-utils';
import { ClassConditioner, GPT, RAR, RQTransformer, TextConditioner, trainTextTokenizer } from '../src/index.js';

testOptions({
  GPT: { create: (options) => new GPT(options), option: 'vocabSize' },
  RAR: { create: (options) => new RAR(options), option: 'vocabSize' },
  RQTransformer: { create: (options) => new RQTransformer(options), option: 'codeDepth' },
  ClassConditioner: { create: (options) => new ClassConditioner(options), option: 'classCount' },
  TextConditioner: { create: (options) => new TextConditioner(options), option: 'tokenizer' },
  trainTextTokenizer: { create: (options) => trainTextTokenizer(['a b'], options), option: 'vocabSize' },
});
