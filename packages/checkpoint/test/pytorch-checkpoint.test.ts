import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { DataError, type HostTensor } from '@vitvq/core';
import { it } from '@vitvq/test-utils/node';
import { describe, expect } from 'vitest';
import { openPyTorchCheckpoint, restoreVariables, type PyTorchCheckpointOptions } from '../src/index.js';
import { readStrided } from '../src/internal/strided-tensor.js';
import * as build from './build-pytorch.js';

let folder: string;
it.beforeEach(({ temporaryFolder }) => void (folder = temporaryFolder));
const fixtures = fileURLToPath(new URL('fixtures', import.meta.url));
let count = 0;

async function fileOf(bytes: Uint8Array): Promise<string> {
  const file = join(folder, `${count++}.ckpt`);
  await fs.writeFile(file, bytes);
  return file;
}

interface Content {
  readonly tensors: Map<string, HostTensor>;
  readonly values: ReadonlyMap<string, unknown>;
  readonly format: string;
}

async function readAll(file: string, options?: PyTorchCheckpointOptions): Promise<Content> {
  const opened = await openPyTorchCheckpoint(file, options);
  try {
    const tensors = new Map<string, HostTensor>();
    for (const entry of opened.entries) {
      const tensor = await opened.read(entry);
      expect(tensor.shape).toEqual(entry.shape);
      tensors.set(entry.name, tensor);
    }
    return { tensors, values: opened.values, format: opened.format };
  } finally {
    await opened.close();
  }
}

const readBytes = async (bytes: Uint8Array, options?: PyTorchCheckpointOptions): Promise<Content> =>
  readAll(await fileOf(bytes), options);

/** Reads one tensor `w` in either format. */
async function readOne(piece: build.TensorPiece, data: ArrayBufferView, options = {}): Promise<HostTensor> {
  const value = build.dictionary({ w: build.tensor(piece) });
  const legacy = build.legacyCheckpoint(value, { [piece.key ?? '0']: [piece.length, data] });
  const zip = await readBytes(build.zipCheckpoint(value, { [piece.key ?? '0']: data }, options));
  const deflated = await readBytes(build.zipCheckpoint(value, { [piece.key ?? '0']: data }, { isDeflated: true }));
  expect((await readBytes(legacy)).tensors).toEqual(zip.tensors);
  expect(deflated.tensors).toEqual(zip.tensors);
  return zip.tensors.get('w')!;
}

const counting = Float32Array.from({ length: 24 }, (_, index) => index);

describe('files of PyTorch 1.13, with the layout of Lightning', () => {
  it.each(['zip', 'legacy'])('%s', async (format) => {
    const expected = JSON.parse(await fs.readFile(join(fixtures, 'torch-values.json'), 'utf8')) as Record<
      string,
      [number[], number[]]
    >;
    const content = await readAll(join(fixtures, `torch-${format}.ckpt`));
    expect(content.format).toBe(format);
    expect([...content.tensors.keys()]).toEqual(Object.keys(expected));
    for (const [name, { shape, data }] of content.tensors) {
      const [expectedShape, values] = expected[name]!;
      expect([name, shape]).toEqual([name, expectedShape]);
      const wanted = data instanceof Float32Array ? Float32Array.from(values) : Int32Array.from(values);
      expect([name, data]).toEqual([name, wanted]);
    }
    expect(content.tensors.get('long')!.data).toBeInstanceOf(Int32Array);
    expect([...content.values]).toEqual([
      ['epoch', 3],
      ['global_step', 12],
      ['pytorch-lightning_version', '1.5.9'],
    ]);
  });
});

