import { promises as fs } from 'node:fs';
import { basename, join } from 'node:path';
import { ConfigError, type HostTensor } from '@vitvq/core';
import { it } from '@vitvq/test-utils/node';
import { afterEach, describe, expect, vi } from 'vitest';
import {
  decodeSafetensors,
  latestCheckpoint,
  listCheckpoints,
  readCheckpoint,
  readSafetensors,
  writeCheckpoint,
  writeSafetensors,
} from '../src/index.js';
import { buildFile, flipBit } from './build-file.js';

const tensors = new Map<string, HostTensor>([
  ['model.weight', { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }],
  ['optimizer.step', { shape: [], data: Int32Array.of(500) }],
]);
const state = {
  config: { seed: 3, sizes: [1, 2] },
  key: [1, 4294967295],
  metrics: { psnr: 21.8 },
  note: null,
  on: true,
};

let folder: string;
it.beforeEach(({ temporaryFolder }) => void (folder = temporaryFolder));
afterEach(() => vi.restoreAllMocks());

const write = (step: number, keep?: number): Promise<string> =>
  writeCheckpoint(folder, { step, tensors, state }, { keep });
const steps = async (): Promise<number[]> => (await listCheckpoints(folder)).map(({ step }) => step);
const damage = async (file: string, position = -1): Promise<void> => {
  const bytes = await fs.readFile(file);
  flipBit(file, bytes, (position + bytes.length) % bytes.length);
};

describe('write and read', () => {
  it('gives back step, tensors and state, of a file and of a folder', async () => {
    const file = await write(500);
    expect(basename(file)).toBe('checkpoint-00000500.safetensors');
    for (const path of [file, folder]) {
      const loaded = await readCheckpoint(path);
      expect(loaded).toEqual({ file, step: 500, tensors, state });
    }
  });

  it('creates the folder, and the newest step wins', async () => {
    folder = join(folder, 'deep', 'er');
    await write(90);
    await write(100_000_000_0);
    await write(100);
    expect(await steps()).toEqual([90, 100, 1_000_000_000]);
    expect((await readCheckpoint(folder)).step).toBe(1_000_000_000);
    expect(await latestCheckpoint(folder)).toBe(join(folder, 'checkpoint-1000000000.safetensors'));
  });

  it('is a safetensors file that others can read', async () => {
    const { metadata, tensors: read } = await readSafetensors(await write(7));
    expect([...read]).toEqual([...tensors]);
    expect(metadata).toMatchObject({ 'vitvq.format': 'training-checkpoint/2', 'vitvq.step': '7' });
    expect(JSON.parse(metadata['vitvq.state']!)).toEqual(state);
  });

  it('overwrites the checkpoint of the same step', async () => {
    await write(5);
    await writeCheckpoint(folder, { step: 5, tensors: new Map(), state: 'second' });
    expect((await readCheckpoint(folder)).state).toBe('second');
  });

  it('hashes large tensors in pieces without blocking', async () => {
    const large = new Map([['x', { shape: [3_000_000], data: new Float32Array(3_000_000).map((_, index) => index) }]]);
    await writeCheckpoint(folder, { step: 1, tensors: large, state: {} });
    expect((await readCheckpoint(folder)).tensors.get('x')!.data[2_999_999]).toBe(2_999_999);
  });

  it('knows no checkpoint in an empty or missing folder', async () => {
    expect(await latestCheckpoint(folder)).toBeUndefined();
    expect(await latestCheckpoint(join(folder, 'missing'))).toBeUndefined();
    await expect(readCheckpoint(folder)).rejects.toThrow(
      `${folder}: expected a folder with a checkpoint, got none. Checkpoints are files named checkpoint-<step>.safetensors, or .safetensors.index.json.`,
    );
    await fs.writeFile(join(folder, 'file'), '');
    await expect(listCheckpoints(join(folder, 'file'))).rejects.toThrow(
      'expected a folder, got a file where a directory',
    );
    await expect(
      write(1).then(() => writeCheckpoint(join(folder, 'file'), { step: 1, tensors, state })),
    ).rejects.toThrow('expected to create the folder');
  });
});

describe('state that JSON cannot hold', () => {
  it.each([
    [
      { metrics: { psnr: NaN } },
      'state.metrics.psnr to be something that JSON holds, got NaN. Large arrays belong into tensors',
    ],
    [{ list: [1, Infinity] }, 'state.list[1] to be something that JSON holds, got Infinity'],
    [undefined, 'expected options with step, tensors, state, got no state.'],
    [[undefined], 'state[0] to be something that JSON holds, got undefined'],
    [{ big: 1n }, 'state.big to be something that JSON holds, got bigint'],
    [{ at: new Date(0) }, 'state.at to be something that JSON holds, got Date'],
    [{ map: new Map() }, 'state.map to be something that JSON holds, got Map'],
    [{ values: Float32Array.of(1) }, 'state.values to be something that JSON holds, got Float32Array'],
    [{ callback: () => 1 }, 'state.callback to be something that JSON holds, got function'],
  ])('is refused %#', async (value, message) => {
    const attempt = writeCheckpoint(folder, { step: 1, tensors, state: value });
    await expect(attempt).rejects.toThrow(ConfigError);
    await expect(attempt).rejects.toThrow(message);
    expect(await steps()).toEqual([]);
  });

  it('but properties without a value are left out', async () => {
    await writeCheckpoint(folder, { step: 1, tensors, state: { a: undefined, b: 2 } });
    expect((await readCheckpoint(folder)).state).toEqual({ b: 2 });
  });
});

