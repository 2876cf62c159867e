import { createHash } from 'node:crypto';
import { promises as fs } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ConfigError, type HostTensor } from '@vitvq/core';
import { it } from '@vitvq/test-utils/node';
import { afterEach, describe, expect, vi } from 'vitest';
import {
  latestCheckpoint,
  listCheckpoints,
  openShardedSafetensors,
  readCheckpoint,
  readCheckpointState,
  readSafetensors,
  writeCheckpoint,
} from '../src/index.js';

/** Names of four tensors of 400 bytes. Objects would reorder the names that look like numbers. */
const names = ['model.b', '7', 'model.a', '3'];
const tensorsOf = (fill: number): Map<string, HostTensor> =>
  new Map(names.map((name, index) => [name, { shape: [10, 10], data: new Float32Array(100).fill(fill + index) }]));
const state = { config: { seed: 3 }, note: `größe ${'0'.repeat(64)}` };

let folder: string;
it.beforeEach(async ({ temporaryFolder }) => {
  folder = join(temporaryFolder, 'run');
  await fs.mkdir(folder);
});
afterEach(() => vi.restoreAllMocks());

const write = (step: number, { keep = 3, maximumShardBytes = 800, fill = step } = {}): Promise<string> =>
  writeCheckpoint(folder, { step, tensors: tensorsOf(fill), state }, { keep, maximumShardBytes });
const files = async (): Promise<string[]> => (await fs.readdir(folder)).sort();
const shard = (step: number, part: number, of = 2, generation = ''): string =>
  `checkpoint-0000000${step}${generation}-0000${part}-of-0000${of}.safetensors`;
const index = (step: number): string => `checkpoint-0000000${step}.safetensors.index.json`;

describe('a checkpoint larger than a file may be', () => {
  it('becomes several files and an index, and comes back whole', async () => {
    const file = await write(5);
    expect(file).toBe(join(folder, index(5)));
    expect(await files()).toEqual([shard(5, 1), shard(5, 2), index(5)]);
    for (const path of [file, folder]) {
      const loaded = await readCheckpoint(path);
      expect(loaded).toEqual({ file, step: 5, state, tensors: tensorsOf(5) });
      expect([...loaded.tensors.keys()]).toEqual(names);
      expect(await readCheckpointState(path)).toEqual({ file, step: 5, state });
    }
    expect(await listCheckpoints(folder)).toEqual([{ file, step: 5 }]);
    expect(await latestCheckpoint(folder)).toBe(file);
  });

  it("has an index in Hugging Face's layout, with the sums that sha256sum prints", async () => {
    const { metadata, weight_map: weightMap } = JSON.parse(await fs.readFile(await write(5), 'utf8')) as {
      metadata: Record<string, unknown>;
      weight_map: Record<string, string>;
    };
    expect(weightMap).toEqual({
      'model.b': shard(5, 1),
      7: shard(5, 1),
      'model.a': shard(5, 2),
      3: shard(5, 2),
    });
    expect(metadata.total_size).toBe(1600);
    for (const [name, checksum] of Object.entries(metadata['vitvq.shards'] as Record<string, string>)) {
      const bytes = await fs.readFile(join(folder, name));
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(checksum);
      expect((await readSafetensors(join(folder, name))).tensors.size).toBe(2);
    }
  });

  it.each([
    [1599, 2, [1, 1, 1, 2]],
    [1600, 1, []],
    [1200, 2, [1, 1, 1, 2]],
    [1199, 2, [1, 1, 2, 2]],
    [400, 4, [1, 2, 3, 4]],
    [1, 4, [1, 2, 3, 4]], // a tensor is never split
  ])('of at most %i bytes a file: %i', async (maximumShardBytes, count, parts) => {
    const file = await write(5, { maximumShardBytes });
    expect((await files()).filter((name) => !name.endsWith('.json'))).toHaveLength(count);
    if (count > 1) {
      const { weight_map: weightMap } = JSON.parse(await fs.readFile(file, 'utf8')) as {
        weight_map: Record<string, string>;
      };
      expect(names.map((name) => weightMap[name])).toEqual(parts.map((part) => shard(5, part, count)));
    }
    expect((await readCheckpoint(folder)).tensors).toEqual(tensorsOf(5));
  });

  it('refuses a size that is none', async () => {
    await expect(write(5, { maximumShardBytes: 0 })).rejects.toThrow(ConfigError);
    await expect(write(5, { maximumShardBytes: 0 })).rejects.toThrow(
      'maximumShardBytes to be an integer of at least 1',
    );
  });
});

