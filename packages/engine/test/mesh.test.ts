import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compile } from '../src/compile.js';
import { useEngine } from '../src/engines.js';
import { EngineError } from '../src/errors.js';
import { GraphBuilder } from '../src/ir/builder.js';
import { describeMesh, resolveMesh, type Mesh, type MeshOptions } from '../src/mesh.js';
import { narrowProducts } from '../src/passes/narrow-products.js';
import { encodeCompileOptions } from '../src/pjrt/compile-options.js';
import { buildProgram } from '../src/pjrt/program.js';
import { shardingDialectFor } from '../src/pjrt/sharding/dialect.js';
import { putPart, takePart } from '../src/pjrt/sharding/parts.js';
import {
  devicesWithParts,
  partIndex,
  partShape,
  shardingOfBatch,
  shardingOfWeight,
  type Sharding,
} from '../src/pjrt/sharding/sharding.js';
import { edgeCases } from './edge-cases.js';
import { operationCases } from './operations.js';
import { plugin, startPjrt } from './pjrt-plugin.js';
import { sweepOperations } from './sweep-operations.js';
import { testBackend } from './test-backend.js';
import { createTwoLayers, wave } from './two-layers.js';

const meshOf = (options: MeshOptions): Mesh => resolveMesh(options);
const [shardy, gspmd] = [shardingDialectFor(106), shardingDialectFor(60)];

describe('a mesh', () => {
  it.each([
    [{ data: 0 }, /mesh: expected data to be an integer of at least 1/],
    [{ model: 1.5 }, /mesh: expected model to be an integer of at least 1/],
    [{ weights: 'split' }, /weights.*replicated, sharded.*split/],
    [{ devices: 4 }, /unknown.*devices|devices/],
  ])('is refused as %j', (options, message) => {
    expect(() => resolveMesh(options as MeshOptions)).toThrow(message);
  });

  it('describes itself', () => {
    expect(describeMesh(meshOf({}))).toBe('');
    expect(describeMesh(meshOf({ data: 2, model: 2, weights: 'sharded' }))).toBe(
      '4 devices (batches over 2, layers over 2, weights sharded)',
    );
  });

  it('needs an engine of several devices', async () => {
    await expect(useEngine({ name: 'cpu', mesh: { data: 2 } })).rejects.toThrow(
      /an engine of several devices for a mesh of 2 \(pjrt\), got "cpu"/,
    );
  });
});

describe('the sharding of a tensor', () => {
  const mesh = meshOf({ data: 2, model: 3, weights: 'sharded' });

  it.each([
    [
      [8, 4],
      ['data', undefined],
    ],
    [
      [7, 4],
      [undefined, undefined],
    ],
    [
      [0, 4],
      [undefined, undefined],
    ],
    [[], []],
  ])('of a batch %j is %j', (shape, expected) => {
    expect(shardingOfBatch({ shape, dtype: 'float32' }, mesh)).toEqual(expected);
  });

  it.each([
    [[8, 6], 1, ['data', 'model']],
    [[8, 6], undefined, ['data', undefined]],
    [[8, 7], 1, ['data', undefined]], // 7 columns cannot be cut into 3
    [[6], 0, ['model']],
    [[5], undefined, [undefined]],
  ])('of a weight %j with the axis %j of the model is %j', (shape, axis, expected) => {
    expect(shardingOfWeight({ shape, dtype: 'float32' }, axis, mesh)).toEqual(expected);
  });

  it('leaves weights whole where they are replicated', () => {
    const replicating = meshOf({ data: 2, model: 3 });
    expect(shardingOfWeight({ shape: [8, 6], dtype: 'float32' }, 1, replicating)).toEqual([undefined, 'model']);
  });

  it.each<[number[], Sharding]>([
    [
      [4, 6],
      ['data', 'model'],
    ],
    [
      [3, 4],
      ['model', 'data'],
    ],
    [
      [2, 3, 4, 5],
      [undefined, 'model', 'data', undefined],
    ],
    [
      [4, 3],
      ['data', undefined],
    ],
    [
      [2, 2],
      [undefined, undefined],
    ],
    [[], []],
  ])('cuts %j by %j into parts that make it again', (shape, sharding) => {
    const size = shape.reduce((product, each) => product * each, 1);
    const values = Int32Array.from({ length: size }, (_, index) => index + 1);
    const part = partShape(shape, sharding, mesh);
    const joined = new Int32Array(size);
    const devices = devicesWithParts(sharding, mesh);
    expect(devices.length).toBe(sharding.reduce((count, axis) => count * (axis ? mesh[axis] : 1), 1));
    for (const device of devices) {
      const place = { shape, part, index: partIndex(device, sharding, mesh) };
      const own = takePart(values, 'int32', place);
      expect(own.length).toBe(part.reduce((product, each) => product * each, 1));
      putPart(joined, own, place);
    }
    expect(joined).toEqual(values);
  });
});