describe('damage', () => {
  it('of any byte is noticed', async () => {
    const file = await write(1);
    const bytes = await fs.readFile(file);
    const padding = bytes.length - 20 - 8; // spaces behind the header carry no meaning
    for (let position = 0; position < bytes.length; position++) {
      if (bytes[position] === 0x20 && position >= padding) continue;
      flipBit(file, bytes, position);
      await expect(readCheckpoint(file), `byte ${position}`).rejects.toMatchObject({ name: 'DataError', where: file });
    }
  });

  it('of data, state or step is a wrong checksum', async () => {
    const file = await write(1);
    await damage(file);
    await expect(readCheckpoint(file)).rejects.toThrow(
      /expected SHA-256 [0-9a-f]{16}\.\.\., got [0-9a-f]{16}\.\.\.\. The file was damaged/,
    );
    const bytes = await fs.readFile(await write(2));
    for (const text of ['21.8', '"2"']) {
      flipBit(file, bytes, bytes.indexOf(text) + 1);
      await expect(readCheckpoint(file)).rejects.toThrow('expected SHA-256');
    }
  });

  it('of the newest file names it and the intact one before it', async () => {
    await write(100);
    const good = await write(200);
    const bad = await write(300);
    const newest = await write(400, 5);
    await damage(bad);
    await fs.truncate(newest, 100);
    await expect(readCheckpoint(folder)).rejects.toMatchObject({ name: 'DataError', where: newest });
    await expect(readCheckpoint(folder)).rejects.toThrow(
      `The newest intact checkpoint is ${good} (step 200): read that file to go on from there.`,
    );
    expect((await readCheckpoint(good)).step).toBe(200);
  });

  it('of all files is said too', async () => {
    await damage(await write(1));
    await damage(await write(2));
    await expect(readCheckpoint(folder)).rejects.toThrow('No earlier checkpoint in that folder is intact.');
  });

  it('other safetensors files are no checkpoints', async () => {
    const file = join(folder, 'checkpoint-1.safetensors');
    await writeSafetensors(file, tensors);
    await expect(readCheckpoint(file)).rejects.toThrow(
      'expected a training checkpoint ("training-checkpoint/2"), got a safetensors file without training state. To load weights',
    );
    await writeSafetensors(file, tensors, { 'vitvq.format': 'training-checkpoint/3' });
    await expect(readCheckpoint(file)).rejects.toThrow('got "training-checkpoint/3"');
    const half = { x: { dtype: 'F16', shape: [1], data_offsets: [0, 2] } };
    const header = { __metadata__: { 'vitvq.format': 'training-checkpoint/2' }, ...half };
    await fs.writeFile(file, buildFile(header, new Uint8Array(2)));
    await expect(readCheckpoint(file)).rejects.toThrow('expected tensors of type F32 or I32, got F16 of x');
    await expect(readCheckpoint(join(folder, 'none'))).rejects.toThrow('no such file or directory (ENOENT)');
  });
});

describe('pruning', () => {
  it('keeps the newest', async () => {
    for (const step of [1, 2, 3, 4]) await write(step, 2);
    expect(await steps()).toEqual([3, 4]);
    for (const step of [5, 6]) await write(step);
    expect(await steps()).toEqual([4, 5, 6]);
  });

  it('keeps the file that was just written, though later steps exist', async () => {
    await write(600);
    await write(500, 1);
    expect(await steps()).toEqual([500, 600]);
  });

  it('keeps the last intact file when the kept ones are damaged', async () => {
    for (const step of [1, 2, 3]) await write(step);
    await damage(await write(4, 9));
    const rename = fs.rename;
    vi.spyOn(fs, 'rename').mockImplementationOnce(async (from, to) => {
      await damage(String(from)); // a disk that loses a bit of the new file
      await rename(from, to);
    });
    await write(5, 2);
    expect(await steps()).toEqual([3, 4, 5]);
    await expect(readCheckpoint(folder)).rejects.toThrow('(step 3)');
  });

  it('removes what a killed process left behind, but no fresh temporary file and nothing else', async () => {
    const old = join(folder, '.checkpoint-00000001.safetensors.0123456789ab.tmp');
    const fresh = join(folder, '.checkpoint-00000002.safetensors.0123456789ab.tmp');
    const other = join(folder, '.notes.0123456789ab.tmp');
    for (const file of [old, fresh, other]) await fs.writeFile(file, 'x');
    for (const file of [old, other]) await fs.utimes(file, new Date(0), new Date(0));
    await write(3);
    expect((await fs.readdir(folder)).sort()).toEqual(
      [basename(fresh), basename(other), 'checkpoint-00000003.safetensors'].sort(),
    );
  });

  it('says which old file cannot be removed', async () => {
    await write(1);
    vi.spyOn(fs, 'rm').mockRejectedValueOnce(Object.assign(new Error('no'), { code: 'EACCES' }));
    await expect(write(2, 1)).rejects.toThrow(
      'checkpoint-00000001.safetensors: expected to remove a checkpoint beyond the 1 to keep, got permission denied (EACCES). checkpoint-00000002.safetensors has been written.',
    );
  });

  it.each([
    [{ step: -1 }, 'step to be an integer of at least 0'],
    [{ step: 1.5 }, 'step to be an integer of at least 0'],
  ])('refuses %o', async ({ step }, message) => {
    await expect(write(step)).rejects.toThrow(message);
    await expect(write(1, 0)).rejects.toThrow('keep to be an integer of at least 1');
  });
});

it('readers never see a half-written file', async () => {
  await write(1);
  const file = (await latestCheckpoint(folder))!;
  let writing = true;
  const writer = (async () => {
    for (let round = 0; round < 30; round++) await writeCheckpoint(folder, { step: 1, tensors, state: { round } });
    writing = false;
  })();
  while (writing) expect((await readCheckpoint(file)).tensors.size).toBe(2);
  await writer;
  expect(decodeSafetensors(await fs.readFile(file)).tensors.size).toBe(2);
});
