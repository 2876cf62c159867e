import { testOptions } from '@vitvq/test-utils';
import {
  createTransformerGradients,
  createTransformerTrainer,
  TransformerEvaluator,
  type TransformerTrainerOptions,
} from '../src/index.js';

/** Options that are there and of no use. */
const none = { model: {}, config: {}, openBatches: () => undefined } as never as TransformerTrainerOptions;

testOptions({
  createTransformerTrainer: { create: (options) => createTransformerTrainer(options), option: 'conditioner' },
  'createTransformerTrainer, evaluation': {
    create: (evaluation) => createTransformerTrainer({ ...none, evaluation }),
    option: 'openBatches',
    isOptional: true,
  },
  'createTransformerTrainer, preview': {
    create: (preview) => createTransformerTrainer({ ...none, preview }),
    option: 'conditions',
    isOptional: true,
  },
  createTransformerGradients: { create: (options) => createTransformerGradients(options), option: 'weights' },
  TransformerEvaluator: { create: (options) => new TransformerEvaluator(options), option: 'tokenizer' },
});
