import { testOptions } from '@vitvq/test-utils';
import { saveFeatureExtractor, VGG16LPIPS } from '../../src/index.js';

const extractor = new VGG16LPIPS({ kind: 'vgg16-lpips', channels: [1, 1, 1, 1, 1] }, { key: [0, 0] });

testOptions({
  saveFeatureExtractor: {
    create: (options) => saveFeatureExtractor('nowhere', extractor, options),
    option: 'metadata',
    isOptional: true,
  },
});
