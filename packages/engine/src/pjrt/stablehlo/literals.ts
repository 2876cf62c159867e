import { isNarrow, sizeOf, typedArray, type DType, type TypedArray, type ValueType } from '../../ir/graph.js';

const elementTypes = {
  float32: 'f32',
  int32: 'i32',
  bool: 'i1',
  bfloat16: 'bf16',
  float16: 'f16',
} as const satisfies Record<DType, string>;

/** Returns a tensor type as MLIR writes it, such as `tensor<2x3xf32>`. */
export function tensorType({ shape, dtype }: ValueType): string {
  return `tensor<${[...shape, elementTypes[dtype]].join('x')}>`;
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/**
 * Returns a number as MLIR writes it. Floats are written as their bits, so that all of them arrive
 * as they are: infinities, NaN and negative zero too.
 */
export function numberLiteral(value: number, dtype: DType): string {
  if (dtype === 'bool') return value ? 'true' : 'false';
  if (dtype === 'int32') return String(value | 0);
  // Narrow constants are written as numbers, which their type rounds.
  if (isNarrow(dtype)) return value.toExponential(12);
  const bits = new DataView(new ArrayBuffer(4));
  bits.setFloat32(0, value);
  return `0x${hex(new Uint8Array(bits.buffer)).toUpperCase()}`;
}

/**
 * Returns the values of a constant as MLIR writes them: a list of booleans, bytes of the others.
 */
export function arrayLiteral(data: TypedArray, { shape, dtype }: ValueType): string {
  if (sizeOf(shape) === 0) return '';
  if (dtype === 'bool') return `[${Array.from(data, (value) => numberLiteral(value, dtype)).join(', ')}]`;
  const values = typedArray(dtype, data);
  return `"0x${hex(new Uint8Array(values.buffer)).toUpperCase()}"`;
}
