import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import '@vitvq/test-utils';
import { ConfigError, DataError, type HostTensor } from '@vitvq/core';
import { it, killAfter } from '@vitvq/test-utils/node';
import { describe, expect, vi } from 'vitest';
import {
  divideTensors,
  listCheckpointsInParts,
  openCheckpointInParts,
  restoreVariables,
  writeCheckpointInParts,
  type CheckpointInParts,
  type PieceSource,
  type WriteCheckpointInPartsOptions,
} from '../src/index.js';
import { groupsOf } from './groups.js';

const ramp = (length: number, from: number): Float32Array =>
  Float32Array.from({ length }, (_, index) => from + index / 8);

function tensorsOf(from: number): Map<string, HostTensor> {
  return new Map<string, HostTensor>([
    ['layer.weight', { shape: [11, 5], data: ramp(55, from) }],
    ['layer.bias', { shape: [5], data: ramp(5, from + 100) }],
    ['step', { shape: [], data: Int32Array.of(from) }],
    ['nothing', { shape: [0, 3], data: new Float32Array(0) }],
    ['counts', { shape: [4, 2], data: Int32Array.from({ length: 8 }, (_, index) => from * index) }],
  ]);
}

/** Saves with some processes, as each of them would. */
async function save(
  folder: string,
  processes: number,
  step: number,
  options: WriteCheckpointInPartsOptions = {},
): Promise<string> {
  const checkpoint = { step, tensors: tensorsOf(step), state: { seed: 7, step } };
  const folders = await Promise.all(
    groupsOf(processes).map((group) => writeCheckpointInParts(folder, checkpoint, group, options)),
  );
  expect(new Set(folders).size).toBe(1);
  return folders[0]!;
}

/** How the attempt of each process ended. */
async function attempt(
  folder: string,
  ofProcess: (rank: number) => CheckpointInParts,
  processes: number,
): Promise<string[]> {
  const results = await Promise.allSettled(
    groupsOf(processes).map((group) => writeCheckpointInParts(folder, ofProcess(group.rank), group)),
  );
  return results.map((result) => (result.status === 'rejected' ? (result.reason as Error).message : 'written'));
}

async function readWhole(folder: string): Promise<Map<string, HostTensor>> {
  const opened = await openCheckpointInParts(folder);
  try {
    const read = new Map<string, HostTensor>();
    for (const entry of opened.entries) read.set(entry.name, await opened.read(entry));
    return read;
  } finally {
    await opened.close();
  }
}