describe('tensors', () => {
  it.each([
    ['contiguous', { length: 24, shape: [2, 3] }, [0, 1, 2, 3, 4, 5]],
    ['with an offset', { length: 24, shape: [2, 2], offset: 20 }, [20, 21, 22, 23]],
    ['transposed', { length: 24, shape: [3, 2], strides: [1, 3], offset: 1 }, [1, 4, 2, 5, 3, 6]],
    ['sliced', { length: 24, shape: [2, 2], strides: [12, 2] }, [0, 2, 12, 14]],
    ['expanded', { length: 24, shape: [2, 3], strides: [1, 0], offset: 5 }, [5, 5, 5, 6, 6, 6]],
    ['overlapping', { length: 24, shape: [3, 2], strides: [1, 1] }, [0, 1, 1, 2, 2, 3]],
    ['a scalar', { length: 24, shape: [], offset: 7 }, [7]],
    ['empty', { length: 24, shape: [3, 0], strides: [9, 9], offset: 24 }, []],
    [
      'with strides of axes of size 1 that mean nothing',
      { length: 24, shape: [1, 2, 1], strides: [999, 1, 999] },
      [0, 1],
    ],
  ] as const)('%s', async (_, piece, values) => {
    expect(await readOne(piece, counting)).toEqual({ shape: piece.shape, data: Float32Array.from(values) });
  });

  it.each([
    ['DoubleStorage', Float64Array.of(0.1, -1e300), Float32Array.of(0.1, -Infinity)],
    ['HalfStorage', Uint16Array.of(0x3c00, 0x7bff), Float32Array.of(1, 65504)],
    ['BFloat16Storage', Uint16Array.of(0x3f80, 0xbf00), Float32Array.of(1, -0.5)],
    ['LongStorage', BigInt64Array.of(-5n, 2147483647n), Int32Array.of(-5, 2147483647)],
    ['IntStorage', Int32Array.of(-5, 5), Int32Array.of(-5, 5)],
    ['ShortStorage', Int16Array.of(-5, 5), Int32Array.of(-5, 5)],
    ['CharStorage', Int8Array.of(-5, 5), Int32Array.of(-5, 5)],
    ['ByteStorage', Uint8Array.of(255, 5), Int32Array.of(255, 5)],
    ['BoolStorage', Uint8Array.of(1, 0), Int32Array.of(1, 0)],
  ] as const)('of a %s, swapped with strides', async (type, data, [first, second]) => {
    const { data: values } = await readOne({ type, length: 2, shape: [2, 1], strides: [1, 7] }, data);
    expect([...values]).toEqual([first, second]);
    const repeated = await readOne({ type, length: 2, shape: [2, 2], strides: [0, 1] }, data);
    expect([...repeated.data]).toEqual([first, second, first, second]);
  });

  it('of a storage of bytes with a type of their own', async () => {
    const piece = { key: 'a', type: 'storage.UntypedStorage', length: 4, shape: [2] };
    const untyped = build.storage(piece).replace('ctorch\nstorage.UntypedStorage', 'ctorch.storage\nUntypedStorage');
    const value = (dtype: string): build.Piece =>
      build.dictionary({
        w: build.call(
          build.global('torch._utils', '_rebuild_tensor_v3'),
          ...[untyped, build.long(0), build.tuple(build.long(2)), build.tuple(build.long(1)), '\x89', build.none],
          build.global('torch', dtype),
        ),
      });
    const { tensors } = await readBytes(build.zipCheckpoint(value('uint16'), { a: Uint16Array.of(7, 65535) }));
    expect(tensors.get('w')).toEqual({ shape: [2], data: Int32Array.of(7, 65535) });
    const small = (await readBytes(build.zipCheckpoint(value('float8_e4m3fn'), { a: Uint8Array.of(0x38, 0xc0, 0, 0) })))
      .tensors;
    expect(small.get('w')).toEqual({ shape: [2], data: Float32Array.of(1, -2) });
    await expect(readBytes(build.zipCheckpoint(value('uint32'), { a: Uint16Array.of(7, 65535) }))).rejects.toThrow(
      'within the 1 elements of storage "a", got one that reaches element 1',
    );
  });

  it.each([
    ['torch', 'Size'],
    ['builtins', 'tuple'],
  ])('keep the shape that was checked, whatever becomes of the list that %s.%s took', async (module, name) => {
    const taken = build.call(build.global(module, name), 'h\x00');
    const parameters = [build.storage({ length: 24, shape: [] }), build.long(0), taken, taken];
    const rebuilt = build.call(build.global('torch._utils', '_rebuild_tensor_v2'), ...parameters);
    for (const added of [build.long(2 ** 28), build.long(-3), build.text('boo')]) {
      const value = `]q\x00${build.long(2)}a0}${build.text('w')}${rebuilt}sh\x00${added}a0`;
      const { tensors } = await readBytes(build.zipCheckpoint(value, { 0: counting }));
      expect(tensors.get('w')).toEqual({ shape: [2], data: Float32Array.of(0, 2) });
    }
  });

  it('of big-endian files', async () => {
    const data = Uint8Array.of(0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0);
    const value = build.dictionary({ w: build.tensor({ length: 2, shape: [2] }) });
    const expected = new Map([['w', { shape: [2], data: Float32Array.of(1, -2) }]]);
    expect((await readBytes(build.zipCheckpoint(value, { 0: data }, { byteOrder: 'big' }))).tensors).toEqual(expected);
    const legacy = build.legacyCheckpoint(value, { 0: [2, data] }, { littleEndian: false });
    expect((await readBytes(legacy)).tensors).toEqual(expected);
  });

  it('of one storage share it, also through views in legacy files', async () => {
    const view = build.tuple(build.text('v'), build.long(3), build.long(4));
    const value = build.dictionary({
      all: build.tensor({ length: 24, shape: [24] }),
      part: build.tensor({ length: 24, shape: [2], offset: 1, view }),
    });
    const { tensors } = await readBytes(build.legacyCheckpoint(value, { 0: [24, counting] }));
    expect([...tensors.get('all')!.data]).toEqual([...counting]);
    expect([...tensors.get('part')!.data]).toEqual([4, 5]);
  });

  it('that are spread over more than they take are read in pieces', async () => {
    // A storage of 96 MiB, of which one row of 24 is read, in an order other than the storage's.
    const rows = 2 ** 20;
    const data = Float32Array.from({ length: 24 * rows }, (_, index) => index % 2 ** 23);
    const value = build.dictionary({
      column: build.tensor({ length: data.length, shape: [4, rows / 4], strides: [24, 96], offset: 5 }),
      unfolded: build.tensor({ length: data.length, shape: [2, 12 * rows], strides: [1, 1] }),
      spread: build.tensor({ length: data.length, shape: [2, 3], strides: [7 * rows, 7 * rows] }),
    });
    const opened = await openPyTorchCheckpoint(await fileOf(build.zipCheckpoint(value, { 0: data })));
    const [column, unfolded, spread] = opened.entries;
    const got = await opened.read(column!);
    let wrong = 0;
    got.data.forEach((value, index) => {
      const [row, place] = [Math.floor(index / (rows / 4)), index % (rows / 4)];
      if (value !== data[5 + 24 * row + 96 * place]) wrong++;
    });
    expect(wrong).toBe(0);
    const windows = await opened.read(unfolded!);
    expect([windows.data[0], windows.data[12 * rows]]).toEqual([0, 1]);
    await expect(opened.read(spread!)).rejects.toThrow(
      'tensor spread: expected a tensor whose elements lie close together, or do not overlap',
    );
    await opened.close();
  });

  it('that no memory can hold are refused', async () => {
    const layout = { shape: [2 ** 25, 2 ** 25], strides: [1, 2 ** 25], offset: 0, elementBytes: 4 };
    const reading = readStrided(layout, () => Promise.resolve(new Uint8Array()), 'a.ckpt, tensor w');
    await expect(reading).rejects.toThrow(DataError);
    await expect(reading).rejects.toThrow(
      `a.ckpt, tensor w: expected a tensor that fits into memory, got [33554432, 33554432] of ${2 ** 52} bytes.`,
    );
  });
});

