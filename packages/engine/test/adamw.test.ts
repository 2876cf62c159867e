import { describe, expect, it } from 'vitest';
import { adamW } from '../src/onnx/in-place/adamw.js';
import { moveToWasm, wasmMemoryOf } from '../src/onnx/in-place/wasm-memory.js';

const attributes = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.01 };
const scalars = [1e-3, 0.7, 0.5, 0.25].map((value) => Float32Array.of(value));

/** Numbers of very different sizes, infinities and NaN among them. */
function numbers(length: number, seed: number): Float32Array {
  const special = [0, -0, 1e-30, -1e30, Infinity, NaN];
  return Float32Array.from({ length }, (_, index) =>
    index % 97 === seed ? special[index % special.length]! : Math.sin(index * (seed + 1)) * 10 ** ((index % 7) - 3),
  );
}

/** Runs three steps; returns parameter and both moments. */
function step(states: readonly Float32Array[], gradient: Float32Array, shapes: number[][] = []): Float32Array[] {
  const [parameter, first, second] = states as [Float32Array, Float32Array, Float32Array];
  for (let count = 0; count < 3; count++) {
    adamW.run([parameter, gradient, first, second, ...scalars], { attributes, shapes });
  }
  return [parameter, first, second];
}

describe('AdamW in memory of WebAssembly', () => {
  it.each([1, 2, 3, 16_383, 16_384, 16_385, 50_001])('gives the same bits for %d numbers', (length) => {
    const gradient = numbers(length, 4);
    const states = [numbers(length, 1), numbers(length, 2), numbers(length, 3).map(Math.abs)];
    const [moved, others] = moveToWasm([states, [new Float32Array(3).fill(7)]])!;
    expect(wasmMemoryOf(moved!)).toBeDefined();
    expect(wasmMemoryOf(states)).toBeUndefined();
    const expected = step(states, gradient);
    step(moved!, gradient).forEach((array, index) =>
      expect(new Uint32Array(array.slice().buffer)).toEqual(new Uint32Array(expected[index]!.slice().buffer)),
    );
    expect(others![0]).toEqual(new Float32Array(3).fill(7)); // what lies behind is left alone
  });

  it('changes nothing for a gradient scale that is not finite', () => {
    const [moved] = moveToWasm([[numbers(10, 1), numbers(10, 2), numbers(10, 3)]])!;
    const before = moved!.map((array) => array.slice());
    const given = [moved![0]!, numbers(10, 4), moved![1]!, moved![2]!];
    for (const scale of [NaN, Infinity]) {
      adamW.run([...given, scalars[0]!, Float32Array.of(scale), scalars[2]!, scalars[3]!], { attributes, shapes: [] });
    }
    moved!.forEach((array, index) => expect(array).toEqual(before[index]));
  });

  it('keeps groups apart, each in one memory', () => {
    const group = [Float32Array.of(1), Float32Array.of(2, 3)];
    const moved = moveToWasm([group, group])!;
    expect(moved.map((arrays) => arrays.map((array) => [...array]))).toEqual([
      [[1], [2, 3]],
      [[1], [2, 3]],
    ]);
    expect(wasmMemoryOf([moved[0]![0]!, Float32Array.of(1)])).toBeUndefined();
  });
});