describe('a checkpoint in parts', () => {
  it.for([1, 2, 3, 4, 9])('of %i processes is read back whole', async (processes, { temporaryFolder: folder }) => {
    const path = await save(folder, processes, 30);
    expect(path).toBe(join(folder, 'checkpoint-00000030.parts'));
    expect(await fs.readdir(path)).toHaveLength(processes + 1);
    expect(await readWhole(path)).toEqual(tensorsOf(30));
    const opened = await openCheckpointInParts(folder);
    expect(opened).toMatchObject({ step: 30, state: { seed: 7, step: 30 }, parts: processes });
    await opened.close();
  });

  it.for([
    [4, 2],
    [2, 4],
    [3, 5],
    [1, 3],
  ] as const)(
    'of %i processes is read by %i, each its rows',
    async ([writers, readers], { temporaryFolder: folder }) => {
      await save(folder, writers, 8);
      const whole = tensorsOf(8);
      const joined = new Map<string, number[]>();
      for (let rank = 0; rank < readers; rank++) {
        const opened = await openCheckpointInParts(folder, { verifyAll: false });
        for (const piece of divideTensors(opened.tensors, readers)[rank]!) {
          const { shape, data } = await opened.readPiece(piece);
          const { tensor, begin, end } = piece;
          expect(shape).toEqual(tensor.shape.length === 0 ? [] : [end - begin, ...tensor.shape.slice(1)]);
          expect(data.constructor).toBe(whole.get(tensor.name)!.data.constructor);
          joined.set(tensor.name, [...(joined.get(tensor.name) ?? []), ...data]);
        }
        await opened.close();
      }
      for (const [name, { data }] of whole) expect(joined.get(name)).toEqual([...data]);
    },
  );

  it('takes pieces of which no process has all', async ({ temporaryFolder: folder }) => {
    const whole = ramp(30, 0);
    const tensor = { name: 'w', shape: [10, 3], dtype: 'float32' } as const;
    // The rows of process 1 come first.
    const rows = [
      { tensor, begin: 6, end: 9 },
      { tensor, begin: 0, end: 6 },
      { tensor, begin: 9, end: 10 },
    ];
    const source = (rank: number): PieceSource => ({
      pieces: [rows[rank]!],
      read: async ({ begin, end }) => ({ shape: [end - begin, 3], data: whole.slice(begin * 3, end * 3) }),
    });
    const checkpoint = (rank: number): CheckpointInParts => ({ step: 1, tensors: source(rank), state: null });
    expect(await attempt(folder, checkpoint, 3)).toEqual(['written', 'written', 'written']);
    expect(await readWhole(folder)).toEqual(new Map([['w', { shape: [10, 3], data: whole }]]));
    const opened = await openCheckpointInParts(folder);
    const middle = await opened.readPiece({ tensor, begin: 5, end: 10 });
    expect(middle).toEqual({ shape: [5, 3], data: whole.slice(15) });
    await expect(opened.readPiece({ tensor, begin: 5, end: 11 })).rejects.toThrow('rows within the 10 of tensor "w"');
    await expect(opened.read({ ...tensor, name: 'x', dtype: 'F32' })).rejects.toThrow(ConfigError);
    await opened.close();
  });

  it('restores variables', async ({ temporaryFolder: folder }) => {
    await save(folder, 3, 2);
    const variables = new Map(
      [...tensorsOf(9)].map(([name, { shape, data }]) => {
        const dtype = data instanceof Int32Array ? 'int32' : 'float32';
        return [name, tf.variable(tf.tensor(data, [...shape], dtype))];
      }),
    );
    const opened = await openCheckpointInParts(folder);
    await restoreVariables(opened, variables);
    await opened.close();
    for (const [name, { data }] of tensorsOf(2)) expect(await variables.get(name)!.data()).toEqual(data);
    for (const variable of variables.values()) variable.dispose();
  });

  it('keeps the newest ones, replaces one of the same step, and removes what was left', async ({
    temporaryFolder: folder,
  }) => {
    for (const step of [1, 2, 3]) await save(folder, 2, step, { keep: 2 });
    const steps = async (): Promise<number[]> => (await listCheckpointsInParts(folder)).map(({ step }) => step);
    expect(await steps()).toEqual([2, 3]);
    // A run that was killed while it saved, and files that are none of ours.
    const killed = join(folder, 'checkpoint-00000009.parts');
    await fs.mkdir(killed);
    await fs.writeFile(join(killed, 'part-00001-of-00002.0123456789abcdef.safetensors'), 'x');
    await fs.writeFile(join(killed, '.part-00002-of-00002.0123456789abcdef.safetensors.0123456789ab.tmp'), 'x');
    await fs.writeFile(join(folder, 'notes.txt'), 'mine');
    const path = await save(folder, 3, 3, { keep: 2 });
    expect(await steps()).toEqual([2, 3]);
    expect((await fs.readdir(folder)).sort()).toEqual([
      'checkpoint-00000002.parts',
      'checkpoint-00000003.parts',
      'notes.txt',
    ]);
    expect(await fs.readdir(path)).toHaveLength(4);
    expect(await readWhole(path)).toEqual(tensorsOf(3));
  });
});