describe('a module for several devices', () => {
  const mesh = meshOf({ data: 2, model: 2, weights: 'sharded' });

  /** x · w, and w - 0.1 w, as a step of training has them. */
  const textWith = (dialect: typeof shardy): string => {
    const b = new GraphBuilder();
    const [x, w] = [b.input([8, 4], 'float32'), b.input([4, 6], 'float32')];
    const axes = { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] };
    const next = b.binary('subtract', w, b.binary('multiply', w, b.splat(0.1, [])));
    return buildProgram(
      {
        name: 'f',
        graph: b.finish([b.dotGeneral(x, w, axes), next]),
        resultCount: 1,
        stateInputs: [1],
        frozen: new Map(),
        placement: { argumentCount: 1, inputModelAxes: new Map([[1, 1]]), stateModelAxes: new Map([[0, 1]]) },
      },
      { mesh, dialect },
    ).text;
  };

  it('shards batches and weights, and gathers weights for products only', () => {
    const text = textWith(shardy);
    expect(text).toContain('mhlo.num_partitions = 4');
    expect(text).toContain('sdy.mesh @mesh = <["data"=2, "model"=2]>');
    expect(text).toContain('%arg0: tensor<8x4xf32> {sdy.sharding = #sdy.sharding<@mesh, [{"data"}, {}]>}');
    expect(text).toContain(
      '%arg1: tensor<4x6xf32> {sdy.sharding = #sdy.sharding<@mesh, [{"data"}, {"model"}]>, tf.aliasing_output = 1 : i32}',
    );
    const [, whole] = /(%\d+) = sdy\.sharding_constraint %arg1 <@mesh, \[\{\}, \{"model"\}\]>/.exec(text)!;
    expect(text).toContain(`stablehlo.dot_general %arg0, ${whole!},`);
    expect(text).toMatch(/stablehlo\.multiply %arg1,/);
    expect(text).toMatch(/stablehlo\.subtract %arg1,/);
  });

  it('gathers weights in the type of the products', () => {
    const b = new GraphBuilder();
    const [x, w] = [b.input([8, 4], 'float32'), b.input([4, 6], 'float32')];
    const axes = { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] };
    const graph = narrowProducts(b.finish([b.dotGeneral(x, w, axes)]), 'bfloat16', 'native');
    const placement = { argumentCount: 1, inputModelAxes: new Map(), stateModelAxes: new Map() };
    const program = { name: 'f', graph, resultCount: 1, stateInputs: [], frozen: new Map(), placement };
    const { text } = buildProgram(program, { mesh: meshOf({ data: 2, weights: 'sharded' }), dialect: shardy });
    const [, narrow] = /(%\d+) = stablehlo\.convert %arg1 : \(tensor<4x6xf32>\) -> tensor<4x6xbf16>/.exec(text)!;
    expect(text).toContain(`sdy.sharding_constraint ${narrow!} <@mesh, [{}, {}]> : tensor<4x6xbf16>`);
    expect(text).not.toContain('sdy.sharding_constraint %arg1');
  });

  it("says the same in the older partitioner's words", () => {
    const text = textWith(gspmd);
    expect(text).not.toContain('sdy');
    expect(text).toContain('%arg0: tensor<8x4xf32> {mhlo.sharding = "{devices=[2,1,2]<=[4] last_tile_dim_replicate}"}');
    expect(text).toContain('%arg1: tensor<4x6xf32> {mhlo.sharding = "{devices=[2,2]<=[4]}"');
    expect(text).toContain(
      'stablehlo.custom_call @Sharding(%arg1) {mhlo.sharding = "{devices=[1,2,2]<=[2,2]T(1,0) last_tile_dim_replicate}"}',
    );
  });

  it('has options as the protocol buffers encode them', () => {
    expect([...encodeCompileOptions([0], true)]).toEqual([0x1a, 4, 0x20, 1, 0x28, 1]);
    expect([...encodeCompileOptions([0, 300], true)]).toEqual([
      ...[0x1a, 26, 0x20, 1, 0x28, 2, 0x30, 1, 0x4a, 15, 8, 1, 16, 2],
      ...[0x1a, 3, 0x0a, 1, 0, 0x1a, 4, 0x0a, 2, 0xac, 2, 0x98, 1, 1],
    ]);
  });
});