describe('pruning', () => {
  it('takes whole checkpoints, of one file and of several', async () => {
    await write(1);
    await write(2, { maximumShardBytes: 10_000 });
    await write(3, { keep: 2 });
    expect(await files()).toEqual(['checkpoint-00000002.safetensors', shard(3, 1), shard(3, 2), index(3)].sort());
    await write(4, { keep: 1 });
    expect(await files()).toEqual([shard(4, 1), shard(4, 2), index(4)]);
  });

  it('removes shards that belong to no index before it writes, and at the end of a removal that was cut short', async () => {
    await write(1);
    await fs.writeFile(join(folder, shard(2, 1)), 'what a killed process left');
    await write(3);
    expect(await files()).toEqual([shard(1, 1), shard(1, 2), index(1), shard(3, 1), shard(3, 2), index(3)].sort());
    await fs.rm(join(folder, index(1)));
    await writeCheckpoint(folder, { step: 4, tensors: new Map(), state: null });
    expect(await files()).toEqual(['checkpoint-00000004.safetensors', shard(3, 1), shard(3, 2), index(3)].sort());
  });

  it('keeps the shards of an index that cannot be read', async () => {
    await fs.writeFile(await write(1), 'damaged');
    await write(2);
    expect(await files()).toEqual([shard(1, 1), shard(1, 2), index(1), shard(2, 1), shard(2, 2), index(2)].sort());
  });

  it('keeps the last intact checkpoint when the kept ones are damaged', async () => {
    for (const step of [1, 2]) await write(step);
    const rename = fs.rename;
    vi.spyOn(fs, 'rename').mockImplementationOnce(async (from, to) => {
      await fs.truncate(from, 700); // a disk that loses the end of a new shard
      await rename(from, to);
    });
    await write(3, { keep: 1 });
    expect((await listCheckpoints(folder)).map(({ step }) => step)).toEqual([2, 3]);
    await expect(readCheckpoint(folder)).rejects.toMatchObject({ where: join(folder, shard(3, 1)) });
    await expect(readCheckpoint(folder)).rejects.toThrow(`The newest intact checkpoint is ${join(folder, index(2))}`);
  });
});

describe('a step that is written again', () => {
  it('replaces the checkpoint, whose files live until the new index does', async () => {
    await write(5, { fill: 1 });
    const rename = fs.rename;
    let before: unknown;
    vi.spyOn(fs, 'rename').mockImplementation(async (from, to) => {
      if (String(to).endsWith('.json')) before = (await readCheckpoint(folder)).tensors;
      await rename(from, to);
    });
    await write(5, { fill: 2, keep: 1 });
    expect(before).toEqual(tensorsOf(1));
    expect(await files()).toEqual([shard(5, 1, 2, '.1'), shard(5, 2, 2, '.1'), index(5)]);
    expect((await readCheckpoint(folder)).tensors).toEqual(tensorsOf(2));
    await write(5, { fill: 3, keep: 1 });
    expect((await readCheckpoint(folder)).tensors).toEqual(tensorsOf(3));
    expect(await files()).toHaveLength(3);
  });

  it('replaces it also when its form changes', async () => {
    await write(5, { fill: 1 });
    await write(5, { fill: 2, maximumShardBytes: 10_000 });
    expect(await files()).toEqual(['checkpoint-00000005.safetensors']);
    expect((await readCheckpoint(folder)).tensors).toEqual(tensorsOf(2));
    await write(5, { fill: 3 });
    expect(await files()).toEqual([shard(5, 1), shard(5, 2), index(5)]);
    expect((await readCheckpoint(folder)).tensors).toEqual(tensorsOf(3));
  });
});

