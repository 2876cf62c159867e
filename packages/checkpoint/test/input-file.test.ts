import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '@vitvq/core';
import { it } from '@vitvq/test-utils/node';
import { expect } from 'vitest';
import { openModel, openPyTorchCheckpoint, openSafetensors, openShardedSafetensors } from '../src/index.js';

let folder: string;
it.beforeEach(({ temporaryFolder }) => void (folder = temporaryFolder));
const readers = [openSafetensors, openPyTorchCheckpoint, openShardedSafetensors] as const;

it('refuses a directory', async () => {
  for (const open of readers) await expect(open(folder)).rejects.toThrow('that can be read, got a directory.');
});

it.skipIf(process.platform === 'win32')('refuses pipes and devices, which have no end', async () => {
  const makePipe = (path: string): Buffer => execFileSync('sh', ['-c', 'mkfifo "$0"', path]);
  const pipe = join(folder, 'pipe');
  makePipe(pipe);
  for (const file of [pipe, '/dev/zero']) {
    for (const open of readers) {
      await expect(open(file)).rejects.toThrow(DataError);
      await expect(open(file)).rejects.toThrow(
        'that can be read, got a pipe, device or socket. Copy it to a file first.',
      );
    }
  }
  const model = join(folder, 'model');
  mkdirSync(model);
  writeFileSync(join(model, 'config.json'), '{"type":"x","config":{}}');
  makePipe(join(model, 'model.safetensors'));
  await expect(openModel(model)).rejects.toThrow(
    'model.safetensors: expected a safetensors file that can be read, got a pipe',
  );
});
