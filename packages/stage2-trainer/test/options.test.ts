import { testOptions } from '@vitvq/test-utils';
import { createTransformerGradients, createTransformerTrainer, TransformerEvaluator } from '../src/index.js';

testOptions({
  createTransformerTrainer: { create: (options) => createTransformerTrainer(options), option: 'conditioner' },
  createTransformerGradients: { create: (options) => createTransformerGradients(options), option: 'weights' },
  TransformerEvaluator: { create: (options) => new TransformerEvaluator(options), option: 'tokenizer' },
});
