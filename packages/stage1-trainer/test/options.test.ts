import { testOptions } from '@vitvq/test-utils';
import {
  createDiscriminatorGradients,
  createDiscriminatorLoss,
  createTokenizerGradients,
  createTokenizerLoss,
  createTokenizerTrainer,
} from '../src/index.js';

testOptions({
  createTokenizerTrainer: { create: (options) => createTokenizerTrainer(options), option: 'openBatches' },
  createTokenizerLoss: { create: (options) => createTokenizerLoss(options), option: 'tokenizer' },
  createTokenizerGradients: { create: (options) => createTokenizerGradients(options), option: 'quantize' },
  createDiscriminatorLoss: { create: (options) => createDiscriminatorLoss(options), option: 'discriminator' },
  createDiscriminatorGradients: { create: (options) => createDiscriminatorGradients(options), option: 'leCam' },
});
