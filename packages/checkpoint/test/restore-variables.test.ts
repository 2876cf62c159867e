import * as tf from '@tensorflow/tfjs';
import { ConfigError, DataError, ShapeError, type HostTensor } from '@vitvq/core';
import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { it } from '@vitvq/test-utils/node';
import { describe, expect, vi } from 'vitest';
import {
  latestCheckpoint,
  openCheckpoint,
  openSafetensors,
  readSafetensors,
  restoreCheckpoint,
  restoreVariables,
  variableTensors,
  writeCheckpoint,
  writeSafetensors,
  type TensorSource,
} from '../src/index.js';
import { flipBit } from './build-file.js';

let folder: string;
it.beforeEach(({ temporaryFolder }) => void (folder = temporaryFolder));
const create = (fill: number): Map<string, tf.Variable> =>
  new Map<string, tf.Variable>([
    ['model.weight', tf.variable(tf.fill([2, 3], fill))],
    ['model.count', tf.variable(tf.fill([3], fill, 'int32'), false)],
    ['model.flag', tf.variable(tf.cast(tf.fill([2], fill), 'bool'), false)],
    ['optimizer.step', tf.variable(tf.scalar(fill, 'int32'), false)],
  ]);
const valuesOf = async (variables: ReadonlyMap<string, tf.Variable>): Promise<unknown[]> =>
  Promise.all([...variables.values()].map(async (variable) => [variable.dtype, await variable.data()]));

describe('variables', () => {
  it.each([1, 10_000])('go into checkpoints of at most %i bytes a file and come back', async (maximumShardBytes) => {
    const directory = join(folder, `run-${maximumShardBytes}`);
    const [before, after] = [create(1), create(0)];
    const contents = { step: 3, tensors: variableTensors(before), state: { seed: 7 } };
    const file = await writeCheckpoint(directory, contents, { maximumShardBytes });
    const tensorCount = tf.memory().numTensors;
    expect(await restoreCheckpoint(directory, after)).toEqual({ file, step: 3, state: { seed: 7 } });
    expect(tf.memory().numTensors).toBe(tensorCount);
    expect(await valuesOf(after)).toEqual(await valuesOf(before));
  });

  it('that were restored share no array with what they were restored from', async () => {
    const file = join(folder, 'own.safetensors');
    await writeSafetensors(file, variableTensors(create(1)));
    const opened = await openSafetensors(file);
    const [first, second] = [create(0), create(0)];
    await restoreVariables(opened, first);
    await restoreVariables(opened, second);
    await opened.close();
    first.get('model.weight')!.assign(tf.fill([2, 3], 5));
    expect([...(await second.get('model.weight')!.data())]).toEqual([1, 1, 1, 1, 1, 1]);
  });

  it('can be a part of those in the file', async () => {
    const directory = join(folder, 'part');
    await writeCheckpoint(directory, { step: 3, tensors: variableTensors(create(1)), state: null });
    const own = tf.variable(tf.zeros([2, 3]));
    await restoreCheckpoint(directory, new Map([['model.weight', own]]), { ignoreOthers: true });
    expect([...(await own.data())]).toEqual([1, 1, 1, 1, 1, 1]);
    await expect(restoreCheckpoint(directory, new Map([['model.weight', own]]))).rejects.toThrow(
      'unexpected: model.count, model.flag, optimizer.step',
    );
  });

  it('stay as they are when names, shapes or types do not fit', async () => {
    const file = join(folder, 'other.safetensors');
    await writeSafetensors(
      file,
      new Map<string, HostTensor>([
        ['model.weight', { shape: [3, 2], data: new Float32Array(6).fill(9) }],
        ['model.count', { shape: [3], data: new Float32Array(3).fill(9.5) }],
        ['optimizer.step', { shape: [], data: Int32Array.of(9) }],
        ['stranger', { shape: [], data: Int32Array.of(9) }],
      ]),
    );
    const opened = await openSafetensors(file);
    const variables = create(1);
    const attempt = restoreVariables(opened, variables);
    await expect(attempt).rejects.toThrow(ShapeError);
    await expect(attempt).rejects.toThrow(
      `${file}: expected the 4 variables to restore, got missing: model.flag; unexpected: stranger; different: model.weight [3, 2] instead of [2, 3], model.count F32 instead of int32.`,
    );
    await opened.close();
    expect(await valuesOf(variables)).toEqual(await valuesOf(create(1)));
  });

  it('stay as they are when the last byte of a checkpoint is wrong', async () => {
    const directory = join(folder, 'damaged');
    const file = await writeCheckpoint(directory, { step: 3, tensors: variableTensors(create(9)), state: null });
    const bytes = await fs.readFile(file);
    flipBit(file, bytes, bytes.length - 1);
    const variables = create(1);
    await expect(restoreCheckpoint(directory, variables)).rejects.toThrow(DataError);
    expect(await valuesOf(variables)).toEqual(await valuesOf(create(1)));
  });
});

