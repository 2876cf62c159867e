import { ConfigError } from '@vitvq/core';
import { testOptions } from '@vitvq/test-utils';
import { expect, it } from 'vitest';
import {
  createBatches,
  openCifar10,
  openDataSource,
  openImageArray,
  openImageFolder,
  openPairedFolders,
  readImages,
  splitSource,
} from '../src/index.js';

const pictures = { images: new Uint8Array(2 * 4 * 4 * 3), height: 4, width: 4 };
const source = openImageArray(pictures);

testOptions({
  createBatches: { create: (options) => createBatches(source, options), option: 'batchSize' },
  openCifar10: { create: (options) => openCifar10(options), option: 'cacheDirectory' },
  openDataSource: {
    create: (options) => openDataSource({ kind: 'folder', path: 'nowhere' }, options),
    option: 'baseDirectory',
    isOptional: true,
  },
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

const batches = (options: object) => async () => createBatches(source, { batchSize: 1, imageSize: 4, ...options });

it.each<[text: string, call: () => Promise<unknown>, message: string]>([
  ['crop', batches({ crop: 'centre' }), 'crop to be one of random, center, got "centre".'],
  ['lastBatch', batches({ lastBatch: 'padd' }), 'lastBatch to be one of drop, pad, partial, got "padd" (did you mean'],
  [
    'check',
    () => openImageFolder('x', { check: 'pixel' as never }),
    'check to be one of header, pixels, none, got "pixel"',
  ],
  [
    'failOn',
    () => openImageFolder('x', { failOn: 'warnings' as never }),
    'failOn to be one of truncated, error, warning',
  ],
  ['resampling', async () => openImageArray({ ...pictures, resampling: 'linear' as never }), 'resampling to be one of'],
  ['split', () => openCifar10({ split: 'validation' as never }), 'split to be one of train, test, got "validation"'],
  [
    'source',
    () => openCifar10({ split: 'test', source: 'web' as never }),
    'source to be one of npm, official, got "web"',
  ],
])('refuses a text that %s cannot be', async (_text, call, message) => {
  await expect(call()).rejects.toThrow(ConfigError);
  await expect(call()).rejects.toThrow(message);
});
