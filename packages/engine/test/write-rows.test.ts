import { expect, it } from 'vitest';
import { writeRows } from '../src/onnx/in-place/write-rows.js';

/** Row-major `[2, 3, inner]`; the rows at `position` of the middle axis are the new ones. */
const written = (inner: number, position: number, count: number): number[] =>
  Array.from({ length: 2 * 3 * inner }, (_, index) => {
    const slot = Math.floor(index / inner) % 3;
    const block = Math.floor(index / (3 * inner));
    const isNew = slot >= position && slot < position + count;
    return isNew ? 100 + block * count * inner + (slot - position) * inner + (index % inner) : index;
  });

const numbers = (length: number, from = 0): number[] => Array.from({ length }, (_, index) => from + index);

it.each([
  [4, 1, 1],
  [4, 1, 2],
  [3, 2, 1],
  [1, 0, 3],
])('writes rows of %i values at %i, %i of them, and nothing else', (inner, position, count) => {
  for (const kind of [Float32Array, Int32Array]) {
    const target = kind.from(numbers(2 * 3 * inner));
    const rows = kind.from(numbers(2 * count * inner, 100));
    writeRows(target, rows, { shape: [2, 3, inner], axis: 1, count, position });
    expect([...target]).toEqual(written(inner, position, count));
  }
});

it('keeps every bit of numbers beside NaN, of integers, and where memory lies at odd places', () => {
  const place = { shape: [1, 2, 4], axis: 1, count: 1, position: 1 };
  const floats = new Float32Array(8);
  writeRows(floats, Float32Array.of(1.5, NaN, -0, Infinity), place);
  expect([...floats]).toEqual([0, 0, 0, 0, 1.5, NaN, -0, Infinity]);
  const integers = new Int32Array(8);
  writeRows(integers, Int32Array.of(1, 0x7ff00001, 2, -1), place);
  expect([...integers]).toEqual([0, 0, 0, 0, 1, 0x7ff00001, 2, -1]);
  const odd = new Float32Array(new ArrayBuffer(40), 4, 8);
  writeRows(odd, Float32Array.of(1, 2, 3, 4), place);
  expect([...odd]).toEqual([0, 0, 0, 0, 1, 2, 3, 4]);
});

it('refuses rows beyond the axis', () => {
  const write = (position: number): void =>
    writeRows(new Float32Array(8), new Float32Array(4), { shape: [1, 2, 4], axis: 1, count: 1, position });
  expect(() => write(2)).toThrow(/rows 2 to 3 of an axis of 2/);
  expect(() => write(-1)).toThrow(/cannot be written/);
});
