import { testOptions } from '@vitvq/test-utils';
import { tinyGPT } from '@vitvq/test-models';
import { ImageGenerator, RejectionSampler, Sampler, verifySampler } from '../src/index.js';

testOptions({
  ImageGenerator: { create: (options) => new ImageGenerator(options), option: 'tokenizer' },
  RejectionSampler: { create: (options) => new RejectionSampler(options), option: 'scorer' },
  Sampler: { create: (options) => new Sampler(tinyGPT(), options), option: 'weights', isOptional: true },
  verifySampler: { create: (options) => verifySampler(tinyGPT(), options), option: 'tolerance', isOptional: true },
});