describe('a process that fails while a checkpoint is written', () => {
  it('makes all fail, and leaves the earlier checkpoint of that step', async ({ temporaryFolder: folder }) => {
    const path = await save(folder, 2, 5);
    const before = (await fs.readdir(path)).sort();
    const broken = (rank: number): CheckpointInParts => ({
      step: 5,
      state: null,
      tensors: {
        tensors: [{ name: 'a', shape: [4, 4], dtype: 'float32' }],
        read: async () => {
          if (rank === 1) throw new Error('the device is gone');
          return { shape: [4, 4], data: ramp(16, 1) };
        },
      },
    });
    const endings = await attempt(folder, broken, 3);
    expect(endings[1]).toBe('the device is gone');
    for (const rank of [0, 2]) {
      expect(endings[rank]).toContain('expected process 1 to do its part, got an error: the device is gone');
    }
    expect((await fs.readdir(path)).sort()).toEqual(before);
    expect(await readWhole(path)).toEqual(tensorsOf(5));
  });

  it.for<[string, (rank: number) => Partial<CheckpointInParts>, string]>([
    ['a state that JSON cannot hold', (rank) => ({ state: rank === 0 ? { loss: NaN } : null }), 'expected state.loss'],
    [
      'a shape that differs',
      (rank) => ({ tensors: new Map([['a', { shape: [4, 2 + rank], data: ramp(8 + 4 * rank, 0) }]]) }),
      'expected all processes to have the same tensor "a"',
    ],
    [
      'rows that nobody has',
      (rank) => ({ tensors: pieceOf(rank === 0 ? [0, 2] : [3, 4]) }),
      'expected a piece of tensor "a" from row 2 on, got rows 3 to 4 of part 2',
    ],
    [
      'rows that two have',
      (rank) => ({ tensors: pieceOf(rank === 0 ? [0, 3] : [2, 4]) }),
      'expected a piece of tensor "a" from row 3 on, got rows 2 to 4 of part 2',
    ],
    [
      'no last rows',
      (rank) => ({ tensors: pieceOf(rank === 0 ? [0, 2] : [2, 3]) }),
      'expected all 4 rows of tensor "a" in the parts, got rows up to 3',
    ],
  ])('%s is refused by all', async ([, partial, message], { temporaryFolder: folder }) => {
    const checkpoint = (rank: number): CheckpointInParts => ({
      step: 1,
      tensors: new Map(),
      state: null,
      ...partial(rank),
    });
    for (const ending of await attempt(folder, checkpoint, 2)) expect(ending).toContain(message);
    expect(await listCheckpointsInParts(folder)).toEqual([]);
    await expect(openCheckpointInParts(folder)).rejects.toThrow('expected a checkpoint in parts, got none');
  });

  it('says that the processes do not share a folder', async ({ temporaryFolder: folder }) => {
    const results = await Promise.allSettled(
      groupsOf(2).map((group) => {
        const own = join(folder, `host-${group.rank}`);
        return writeCheckpointInParts(own, { step: 1, tensors: tensorsOf(1), state: null }, group);
      }),
    );
    for (const result of results) {
      expect(result).toMatchObject({ status: 'rejected' });
      expect(String((result as PromiseRejectedResult).reason)).toContain(
        results[0] === result ? 'All processes have to write to one folder' : 'expected process 0 to do its part',
      );
    }
  });
});

/** Some rows of a tensor of 4 rows. */
function pieceOf([begin, end]: readonly [number, number]): PieceSource {
  const tensor = { name: 'a', shape: [4, 2], dtype: 'float32' } as const;
  return {
    pieces: [{ tensor, begin, end }],
    read: async () => ({ shape: [end - begin, 2], data: ramp(2 * (end - begin), 0) }),
  };
}

