import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { testOptions } from '@vitvq/test-utils';
import { expect, it } from 'vitest';
import {
  encodeSafetensors,
  fetchModel,
  openPyTorchCheckpoint,
  readJsonObject,
  restoreCheckpoint,
  restoreVariables,
  writeCheckpoint,
  writeModel,
  writeSafetensors,
  type SafetensorsFile,
} from '../src/index.js';

// Nothing is written: this file is no folder.
const nowhere = join(fileURLToPath(import.meta.url), 'below');
const opened = { file: nowhere, entries: [] } as unknown as SafetensorsFile;

testOptions({
  encodeSafetensors: {
    create: (options) => encodeSafetensors(new Map(), {}, options),
    option: 'dtypeOf',
    isOptional: true,
  },
  fetchModel: { create: (options) => fetchModel('owner/name', options), option: 'cacheDirectory' },
  openPyTorchCheckpoint: {
    create: (options) => openPyTorchCheckpoint(nowhere, options),
    option: 'ignore',
    isOptional: true,
  },
  readJsonObject: { create: (limits) => readJsonObject(nowhere, 'a file', limits), option: 'maximumDepth' },
  restoreCheckpoint: {
    create: (options) => restoreCheckpoint(nowhere, new Map(), options),
    option: 'ignoreOthers',
    isOptional: true,
  },
  restoreVariables: {
    create: (options) => restoreVariables(opened, new Map(), options),
    option: 'ignoreOthers',
    isOptional: true,
  },
  writeCheckpoint: {
    create: (options) => writeCheckpoint(nowhere, { step: 1, tensors: new Map(), state: null }, options),
    option: 'maximumShardBytes',
    isOptional: true,
  },
  'writeCheckpoint, checkpoint': { create: (checkpoint) => writeCheckpoint(nowhere, checkpoint), option: 'tensors' },
  writeModel: {
    create: (options) => writeModel(nowhere, { type: 'x', config: {} }, new Map(), options),
    option: 'maximumShardBytes',
    isOptional: true,
  },
  writeSafetensors: {
    create: (options) => writeSafetensors(nowhere, new Map(), {}, options),
    option: 'dtypeOf',
    isOptional: true,
  },
});

it('openPyTorchCheckpoint refuses a name where a list of names is wanted', async () => {
  await expect(openPyTorchCheckpoint(nowhere, { ignore: 'a.B' as never })).rejects.toThrow(
    'openPyTorchCheckpoint: expected ignore to be a list of names, got "a.B".',
  );
});
