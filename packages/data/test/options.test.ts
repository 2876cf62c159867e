import { testOptions } from '@vitvq/test-utils';
import {
  createBatches,
  openCifar10,
  openImageArray,
  openImageFolder,
  openPairedFolders,
  readImages,
  splitSource,
} from '../src/index.js';

const source = openImageArray({ images: new Uint8Array(2 * 4 * 4 * 3), height: 4, width: 4 });

testOptions({
  createBatches: { create: (options) => createBatches(source, options), option: 'batchSize' },
  openCifar10: { create: (options) => openCifar10(options), option: 'cacheDirectory' },
  openImageArray: { create: (options) => openImageArray(options), option: 'classNames' },
  openImageFolder: { create: (options) => openImageFolder('nowhere', options), option: 'strict', isOptional: true },
  openPairedFolders: {
    create: (options) => openPairedFolders('nowhere', 'nowhere', options),
    option: 'conditions',
    isOptional: true,
  },
  'openPairedFolders, conditions': {
    create: (conditions) => openPairedFolders('nowhere', 'nowhere', { conditions }),
    option: 'resampling',
    isOptional: true,
  },
  'a source of images, decoding': {
    create: (decoding) => createBatches({ ...source, decoding }, { batchSize: 1, imageSize: 4 }),
    option: 'maximumPixels',
    isOptional: true,
  },
  readImages: { create: (options) => readImages(source, options), option: 'resizeTo' },
  splitSource: { create: (options) => splitSource(source, options), option: 'holdOut' },
});