describe('a damaged checkpoint in parts', () => {
  /** Saves with three processes, does something to the files, and returns what opening says. */
  async function damaged(
    folder: string,
    damage: (path: string, parts: string[]) => Promise<unknown>,
    options = {},
  ): Promise<string> {
    const path = await save(folder, 3, 7);
    const parts = (await fs.readdir(path)).filter((name) => name.startsWith('part')).sort();
    await damage(path, parts);
    const error: unknown = await openCheckpointInParts(path, options).then(
      (opened) => opened.close(),
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(DataError);
    return (error as Error).message;
  }

  it.for([true, false])('without a part is refused (verifyAll: %s)', async (verifyAll, { temporaryFolder: folder }) => {
    const message = await damaged(folder, (path, parts) => fs.rm(join(path, parts[1]!)), { verifyAll });
    expect(message).toMatch(/part-00002-of-00003.*expected a safetensors file that can be read, got no such file/);
  });

  it.for([true, false])(
    'with a part of another save (verifyAll: %s)',
    async (verifyAll, { temporaryFolder: folder }) => {
      const other = await save(join(folder, 'other'), 3, 7);
      const names = (await fs.readdir(other)).sort();
      const message = await damaged(
        folder,
        (path, parts) =>
          fs.copyFile(
            join(
              other,
              names.find((name) => name.startsWith('part-00002'))!,
            ),
            join(path, parts[1]!),
          ),
        { verifyAll },
      );
      expect(message).toMatch(/expected part 2\/3 of save [0-9a-f]{16} at step 7, got vitvq.save "[0-9a-f]{16}"/);
      expect(message).toContain('Parts of different saves do not belong together');
    },
  );

  it('with parts in the place of each other', async ({ temporaryFolder: folder }) => {
    const message = await damaged(folder, (path, parts) => fs.copyFile(join(path, parts[2]!), join(path, parts[0]!)));
    expect(message).toMatch(/expected part 1\/3 of save .*, got vitvq.part "3\/3"/);
  });

  it('with other bytes or a cut file', async ({ temporaryFolder: folder }) => {
    const flip = async (path: string, parts: string[]): Promise<void> => {
      const bytes = await fs.readFile(join(path, parts[2]!));
      bytes[bytes.length - 1]! ^= 1;
      await fs.writeFile(join(path, parts[2]!), bytes);
    };
    expect(await damaged(folder, flip)).toMatch(/part-00003.*expected SHA-256/);
    const cut = async (path: string, parts: string[]): Promise<void> => fs.truncate(join(path, parts[2]!), 400);
    expect(await damaged(folder, cut)).toContain('part-00003-of-00003');
    const path = await save(folder, 3, 7);
    await flip(path, (await fs.readdir(path)).sort().slice(1));
    // A process that reads only rows of the first part does not notice.
    const opened = await openCheckpointInParts(folder, { verifyAll: false });
    const [first, , third] = divideTensors(opened.tensors, 3);
    await opened.readPiece(first![0]!);
    await expect(opened.readPiece(third!.at(-1)!)).rejects.toThrow('The file was damaged after it was written');
    await opened.close();
  });

  it.for<[string, (text: string) => string, string | RegExp]>([
    ['a changed digit', (text) => text.replace('"vitvq.step":"7"', '"vitvq.step":"8"'), 'expected SHA-256'],
    ['a cut index', (text) => text.slice(0, 200), 'in JSON'],
    ['no object', () => '[]', 'that is an object'],
    ['another format', (text) => text.replace('training-checkpoint-parts/1', 'x'), 'checkpoint in parts ("training'],
    ['no checksum', (text) => text.replace(/"vitvq.sha256":"\w+"/, '"vitvq.sha256":1'), 'to be a SHA-256'],
  ])('with %s', async ([, change, message], { temporaryFolder: folder }) => {
    const got = await damaged(folder, async (path) => {
      const file = join(path, 'index.json');
      await fs.writeFile(file, change(await fs.readFile(file, 'utf8')));
    });
    expect(got).toMatch(message);
  });
});

describe('a save that is killed', () => {
  it('leaves the earlier checkpoints or the new one, wherever it stops', async ({ temporaryFolder: folder }) => {
    await save(folder, 2, 1);
    let writtenAt: number | undefined;
    for (let changes = 0; writtenAt === undefined; changes++) {
      // The checkpoint of step 2 is written anew once there is one, and replaces itself.
      killAfter(changes);
      const ending = await save(folder, 2, 2, { keep: 2 }).catch((error: Error) => error.message);
      vi.restoreAllMocks();
      if (ending.endsWith('.parts')) writtenAt = changes;
      else expect(ending).toMatch(/killed|to read back what was written, got a file that cannot be read/);
      const steps = (await listCheckpointsInParts(folder)).map(({ step }) => step);
      expect(steps[0]).toBe(1);
      for (const [index, step] of steps.entries()) {
        expect(step).toBe(index + 1);
        const { folder: path } = (await listCheckpointsInParts(folder))[index]!;
        expect(await readWhole(path)).toEqual(tensorsOf(step));
      }
    }
    expect(writtenAt).toBeGreaterThan(10);
    expect(await fs.readdir(join(folder, 'checkpoint-00000002.parts'))).toHaveLength(3);
  });

  it('between two parts leaves no checkpoint, and the next save takes its place', async ({
    temporaryFolder: folder,
  }) => {
    await save(folder, 2, 1);
    const [first] = groupsOf(2);
    // The second process never comes, as if it had been killed.
    const ended = vi.fn();
    void writeCheckpointInParts(folder, { step: 2, tensors: tensorsOf(2), state: null }, first!).then(ended, ended);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(ended).not.toHaveBeenCalled();
    expect((await listCheckpointsInParts(folder)).map(({ step }) => step)).toEqual([1]);
    await save(folder, 2, 2);
    expect((await listCheckpointsInParts(folder)).map(({ step }) => step)).toEqual([1, 2]);
  });
});
