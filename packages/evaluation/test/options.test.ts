import { testOptions } from '@vitvq/test-utils';
import { tinyModel } from '@vitvq/test-models';
import { createEvaluationStep, Evaluator, loadLPIPS } from '../src/index.js';

testOptions({
  createEvaluationStep: {
    create: (options) => createEvaluationStep(tinyModel(), options),
    option: 'perceptual',
    isOptional: true,
  },
  loadLPIPS: { create: (options) => loadLPIPS('nowhere', options), option: 'channels', isOptional: true },
  'loadLPIPS, sources': { create: (source) => loadLPIPS(source), option: 'cacheDirectory' },
  Evaluator: { create: (options) => new Evaluator(tinyModel(), options), option: 'batchSize', isOptional: true },
});