describe('parts', () => {
  const one = build.tensor({ length: 24, shape: [1] });
  const names = async (value: build.Piece, options?: PyTorchCheckpointOptions): Promise<string[]> => [
    ...(await readBytes(build.zipCheckpoint(value, { 0: counting }), options)).tensors.keys(),
  ];

  it('are the state dict, the model, or the whole file', async () => {
    const inner = build.dictionary({ a: one });
    expect(await names(build.dictionary({ model: one, state_dict: inner }))).toEqual(['a']);
    expect(await names(build.dictionary({ optimizer: build.dictionary({ b: one }), model: inner }))).toEqual(['a']);
    expect(await names(build.dictionary({ model: one, 'b.c': one }))).toEqual(['model', 'b.c']);
    expect(await names(build.dictionary({ net: inner, state_dict: build.dictionary({}) }))).toEqual(['net.a']);
  });

  it('can be named', async () => {
    const value = build.dictionary({ state_dict: build.dictionary({ a: one }), ema: build.dictionary({ b: one }) });
    expect(await names(value, { part: 'ema' })).toEqual(['b']);
    await expect(names(value, { part: 'model' })).rejects.toThrow(
      'expected a dictionary "model", got keys "state_dict", "ema".',
    );
    await expect(names(one)).rejects.toThrow('expected a dictionary of tensors, got a tensor.');
  });

  it('take keys that mean something to JavaScript as names', async () => {
    const inner = build.dictionary({ ['__proto__']: one, constructor: one, toString: one });
    const pairs = `}(${build.text('__proto__')}${build.dictionary({ polluted: '\x88' })}u`;
    const value = build.dictionary({ state_dict: inner, other: pairs });
    expect(await names(value)).toEqual(['__proto__', 'constructor', 'toString']);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('have names that differ', async () => {
    const value = build.dictionary({ a: build.dictionary({ 'b.c': one }), 'a.b': build.dictionary({ c: one }) });
    await expect(names(value)).rejects.toThrow('expected names that differ, got "a.b.c" twice.');
  });

  it('have names that are not too long', async () => {
    const nested = (prefix: number, keys: readonly string[]): build.Piece =>
      build.dictionary({ ['p'.repeat(prefix)]: build.dictionary(Object.fromEntries(keys.map((key) => [key, one]))) });
    expect(await names(nested(1022, ['a']))).toEqual([`${'p'.repeat(1022)}.a`]);
    await expect(names(nested(1022, ['a', 'bc']))).rejects.toThrow(
      /expected names of tensors of at most 1024 characters, got one of 1025, "p{76}\.\.\.\.$/,
    );
    // Dictionaries without tensors may have any keys, because their keys name nothing that is read.
    expect(
      await names(build.dictionary({ ['p'.repeat(4000)]: build.dictionary({ b: build.int(1) }), a: one })),
    ).toEqual(['a']);
  });

  // Each key and the tensor are written once, and mentioned after each prefix.
  it.each([
    ['names', 200, 400, 'p'.repeat(1000), 'names of tensors of 67108864 characters at most'],
    ['number', 26, 20_000, 'p', 'at most 500000 tensors'],
  ])('have a %s that is bounded', async (_, prefixes, inner, prefix, message) => {
    const indices = Array.from({ length: inner }, (_, index) => index);
    const remember = (index: number): build.Piece => `r${build.little(index, 4)}0`;
    const recall = (index: number): build.Piece => `j${build.little(index, 4)}`;
    const keys = indices.map((index) => `${build.text(`${index}`)}${remember(index)}`).join('');
    const items = indices.map((index) => `${recall(index)}${recall(inner)}`).join('');
    const outer = Array.from({ length: prefixes }, (_, index) => `${build.text(`${prefix}${index}`)}}(${items}u`);
    const value = `${keys}${one}${remember(inner)}}(${outer.join('')}u`;
    await expect(names(value)).rejects.toThrow(`expected ${message}, got more.`);
  });

  it('may contain themselves', async () => {
    const value = `}q\x01(${build.text('self')}h\x01${build.text('a')}${one}u`;
    expect(await names(value)).toEqual(['a']);
  });
});

it('restores variables', async () => {
  const value = build.dictionary({ w: build.tensor({ length: 24, shape: [2, 2], strides: [1, 2] }) });
  const opened = await openPyTorchCheckpoint(await fileOf(build.zipCheckpoint(value, { 0: counting })));
  const variable = tf.variable(tf.zeros([2, 2]));
  await restoreVariables(opened, new Map([['w', variable]]));
  await opened.close();
  expect([...variable.dataSync()]).toEqual([0, 2, 1, 3]);
  variable.dispose();
});

describe('refuses', () => {
  const w = (piece: Partial<build.TensorPiece>): build.Piece =>
    build.dictionary({ w: build.tensor({ length: 24, shape: [2, 2], ...piece }) });

  it.each([
    [
      'a tensor beyond its storage',
      { offset: 21 },
      'within the 24 elements of storage "0", got one that reaches element 24',
    ],
    ['strides beyond it', { strides: [23, 1] }, 'got one that reaches element 24'],
    ['huge strides', { strides: [2 ** 52, 1] }, `got one that reaches element ${2 ** 52 + 1}`],
    ['negative strides', { strides: [-1, 1] }, 'none of them negative, got (2, 2), (-1, 1), 0'],
    ['a negative offset', { offset: -1 }, 'none of them negative, got (2, 2), (2, 1), -1'],
    ['a negative size', { shape: [-2, 2], strides: [2, 1] }, 'none of them negative'],
    ['fewer strides than axes', { strides: [1] }, 'a shape, as many strides, and an offset'],
    ['more axes than PyTorch has', { shape: Array<number>(65).fill(1) }, 'a shape, as many strides, and an offset'],
    ['an absurd shape', { shape: [2 ** 40, 2 ** 40], strides: [0, 0] }, 'a shape of a tensor that can be'],
    ['an expansion without bound', { shape: [2 ** 25], strides: [0] }, 'an expanded tensor of at most 16777216 values'],
    ['a storage that is missing', { key: '1' }, /storage "1" as|storages that the checkpoint mentions/],
    ['a storage elsewhere', { key: '../../x' }, /storage "..\/..\/x" as|storages that the checkpoint mentions/],
    ['an unknown storage', { type: 'Storage' }, 'got torch.Storage'],
    ['a storage shorter than it says', { length: 25 }, /to hold 100 bytes, got 96|storage "0" of 25 elements, got 24/],
    ['a storage of an absurd length', { length: 2 ** 52 }, /to hold \d+ bytes, got 96|elements, got 24/],
    ['a storage of negative length', { length: -1 }, 'expected the length of storage "0", got -1'],
  ] as [string, Partial<build.TensorPiece>, string | RegExp][])('%s', async (_, piece, message) => {
    for (const bytes of [
      build.zipCheckpoint(w(piece), { 0: counting }),
      build.legacyCheckpoint(w(piece), { 0: [24, counting] }),
    ]) {
      const file = await fileOf(bytes);
      await expect(readAll(file)).rejects.toThrow(DataError);
      await expect(readAll(file)).rejects.toMatchObject({ where: file });
      await expect(readAll(file)).rejects.toThrow(message);
    }
  });

  it('integers that do not fit', async () => {
    const bytes = build.zipCheckpoint(w({ type: 'LongStorage', length: 1, shape: [1] }), {
      0: BigInt64Array.of(2n ** 31n),
    });
    await expect(readBytes(bytes)).rejects.toThrow('values of tensor w to fit int32, got 2147483648 at index 0');
  });

  it.each([
    ['cut off in a pickle', (bytes: Uint8Array) => bytes.subarray(0, 60), 'expected the rest of a pickle, got its end'],
    [
      'cut off in a storage',
      (bytes: Uint8Array) => bytes.subarray(0, -1),
      '24 elements of storage "0", got the end of the file',
    ],
    [
      'cut off between',
      (bytes: Uint8Array) => bytes.subarray(0, -97),
      'storage "0", got the end of the file. It was cut off.',
    ],
  ])('a legacy file %s', async (_, cut, message) => {
    await expect(readBytes(cut(build.legacyCheckpoint(w({}), { 0: [24, counting] })))).rejects.toThrow(message);
  });

  it('a legacy file whose parts do not agree', async () => {
    const two = build.dictionary({
      a: build.tensor({ length: 24, shape: [1] }),
      b: build.tensor({ length: 24, shape: [1], type: 'HalfStorage' }),
    });
    await expect(readBytes(build.legacyCheckpoint(two, { 0: [24, counting] }))).rejects.toThrow(
      'storage "0" to be one thing, got 24 of float32 and 24 of float16',
    );
    await expect(readBytes(build.legacyCheckpoint(w({}), { 0: [24, counting], 1: [24, counting] }))).rejects.toThrow(
      'expected storages that the checkpoint mentions, got "1"',
    );
  });

  it.each([
    ['an empty file', '', 'got an empty file'],
    ['three bytes', 'PK\x03', 'got something else'],
    [
      'a tar archive',
      `${'\0'.repeat(257)}ustar${'\0'.repeat(250)}`,
      'got a tar archive. Unpack it; a checkpoint of PyTorch before 0.2 has to be',
    ],
    [
      'another pickle',
      build.pickle(build.int(1)),
      'a checkpoint of PyTorch, got another pickle. Only what torch.save has',
    ],
    ['a zip archive without its end', 'PK\x03\x04', 'expected a zip archive, got "End of central directory record'],
  ])('%s', async (_, content, message) => {
    await expect(readBytes(build.bytesOf(content))).rejects.toThrow(message);
  });

  it('a file that is not there, and a tensor that is not in it', async () => {
    await expect(openPyTorchCheckpoint(join(folder, 'none'))).rejects.toThrow(
      'none: expected a checkpoint of PyTorch that can be read, got no such file or directory (ENOENT).',
    );
    const opened = await openPyTorchCheckpoint(await fileOf(build.zipCheckpoint(w({}), { 0: counting })));
    await expect(opened.read({ name: 'v', shape: [], dtype: 'F32' })).rejects.toThrow('expected tensor "v", got none');
    await opened.close();
  });
});
