import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TensorFile } from '@vitvq/checkpoint';
import { DataError, foldIn, permuteHost, randomBits, randomKey, type HostTensor } from '@vitvq/core';
import { it } from '@vitvq/test-utils/node';
import protobuf from 'protobufjs';
import { describe, expect } from 'vitest';
import { importFeatureExtractor } from '../../src/index.js';
import { findInception } from '../../src/extractors/inception-v3.js';
import { isFrozenGraph, openFrozenGraph } from '../../src/extractors/internal/frozen-graph.js';
import { weight } from './formula.js';

type Bytes = Uint8Array;
const message = (write: (writer: protobuf.Writer) => void): Bytes => {
  const writer = protobuf.Writer.create();
  write(writer);
  return writer.finish();
};
const nested = (field: number, bytes: Bytes) => (writer: protobuf.Writer) =>
  void writer.uint32((field << 3) | 2).bytes(bytes);
const text = (field: number, value: string) => nested(field, Buffer.from(value));

/** Returns a node of a graph with a constant. */
function constant(
  name: string,
  { shape, data }: HostTensor,
  { operation = 'Const', type = 1, bytes = data.byteLength, field = 4 } = {},
): Bytes {
  const dimensions = message((writer) => {
    for (const size of shape)
      nested(
        2,
        message((inner) => void inner.uint32(8).int64(size)),
      )(writer);
  });
  const tensor = message((writer) => {
    writer.uint32(8).int32(type);
    nested(2, dimensions)(writer);
    nested(field, new Uint8Array(data.buffer, data.byteOffset, bytes))(writer);
  });
  const entry = message((writer) => {
    text(1, 'value')(writer);
    nested(2, message(nested(8, tensor)))(writer);
  });
  return message((writer) => {
    text(1, name)(writer);
    text(2, operation)(writer);
    text(3, 'an/input')(writer);
    nested(5, entry)(writer);
  });
}

const graph = (...nodes: readonly Bytes[]): Bytes =>
  message((writer) => {
    for (const node of nodes) nested(1, node)(writer);
  });
const values: HostTensor = { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) };
const scalar: HostTensor = { shape: [], data: Float32Array.of(7) };

describe('a frozen graph of TensorFlow', () => {
  it('has its constants of float32', async ({ temporaryFolder }) => {
    const file = join(temporaryFolder, 'graph');
    const nodes = [
      constant('a/weights', values),
      constant('b', scalar, { operation: 'Placeholder' }),
      constant('c', scalar, { type: 3 }),
      constant('d', scalar),
      constant('e', values, { field: 5 }),
      constant('f', { shape: [2], data: scalar.data }, { field: 5 }),
    ];
    writeFileSync(file, graph(...nodes));
    expect(await isFrozenGraph(file)).toBe(true);
    const opened = await openFrozenGraph(file);
    expect(opened.entries).toEqual([
      { name: 'a/weights', shape: [2, 3], dtype: 'F32' },
      { name: 'd', shape: [], dtype: 'F32' },
      { name: 'e', shape: [2, 3], dtype: 'F32' },
      { name: 'f', shape: [2], dtype: 'F32' },
    ]);
    expect(await Promise.all(opened.entries.map((entry) => opened.read(entry)))).toEqual([
      values,
      scalar,
      values,
      { shape: [2], data: Float32Array.of(7, 7) },
    ]);
    // It is found by its content, and is not the network that was asked for.
    await expect(importFeatureExtractor('inception-v3-compat', file)).rejects.toThrow(
      `${file}: expected the 471 tensors of the Inception of torch-fidelity, pytorch-fid or TensorFlow, got missing`,
    );
  });

  it.for([
    ['a', graph(constant('a', values, { bytes: 20 })), 'the values of a [2, 3], got 20 bytes'],
    ['names twice', graph(constant('a', values), constant('a', values)), 'names that differ, got a twice'],
    [
      'without end',
      graph(...Array.from({ length: 10_001 }, (_, index) => constant(`c${index}`, scalar))),
      'at most 10000 constants, got more',
    ],
    ['cut off', graph(constant('a', values)).subarray(0, -10), 'a frozen graph of TensorFlow, got index out of range'],
  ] as const)('is refused where it is damaged: %s', async ([, bytes, problem], { temporaryFolder }) => {
    const file = join(temporaryFolder, 'graph.pb');
    writeFileSync(file, bytes);
    await expect(openFrozenGraph(file)).rejects.toThrow(DataError);
    await expect(openFrozenGraph(file)).rejects.toThrow(`${file}: expected ${problem}`);
  });

  it('is opened or refused, whatever is wrong with it', async ({ temporaryFolder }) => {
    const file = join(temporaryFolder, 'graph.pb');
    const bytes = graph(constant('a/weights', values), constant('d', scalar));
    let refused = 0;
    for (let index = 0; index < 300; index++) {
      const [place = 0, value = 0, end = 0] = randomBits(foldIn(randomKey(7), index), 3);
      const damaged = bytes.slice(0, index % 3 === 0 ? end % bytes.length : undefined);
      damaged[place % bytes.length] = value;
      writeFileSync(file, damaged);
      const error = await openFrozenGraph(file).then(
        async (opened) => void (await Promise.all(opened.entries.map((entry) => opened.read(entry)))),
        (reason: unknown) => reason,
      );
      if (error === undefined) continue;
      expect(error).toBeInstanceOf(DataError);
      refused++;
    }
    expect(refused).toBeGreaterThan(50);
  });

  it('is not what other files are', async ({ temporaryFolder }) => {
    const file = join(temporaryFolder, 'page');
    for (const content of ['\n<html>', 'PK\x03\x04', '', '\n\n\n\n']) {
      writeFileSync(file, content);
      expect(await isFrozenGraph(file)).toBe(false);
    }
  });
});

