import { promises as fs } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { DataError, type HostTensor } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { openPyTorchCheckpoint, restoreVariables, type PyTorchCheckpoint } from '../src/index.js';
import { AllowedNames } from '../src/internal/pickle/names.js';
import type { PickleName } from '../src/internal/pickle/values.js';

const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/torch-2.15/${name}`, import.meta.url));
const json = async <T>(name: string): Promise<T> => JSON.parse(await fs.readFile(fixture(name), 'utf8')) as T;

/** Opens a file for as long as a function takes. */
async function within<T>(name: string, use: (opened: PyTorchCheckpoint) => Promise<T> | T, options = {}): Promise<T> {
  const opened = await openPyTorchCheckpoint(fixture(name), options);
  try {
    return await use(opened);
  } finally {
    await opened.close();
  }
}

async function contentOf({ entries, read }: PyTorchCheckpoint): Promise<Map<string, HostTensor>> {
  const tensors = new Map<string, HostTensor>();
  for (const entry of entries) tensors.set(entry.name, await read(entry));
  return tensors;
}

describe.each(['lazy.pt', 'lazy-legacy.pt'])('%s', (file) => {
  it('has tensors that are negated when they are read, as PyTorch does', async () => {
    const expected = await json<Record<string, [number[], number[]]>>('lazy.json');
    const content = await within(file, contentOf);
    expect([...content.keys()]).toEqual([...Object.keys(expected), 'last']);
    for (const [name, [shape, values]] of Object.entries(expected)) {
      const { data } = content.get(name)!;
      const wanted = data instanceof Float32Array ? Float32Array.from(values) : Int32Array.from(values);
      expect([name, content.get(name)]).toEqual([name, { shape, data: wanted }]);
    }
  });

  it('has complex, sparse and other tensors that are not read, and cost no other', async () => {
    await within(file, async (opened) => {
      expect(Object.fromEntries(opened.unread)).toEqual({
        complex: 'complex64',
        conjugate: 'complex64',
        complex_double: 'complex128',
        complex_half: 'complex32',
        coo: 'a sparse tensor',
        csr: 'a sparse tensor',
        csc: 'a sparse tensor',
        meta: 'a tensor without values, of the device meta',
        nested: 'a nested tensor',
        fnuz: 'float8_e4m3fnuz',
        quantized: 'a quantized tensor',
        by_channel: 'a quantized tensor',
      });
      const reading = opened.read({ name: 'coo', shape: [3, 3], dtype: 'F32' });
      await expect(reading).rejects.toThrow(DataError);
      await expect(reading).rejects.toThrow('expected tensor "coo" to have values that are read, got a sparse tensor.');
      expect((await opened.read({ name: 'last', shape: [1], dtype: 'F32' })).data).toEqual(Float32Array.of(9));
    });
  });
});

describe('what training programs leave', () => {
  it.each(['leftovers.pt', 'leftovers-legacy.pt', 'layer.pt'])('is passed over: %s', async (file) => {
    const content = await within(file, contentOf);
    expect(content).toEqual(new Map([['w', { shape: [2], data: Float32Array.of(1, 2) }]]));
  });

  it('is passed over in a checkpoint of Lightning', async () => {
    await within('lightning.ckpt', ({ entries, values }) => {
      expect(entries.map(({ name, shape }) => [name, shape])).toEqual([
        ['layer.weight', [1, 2]],
        ['layer.bias', [1]],
      ]);
      expect(values.get('pytorch-lightning_version')).toMatch(/^2\./);
    });
  });
});

describe('names that are neither built nor passed over', () => {
  it('are reported together, with what to pass', async () => {
    const opening = within('unknown.pt', contentOf);
    await expect(opening).rejects.toThrow(DataError);
    await expect(opening).rejects.toThrow(
      'got functools.partial, torch._C._nn.gelu, torch.nn.modules.linear.Linear, torch.optim.swa_utils.AveragedModel.',
    );
    const message = await opening.then(String, (error: unknown) => (error as DataError).message);
    const names = /ignore: \[(.*?)\]/
      .exec(message)![1]!
      .split(', ')
      .map((name) => name.slice(1, -1));
    const content = await within('unknown.pt', contentOf, { ignore: names });
    expect([...content.keys()]).toEqual(['w']);
  });

  it('are a whole model, which is not its weights', async () => {
    await expect(within('module.pt', contentOf)).rejects.toThrow('got torch.nn.modules.linear.Linear. Nothing was');
    await expect(within('module.pt', contentOf, { ignore: ['torch.nn.*'] })).rejects.toThrow(
      'expected a dictionary of tensors, got an object of torch.nn.modules.linear.Linear. Save the weights alone in Python',
    );
  });
});

it('a name of Python 2 means that of Python 3', async () => {
  const { names, modules } = await json<Record<'names' | 'modules', Record<string, string>>>('compat-pickle.json');
  const allowed = new AllowedNames();
  const resolve = (full: string): PickleName => {
    const point = full.lastIndexOf('.');
    return allowed.resolve(full.slice(0, point), full.slice(point + 1));
  };
  const within = 'bool bytes dict float frozenset int list object range set str tuple UserDict UserList'.split(' ');
  const pairs = [
    ...Object.entries(names),
    ...Object.entries(modules).flatMap(([old, modern]) =>
      within.map((name): [string, string] => [`${old}.${name}`, `${modern}.${name}`]),
    ),
  ].filter(([, modern]) => !resolve(modern).standing.startsWith('unknown'));
  expect(pairs.map(([old]) => old)).toEqual(
    expect.arrayContaining(['__builtin__.long', '__builtin__.unicode', '__builtin__.xrange', '__builtin__.dict']),
  );
  for (const [old, modern] of pairs) expect([old, resolve(old)]).toEqual([old, resolve(modern)]);
});

it('a dictionary that a file mentions twice has its tensors under both names', async () => {
  const content = await within('twice.pt', contentOf);
  expect([...content].map(([name, { data }]) => [name, [...data]])).toEqual([
    ['net.a', [1]],
    ['net.inner.b', [2]],
    ['ema.a', [1]],
    ['ema.inner.b', [2]],
    ['deep.copy.b', [2]],
  ]);
});

it('a script module has the tensors of its modules, and its code is not looked at', async () => {
  const content = await within('script.pt', contentOf);
  expect([...content].map(([name, { shape }]) => [name, shape])).toEqual([
    ['logit_scale', []],
    ['visual.positions', [1, 2]],
    ['visual.resolution', []],
    ['visual.blocks.0.weight', [1, 2]],
    ['visual.blocks.0.bias', [1]],
  ]);
  expect(content.get('visual.positions')!.data).toEqual(Float32Array.of(1, 2));
});

describe('what is put before all names', () => {
  it.each([
    ['parallel.pt', 'module.'],
    ['compiled.pt', 'module._orig_mod.'],
  ])('is left out and said: %s', async (file, prefix) => {
    await within(file, (opened) => {
      expect(opened.prefix).toBe(prefix);
      expect(opened.entries.map(({ name }) => name)).toEqual(['0.weight', '0.bias']);
    });
    const names = await within(file, ({ entries }) => entries.map(({ name }) => name), { prefix: '' });
    expect(names).toEqual([`${prefix}0.weight`, `${prefix}0.bias`]);
  });

  it('is said where the names do not fit', async () => {
    const variable = tf.variable(tf.zeros([1, 1]));
    await within('parallel.pt', async (opened) => {
      const restoring = restoreVariables(opened, new Map([['module.0.weight', variable]]));
      await expect(restoring).rejects.toThrow(
        `unexpected: 0.weight, 0.bias. All names in the file begin with "module.", which was left out; open it with prefix: ''`,
      );
    });
    variable.dispose();
  });

  it('is what the caller says', async () => {
    const options = { prefix: 'net.inner.' };
    expect(await within('twice.pt', ({ entries }) => entries.map(({ name }) => name), options)).toEqual(['b']);
    await expect(within('twice.pt', contentOf, { prefix: 'model.' })).rejects.toThrow(
      'expected names that begin with "model.", got such as "net.a".',
    );
  });
});