describe('a failure while writing', () => {
  it.each([1, 2, 3])('of file %i leaves the older checkpoint and nothing else', async (failing) => {
    await write(1);
    const before = await files();
    const rename = fs.rename;
    let count = 0;
    vi.spyOn(fs, 'rename').mockImplementation(async (from, to) => {
      if (++count === failing) throw Object.assign(new Error('full'), { code: 'ENOSPC' });
      await rename(from, to);
    });
    await expect(write(2, { keep: 1 })).rejects.toThrow('no space left on the device (ENOSPC)');
    expect(await files()).toEqual(before);
    expect((await readCheckpoint(folder)).step).toBe(1);
  });
});

describe('damage', () => {
  it('of a shard, or one that is missing, is named with the intact checkpoint before', async () => {
    await write(1);
    await write(2);
    const path = join(folder, shard(2, 2));
    const bytes = await fs.readFile(path);
    const offer = `The newest intact checkpoint is ${join(folder, index(1))} (step 1): read that file`;
    for (const damage of [
      () => fs.writeFile(path, bytes.subarray(0, -1)),
      () => fs.writeFile(path, Buffer.concat([bytes.subarray(0, -1), Buffer.of(bytes.at(-1)! ^ 1)])),
      () => fs.copyFile(join(folder, shard(2, 1)), path),
      () => fs.rm(path),
    ]) {
      await damage();
      await expect(readCheckpoint(folder)).rejects.toMatchObject({ name: 'DataError', where: path });
      await expect(readCheckpoint(folder)).rejects.toThrow(offer);
    }
    await expect(readCheckpointState(folder)).rejects.toMatchObject({ name: 'DataError', where: path });
    await expect(readCheckpointState(folder)).rejects.toThrow(offer);
    expect((await readCheckpoint(join(folder, index(1)))).step).toBe(1);
  });

  it('of the state does not need the tensors to be found', async () => {
    const file = await write(1);
    const text = await fs.readFile(file, 'utf8');
    await fs.writeFile(file, text.replace('größe', 'grösse'));
    await expect(readCheckpointState(folder)).rejects.toMatchObject({ name: 'DataError', where: file });
    await expect(readCheckpointState(folder)).rejects.toThrow('expected SHA-256');
  });

  it('a shard is no checkpoint by itself', async () => {
    await write(1);
    await expect(readCheckpoint(join(folder, shard(1, 1)))).rejects.toThrow(
      'got "training-checkpoint-shard/1". This is one of several files of a checkpoint: read the *.safetensors.index.json',
    );
  });

  it('an index without training state is none either', async () => {
    const file = join(folder, 'model.safetensors.index.json');
    await fs.writeFile(file, JSON.stringify({ weight_map: {} }));
    await expect(readCheckpoint(file)).rejects.toThrow(
      'expected the index of a training checkpoint ("training-checkpoint-index/1"), got one without training state. To load weights alone, use openShardedSafetensors.',
    );
    const written = JSON.parse(await fs.readFile(await write(1), 'utf8')) as { metadata: Record<string, unknown> };
    written.metadata['vitvq.sha256'] = 'none';
    await fs.writeFile(file, JSON.stringify(written));
    await expect(readCheckpoint(file)).rejects.toThrow('expected vitvq.sha256 to be a SHA-256, got "none"');
  });

  it('an index that names files elsewhere is refused, even with a checksum that is right', async () => {
    const file = await write(1);
    const other = join(dirname(folder), 'other');
    await fs.mkdir(other);
    await fs.rename(join(folder, shard(1, 1)), join(other, shard(1, 1)));
    const moved = `../${basename(other)}/${shard(1, 1)}`;
    const blank = (await fs.readFile(file, 'utf8'))
      .replaceAll(shard(1, 1), moved)
      .replace(/"vitvq.sha256": "\w{64}"/, `"vitvq.sha256": "${'0'.repeat(64)}"`);
    await fs.writeFile(file, blank.replace('0'.repeat(64), createHash('sha256').update(blank).digest('hex')));
    await expect(readCheckpoint(folder)).rejects.toMatchObject({ name: 'DataError', where: file });
    await expect(readCheckpoint(folder)).rejects.toThrow(
      `${file}: expected weight_map to name a *.safetensors file of the same folder for tensor "7", got "${moved.slice(0, 20)}`,
    );
    await expect(openShardedSafetensors(file)).rejects.toThrow('Files elsewhere are not opened.');
  });
});
