import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import type { HostTensor } from '@vitvq/core';
import { it, killAfter } from '@vitvq/test-utils/node';
import { afterEach, expect, vi } from 'vitest';
import { openModel, writeModel } from '../src/index.js';

afterEach(() => vi.restoreAllMocks());

const names = ['a', 'b', 'c'];
const tensorsOf = (value: number): Map<string, HostTensor> =>
  new Map(names.map((name) => [name, { shape: [4], data: new Float32Array(4).fill(value) }]));

it.for([
  [1000, 1000],
  [1000, 16],
  [16, 1000],
  [16, 16],
])(
  'wherever the writing of a model is interrupted, its config and its weights belong together (%i and %i bytes a file)',
  async ([first, second], { temporaryFolder: folder }) => {
    const found = new Set<unknown>();
    for (let changes = 0, isWritten = false; !isWritten; changes++) {
      await fs.rm(folder, { recursive: true, force: true });
      await writeModel(folder, { type: 'x', config: 1 }, tensorsOf(1), { maximumShardBytes: first! });
      await fs.writeFile(join(folder, 'tokenizer.json'), '{}');
      killAfter(changes);
      isWritten = await writeModel(folder, { type: 'x', config: 2 }, tensorsOf(2), { maximumShardBytes: second! }).then(
        () => true,
        () => false,
      );
      vi.restoreAllMocks();
      const model = await openModel(folder);
      for (const entry of model.entries) {
        expect((await model.read(entry)).data).toEqual(new Float32Array(4).fill(model.config as number));
      }
      expect(model.entries.map(({ name }) => name).sort()).toEqual(names);
      await model.close();
      expect(await fs.readFile(join(folder, 'tokenizer.json'), 'utf8')).toBe('{}');
      found.add(model.config);
    }
    expect([...found]).toEqual([1, 2]);
    const shown = (await fs.readdir(folder)).filter((name) => !name.startsWith('.'));
    expect(shown).toHaveLength(second === 16 ? 6 : 3);
  },
);