describe('Inception of a graph', () => {
  const none: Pick<TensorFile, 'entries'> = { entries: [] };
  const pyTorch = findInception(none);
  const graphFile = findInception({ entries: [{ name: 'softmax/weights', shape: [], dtype: 'F32' }] });

  it('has the names of the graph, each once', () => {
    const names = (found: typeof pyTorch): string[] => [
      ...new Set(found.weights.flatMap(({ sources }) => sources.map(({ name }) => name))),
    ];
    expect(names(graphFile)).toHaveLength(names(pyTorch).length);
    const nameOf = (variable: string): string =>
      graphFile.weights.find((each) => each.variable === `${variable}.weight`)!.sources[0]!.name;
    // By the table of the script that converted the weights for torch-fidelity.
    const expected = {
      Conv2d_1a_3x3: 'conv',
      Conv2d_4a_3x3: 'conv_4',
      'Mixed_5b.branch1x1': 'mixed/conv',
      'Mixed_5b.branch3x3dbl_2': 'mixed/tower_1/conv_1',
      'Mixed_5c.branch5x5_2': 'mixed_1/tower/conv_1',
      'Mixed_5d.branch_pool': 'mixed_2/tower_2/conv',
      'Mixed_6a.branch3x3': 'mixed_3/conv',
      'Mixed_6a.branch3x3dbl_3': 'mixed_3/tower/conv_2',
      'Mixed_6b.branch7x7_3': 'mixed_4/tower/conv_2',
      'Mixed_6e.branch7x7dbl_5': 'mixed_7/tower_1/conv_4',
      'Mixed_7a.branch3x3_2': 'mixed_8/tower/conv_1',
      'Mixed_7a.branch7x7x3_4': 'mixed_8/tower_1/conv_3',
      'Mixed_7b.branch3x3_1': 'mixed_9/tower/conv',
      'Mixed_7b.branch3x3_2b': 'mixed_9/tower/mixed/conv_1',
      'Mixed_7c.branch3x3dbl_3a': 'mixed_10/tower_1/mixed/conv',
    };
    expect(Object.fromEntries(Object.keys(expected).map((name) => [name, nameOf(name)]))).toEqual(
      Object.fromEntries(Object.entries(expected).map(([name, scope]) => [name, `${scope}/conv2d_params`])),
    );
  });

  it.for(['Conv2d_1a_3x3.weight', 'Mixed_6b.branch7x7_2.weight', 'Mixed_7a.branch3x3_1.bias', 'classes.weight'])(
    'has the same %s as that of PyTorch',
    (variable) => {
      const [torch, tensorFlow] = [pyTorch, graphFile].map(({ weights }) =>
        weights.find((each) => each.variable === variable)!,
      );
      const tensors = torch!.sources.map(({ name, shape }) => weight(name, shape));
      const transposed = tensors.map((tensor) => {
        if (tensor.shape.length === 4) return permuteHost(tensor, [2, 3, 1, 0]);
        return tensor.shape.length === 2 ? permuteHost(tensor, [1, 0]) : tensor;
      });
      expect(tensorFlow!.sources.map(({ shape }) => shape)).toEqual(transposed.map(({ shape }) => shape));
      const [got, expected] = [tensorFlow!.convert(transposed), torch!.convert(tensors)];
      expect(got.shape).toEqual(expected.shape);
      expect(Buffer.compare(Buffer.from(got.data.buffer), Buffer.from(expected.data.buffer))).toBe(0);
    },
  );
});
