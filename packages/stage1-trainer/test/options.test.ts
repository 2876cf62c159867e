import { testOptions } from '@vitvq/test-utils';
import {
  Alignment,
  createDiscriminatorGradients,
  createDiscriminatorLoss,
  createTokenizerGradients,
  createTokenizerLoss,
  createTokenizerTrainer,
  type TokenizerTrainerOptions,
} from '../src/index.js';

/** Options that are there and of no use. */
const none = { tokenizer: {}, config: {}, openBatches: () => undefined } as never as TokenizerTrainerOptions;

testOptions({
  Alignment: { create: (options) => new Alignment(options), option: 'codeDim' },
  createTokenizerTrainer: { create: (options) => createTokenizerTrainer(options), option: 'openBatches' },
  'createTokenizerTrainer, evaluation': {
    create: (evaluation) => createTokenizerTrainer({ ...none, evaluation }),
    option: 'batchSize',
    isOptional: true,
  },
  'createTokenizerTrainer, preview': {
    create: (preview) => createTokenizerTrainer({ ...none, preview }),
    option: 'everySteps',
    isOptional: true,
  },
  createTokenizerLoss: { create: (options) => createTokenizerLoss(options), option: 'tokenizer' },
  createTokenizerGradients: { create: (options) => createTokenizerGradients(options), option: 'quantize' },
  createDiscriminatorLoss: { create: (options) => createDiscriminatorLoss(options), option: 'discriminator' },
  createDiscriminatorGradients: { create: (options) => createDiscriminatorGradients(options), option: 'leCam' },
});
