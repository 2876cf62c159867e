import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readCheckpoint, readCheckpointState } from '../src/index.js';
import { flipBit, temporaryFolder } from './build-file.js';

/** A file of `training-checkpoint/1`, as this package wrote it before it could keep the place of a checksum. */
const written =
  'WAEAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJ2aXR2cS5mb3JtYXQiOiJ0cmFpbmluZy1jaGVja3BvaW50LzEiLCJ2aXR2cS5zdGVwIjoiNTAwIiwidml0dnEuc3RhdGUiOiJ7XCJzZWVkXCI6MyxcIm5vdGVcIjpcImdyw7bDn2VcIn0iLCJ2aXR2cS5zaGEyNTYiOiI4ODFiYmQxNDAwZjQ1NTFlYzYzM2Q5YmRlMWQ0MTFlODBjZjIxOTA3NmUwMDVlYmJiNjUyM2QxNjBhMmFmM2JmIn0sIm1vZGVsLndlaWdodCI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMiwyXSwiZGF0YV9vZmZzZXRzIjpbMCwxNl19LCJvcHRpbWl6ZXIuc3RlcCI6eyJkdHlwZSI6IkkzMiIsInNoYXBlIjpbXSwiZGF0YV9vZmZzZXRzIjpbMTYsMjBdfX0gIAAAgD8AAABAAABAQAAAgED0AQAA';

it('files of the first format can be read, and damage to them is found', async () => {
  const file = join(await temporaryFolder(), 'checkpoint-00000500.safetensors');
  const bytes = Buffer.from(written, 'base64');
  await fs.writeFile(file, bytes);
  const state = { seed: 3, note: 'größe' };
  expect(await readCheckpointState(file)).toEqual({ file, step: 500, state });
  expect(await readCheckpoint(file)).toEqual({
    file,
    step: 500,
    state,
    tensors: new Map<string, unknown>([
      ['model.weight', { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }],
      ['optimizer.step', { shape: [], data: Int32Array.of(500) }],
    ]),
  });
  for (const position of [bytes.length - 1, bytes.indexOf('seed'), bytes.indexOf('checkpoint/1') + 11]) {
    flipBit(file, bytes, position);
    await expect(readCheckpointState(file)).rejects.toMatchObject({ name: 'DataError', where: file });
  }
});
