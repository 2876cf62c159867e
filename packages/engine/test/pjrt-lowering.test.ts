import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../src/ir/builder.js';
import { arrayLiteral, numberLiteral, tensorType } from '../src/pjrt/stablehlo/literals.js';
import { lowerToStableHlo } from '../src/pjrt/stablehlo/lower.js';
import { oneDevice } from '../src/mesh.js';
import { buildProgram } from '../src/pjrt/program.js';
import { shardingDialectFor } from '../src/pjrt/sharding/dialect.js';

describe('the StableHLO lowering', () => {
  it('writes a module whose parameters are the inputs that are read', () => {
    const b = new GraphBuilder();
    const x = b.input([2, 3], 'float32');
    b.input([7], 'float32');
    const y = b.input([3], 'float32');
    const graph = b.finish([b.binary('add', x, y)]);
    expect(lowerToStableHlo(graph)).toEqual({
      parameters: [0, 2],
      checks: [],
      text: `module @main attributes {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32} {
  func.func public @main(%arg0: tensor<2x3xf32>, %arg1: tensor<3xf32>) -> (tensor<2x3xf32>) {
    %0 = stablehlo.broadcast_in_dim %arg1, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
    %1 = stablehlo.add %arg0, %0 : tensor<2x3xf32>
    return %1 : tensor<2x3xf32>
  }
}
`,
    });
  });

  it('gives the memory of a state that is read to its new value', () => {
    const b = new GraphBuilder();
    const [x, state] = [b.input([3], 'float32'), b.input([3], 'float32')];
    const next = b.binary('multiply', state, x);
    const { text, parameters } = buildProgram(
      {
        name: 'f',
        graph: b.finish([b.unary('negate', next), x, next]),
        resultCount: 1,
        stateInputs: [undefined, 1],
        frozen: new Map(),
      },
      { mesh: oneDevice, dialect: shardingDialectFor(106) },
    );
    expect(text).toContain('(%arg0: tensor<3xf32>, %arg1: tensor<3xf32> {tf.aliasing_output = 2 : i32})');
    expect(parameters.map(({ input, state: index }) => [input, index])).toEqual([
      [0, undefined],
      [1, 1],
    ]);
  });

  it('writes every number as it is', () => {
    expect([1.5, -0, Infinity, -Infinity, 1e-42].map((value) => numberLiteral(value, 'float32'))).toEqual([
      '0x3FC00000',
      '0x80000000',
      '0x7F800000',
      '0xFF800000',
      '0x000002CA',
    ]);
    expect(numberLiteral(NaN, 'float32')).toBe('0x7FC00000');
    expect([-(2 ** 31), 7].map((value) => numberLiteral(value, 'int32'))).toEqual(['-2147483648', '7']);
    expect(arrayLiteral(Int32Array.of(1, -1), { shape: [2], dtype: 'int32' })).toBe('"0x01000000FFFFFFFF"');
    expect(arrayLiteral(Uint8Array.of(1, 0), { shape: [2], dtype: 'bool' })).toBe('[true, false]');
    expect(arrayLiteral(new Float32Array(0), { shape: [0, 2], dtype: 'float32' })).toBe('');
    expect(tensorType({ shape: [], dtype: 'bool' })).toBe('tensor<i1>');
  });
});
