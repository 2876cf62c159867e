import { testOptions } from '@vitvq/test-utils';
import { tinyModel } from '@vitvq/test-models';
import { Evaluator } from '../src/index.js';

testOptions({
  Evaluator: { create: (options) => new Evaluator(tinyModel(), options), option: 'batchSize', isOptional: true },
});
