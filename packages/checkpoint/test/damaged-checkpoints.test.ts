import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { DataError, foldIn, randomBits, randomKey, type HostTensor } from '@vitvq/core';
import { it } from '@vitvq/test-utils/node';
import { describe, expect } from 'vitest';
import { readCheckpoint, readCheckpointState, writeCheckpoint } from '../src/index.js';

const tensors = new Map<string, HostTensor>([
  ['model.weight', { shape: [6, 5], data: Float32Array.from({ length: 30 }, (_, index) => index / 7) }],
  ['model.bias', { shape: [5], data: new Float32Array(5) }],
  ['optimizer.step', { shape: [], data: Int32Array.of(500) }],
]);
const state = { config: { seed: 3, name: 'größe' }, metrics: [21.8, null] };
let folder: string;
it.beforeEach(({ temporaryFolder }) => void (folder = temporaryFolder));

/**
 * Returns whether a byte is a space between header and data. A changed one may still be a space of
 * JSON.
 */
const isPadding = (bytes: Uint8Array, position: number): boolean => {
  const dataStart = 8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  return position < dataStart && bytes.subarray(position, dataStart).every((byte) => byte === 0x20);
};

describe.each([
  ['one file', 10_000],
  ['several files', 100],
])('a checkpoint of %s', (_, maximumShardBytes) => {
  it('is refused by the name of the file, whatever bit of it changes and wherever it ends', async () => {
    const older = await writeCheckpoint(folder, { step: 1, tensors, state }, { maximumShardBytes });
    const newest = await writeCheckpoint(folder, { step: 2, tensors, state }, { maximumShardBytes });
    const files = (await fs.readdir(folder)).filter((name) => name.startsWith('checkpoint-00000002'));
    expect(files.length).toBe(maximumShardBytes === 100 ? 3 : 1);
    const refused = async (file: string, what: string): Promise<void> => {
      const error: unknown = await readCheckpoint(newest).catch((reason: unknown) => reason);
      if (!(error instanceof DataError)) throw new Error(`${what} of ${file} was not noticed: ${String(error)}`);
      expect(error.where, what).toBe(file);
    };
    for (const [number, name] of files.entries()) {
      const file = join(folder, name);
      const bytes = await fs.readFile(file);
      const random = randomBits(foldIn(randomKey(7), number), 2 * bytes.length);
      for (let position = 0; position < bytes.length; position += 1 + (random[position]! % 7)) {
        if (maximumShardBytes !== 100 && isPadding(bytes, position)) continue;
        const damaged = Buffer.from(bytes);
        damaged[position]! ^= 1 << ((random[position]! >>> 8) % 8);
        await fs.writeFile(file, damaged);
        await refused(file, `bit of byte ${position}`);
      }
      for (let cut = 0; cut < 40; cut++) {
        const length = cut < 10 ? bytes.length - 1 - cut : random[bytes.length + cut]! % bytes.length;
        await fs.writeFile(file, bytes.subarray(0, length));
        await refused(file, `cut at ${length}`);
      }
      await expect(readCheckpoint(folder)).rejects.toThrow(`The newest intact checkpoint is ${older} (step 1)`);
      await fs.writeFile(file, bytes);
    }
    expect((await readCheckpoint(folder)).step).toBe(2);
  });

  it('gives its state without its tensors, unless the state is damaged', async () => {
    const file = await writeCheckpoint(folder, { step: 3, tensors, state }, { maximumShardBytes });
    expect(await readCheckpointState(folder)).toEqual({ file, step: 3, state });
    const bytes = await fs.readFile(file);
    for (const text of ['größe', '21.8', 'model.bias', 'vitvq.state']) {
      const damaged = Buffer.from(bytes);
      damaged[bytes.indexOf(text) + 2]! ^= 1;
      await fs.writeFile(file, damaged);
      await expect(readCheckpointState(file), text).rejects.toMatchObject({ name: 'DataError', where: file });
    }
  });
});

it('the state of one file is found without a look at its tensors', async () => {
  const file = await writeCheckpoint(folder, { step: 3, tensors, state });
  const bytes = await fs.readFile(file);
  bytes[bytes.length - 1]! ^= 1;
  await fs.writeFile(file, bytes);
  expect(await readCheckpointState(file)).toEqual({ file, step: 3, state });
  await expect(readCheckpoint(file)).rejects.toThrow('expected SHA-256');
});
