import { testQuantizer } from '@vitvq/test-utils';
import { randomKey } from '@vitvq/core';
import { VectorQuantizer } from '../src/index.js';

const options = { codebookSize: 7, codeDim: 4, key: randomKey(3) };

testQuantizer({ name: 'VectorQuantizer', create: () => new VectorQuantizer(options), inputShape: [2, 5, 4] });

testQuantizer({
  name: 'VectorQuantizer without normalisation, counting usage',
  create: () => new VectorQuantizer({ ...options, normalize: false, trackUsage: true }),
  inputShape: [2, 5, 4],
});
