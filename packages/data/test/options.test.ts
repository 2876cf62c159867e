import { testOptions } from '@vitvq/test-utils';
import { createBatches, openCifar10, openImageArray, readImages, splitSource } from '../src/index.js';

const source = openImageArray({ images: new Uint8Array(2 * 4 * 4 * 3), height: 4, width: 4 });

testOptions({
  createBatches: { create: (options) => createBatches(source, options), option: 'batchSize' },
  openCifar10: { create: (options) => openCifar10(options), option: 'cacheDirectory' },
  openImageArray: { create: (options) => openImageArray(options), option: 'classNames' },
  readImages: { create: (options) => readImages(source, options), option: 'resizeTo' },
  splitSource: { create: (options) => splitSource(source, options), option: 'holdOut' },
});