describe('a source', () => {
  it('is read one tensor after the other, each when the one before is on its way', async () => {
    const events: string[] = [];
    const source: TensorSource = {
      tensors: ['x', 'y'].map((name) => ({ name, shape: [1], dtype: 'float32' })),
      read: async (name) => {
        events.push(`read ${name}`);
        await new Promise((resolve) => setTimeout(resolve, 1));
        events.push(`have ${name}`);
        return { shape: [1], data: Float32Array.of(1) };
      },
    };
    const file = join(folder, 'source.safetensors');
    await writeSafetensors(file, source);
    expect(events).toEqual(['read x', 'have x', 'read y', 'have y']);
    expect((await readSafetensors(file)).tensors.size).toBe(2);
  });

  it.each([
    [{ shape: [2], data: Float32Array.of(1, 2) }, 'tensor "x" to be F32 [1], as described before, got float32 [2].'],
    [{ shape: [1], data: Int32Array.of(1) }, 'tensor "x" to be F32 [1], as described before, got int32 [1].'],
    [{ shape: [1], data: Float32Array.of(1, 2) }, 'as many values as its shape says'],
  ] as [HostTensor, string][])('that gives another tensor than it said is refused %#', async (tensor, message) => {
    const source: TensorSource = {
      tensors: [{ name: 'x', shape: [1], dtype: 'float32' }],
      read: () => Promise.resolve(tensor),
    };
    const directory = join(folder, 'refused');
    const attempt = writeCheckpoint(directory, { step: 1, tensors: source, state: null });
    await expect(attempt).rejects.toThrow(ShapeError);
    await expect(attempt).rejects.toThrow(message);
    expect(await fs.readdir(directory)).toEqual([]);
  });

  it('that fails leaves nothing, and its own error', async () => {
    const variables = create(1);
    const directory = join(folder, 'failing');
    vi.spyOn(variables.get('optimizer.step')!, 'data').mockRejectedValue(new Error('the engine stopped'));
    for (const maximumShardBytes of [1, 10_000]) {
      const contents = { step: 1, tensors: variableTensors(variables), state: null };
      await expect(writeCheckpoint(directory, contents, { maximumShardBytes })).rejects.toThrow(/^the engine stopped$/);
      expect(await latestCheckpoint(directory)).toBeUndefined();
      expect(await fs.readdir(directory)).toEqual([]);
    }
  });

  it.each([
    [[{ name: '__metadata__', shape: [1], dtype: 'float32' }], ConfigError, 'tensor names other than __metadata__'],
    [[{ name: 'x', shape: [-1], dtype: 'float32' }], ShapeError, 'tensor "x" to have a shape, got [-1]'],
    [
      [
        { name: 'x', shape: [], dtype: 'float32' },
        { name: 'x', shape: [], dtype: 'int32' },
      ],
      ConfigError,
      'expected names that differ, got "x" twice',
    ],
  ] as [TensorSource['tensors'], typeof ConfigError, string][])(
    'has tensors that a file can hold %#',
    async (tensors, type, message) => {
      const attempt = writeSafetensors(join(folder, 'no.safetensors'), {
        tensors,
        read: () => Promise.reject(new Error('not asked for')),
      });
      await expect(attempt).rejects.toThrow(type);
      await expect(attempt).rejects.toThrow(message);
    },
  );

  it('is made of variables that a file can hold', () => {
    const complex = tf.variable(tf.complex([1], [2]));
    expect(() => variableTensors(new Map([['x', complex]]))).toThrow(
      'variableTensors: expected variable "x" to be float32, int32 or bool, got complex64.',
    );
  });
});

it('an opened checkpoint gives its tensors one at a time', async () => {
  const directory = join(folder, 'opened');
  await writeCheckpoint(
    directory,
    { step: 4, tensors: variableTensors(create(2)), state: 'x' },
    { maximumShardBytes: 9 },
  );
  const opened = await openCheckpoint(directory);
  expect(opened).toMatchObject({ file: await latestCheckpoint(directory), step: 4, state: 'x' });
  const entry = opened.entries.find(({ name }) => name === 'model.count')!;
  expect(await opened.read(entry)).toEqual({ shape: [3], data: Int32Array.of(2, 2, 2) });
  await opened.close();
});
