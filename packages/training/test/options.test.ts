import { testOptions } from '@vitvq/test-utils';
import { Learner, Trainer, TrainStep } from '../src/index.js';

testOptions({
  Trainer: { create: (options) => new Trainer(options), option: 'openBatches' },
  Learner: { create: (options) => new Learner(options), option: 'learningRate' },
  TrainStep: { create: (options) => new TrainStep(options), option: 'accumulate' },
});