describe.skipIf(!plugin)('programs on several devices of pjrt', () => {
  beforeAll(async () => {
    await useEngine({ name: 'cpu' });
  });

  testBackend('pjrt on three devices', () => startPjrt({ mesh: meshOf({ data: 3, weights: 'sharded' }) }));

  describe('compute what operations compute', () => {
    beforeAll(async () => {
      await useEngine({ name: 'pjrt', mesh: { data: 2, weights: 'sharded' }, onCompile: () => {} });
    });
    afterAll(() => useEngine({ name: 'cpu' }));

    /** Operations that combine, rank or move what other devices have, and padded windows. */
    const moving =
      /^(max|min|argMax|logSumExp) of NaN at each|^reductions of|^order and sums|gather|scatter|egmentSum|^conv2d with a kernel of 2 x 3, every stride|^transposed/i;
    sweepOperations('pjrt', { cases: [...operationCases, ...edgeCases].filter(({ name }) => moving.test(name)) });
  });

  it('are refused where there are too few', async () => {
    const { PjrtBackend } = await import('../src/pjrt/pjrt-backend.js');
    const mesh = meshOf({ data: 64 });
    const few = PjrtBackend.start({ plugin, isCpu: false, mesh, cacheFolder: undefined });
    await expect(few).rejects.toThrow(EngineError);
    await expect(few).rejects.toThrow(/expected 64 devices, as the mesh has, got \d+ in this plug-in/);
  });

  describe.each<MeshOptions>([
    { data: 4 },
    { data: 4, weights: 'sharded' },
    { model: 2 },
    { data: 2, model: 2, weights: 'sharded' },
  ])('arranged as %j', (mesh) => {
    afterAll(() => useEngine({ name: 'cpu' }));

    it('train as one device does', async () => {
      const train = async (options: MeshOptions): Promise<number[][]> => {
        await useEngine({ name: 'pjrt', mesh: options, onCompile: () => {} });
        const { variables, update } = createTwoLayers();
        const step = compile((x: tf.Tensor2D) => tf.tidy(() => ({ value: update(x), x: tf.mul(x, 2) })));
        const batch = wave([8, 6], 1) as tf.Tensor2D;
        const losses: number[] = [];
        for (let index = 0; index < 3; index++) {
          const { value, x } = await step(batch);
          losses.push((await value.data())[0]!);
          expect([...(await x.data())]).toEqual([...(await tf.mul(batch, 2).data())]);
        }
        const rest = await Promise.all(variables.map(async (each) => [...(await each.data())]));
        step.dispose();
        return [losses, ...rest];
      };
      const [one, many] = [await train({}), await train(mesh)];
      one.forEach((values, index) => {
        values.forEach((value, place) => expect(many[index]![place]).toBeCloseTo(value, 5));
      });
    });
  });
});
