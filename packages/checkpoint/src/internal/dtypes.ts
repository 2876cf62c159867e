import { DataError, type HostTensor } from '@vitvq/core';

/** Bytes an element, by the format's name of the type. */
export const elementBytes = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const;

/** Element types that can be read. Written are F32 and I32 alone, the two that a `HostTensor` has. */
export type SafetensorsDtype = keyof typeof elementBytes;

export function isDtype(value: unknown): value is SafetensorsDtype {
  return typeof value === 'string' && Object.hasOwn(elementBytes, value);
}

/**
 * The values of one tensor: F64, F16 and BF16 as float32 (F64 is rounded, beyond its range to infinity, as a cast does),
 * integers and BOOL (0 or 1) as int32.
 *
 * `bytes` must start an ArrayBuffer of its own: F32 and I32 are returned as a view of it, so that they need no copy. The
 * format is little-endian, like every platform that Node 20 is released for except s390x, which is not supported.
 * @throws {DataError} when an integer does not fit 32 bits, naming the tensor, the index and the value
 */
export function toHostData(
  bytes: Uint8Array<ArrayBuffer>,
  dtype: SafetensorsDtype,
  name: string,
  where: string,
): HostTensor['data'] {
  const { buffer } = bytes;
  const refuse = (index: number, value: string): never => {
    throw new DataError({
      where,
      expected: `the ${dtype} values of tensor ${name} to fit int32`,
      got: `${value} at index ${index}`,
      fix: 'Integers of more than 32 bits cannot be used here; store them as several tensors or as metadata.',
    });
  };
  switch (dtype) {
    case 'F32':
      return new Float32Array(buffer);
    case 'I32':
      return new Int32Array(buffer);
    case 'F64':
      return Float32Array.from(new Float64Array(buffer));
    case 'F16':
      return halfToFloat(new Uint16Array(buffer));
    case 'BF16': {
      const source = new Uint16Array(buffer);
      const bits = new Uint32Array(source.length);
      for (let index = 0; index < source.length; index++) bits[index] = source[index]! << 16;
      return new Float32Array(bits.buffer);
    }
    case 'I64':
    case 'U64': {
      const words = new Int32Array(buffer);
      const values = new Int32Array(words.length / 2);
      for (let index = 0; index < values.length; index++) {
        const low = words[2 * index]!;
        const high = words[2 * index + 1]!;
        // A 64-bit integer fits when its high word is the sign of its low word; an unsigned one must be positive too.
        if (high !== low >> 31 || (dtype === 'U64' && low < 0)) {
          const all = dtype === 'I64' ? new BigInt64Array(buffer) : new BigUint64Array(buffer);
          refuse(index, String(all[index]));
        }
        values[index] = low;
      }
      return values;
    }
    case 'U32': {
      const values = new Int32Array(buffer);
      const index = values.findIndex((value) => value < 0);
      return index < 0 ? values : refuse(index, String(values[index]! >>> 0));
    }
    case 'I16':
      return Int32Array.from(new Int16Array(buffer));
    case 'U16':
      return Int32Array.from(new Uint16Array(buffer));
    case 'I8':
      return Int32Array.from(new Int8Array(buffer));
    case 'U8':
      return Int32Array.from(bytes);
    case 'BOOL':
      return Int32Array.from(bytes, (value) => (value === 0 ? 0 : 1));
  }
}

/** IEEE 754 binary16 to binary32, exactly; NaN payloads are kept. */
function halfToFloat(source: Uint16Array): Float32Array {
  const values = new Float32Array(source.length);
  const bits = new Uint32Array(values.buffer);
  for (let index = 0; index < source.length; index++) {
    const half = source[index]!;
    const sign = (half & 0x8000) << 16;
    const exponent = (half >> 10) & 0x1f;
    const fraction = half & 0x3ff;
    if (exponent === 0) {
      values[index] = fraction * 2 ** -24; // zero and subnormals
      bits[index]! |= sign;
    } else {
      bits[index] = sign | (exponent === 31 ? 0x7f800000 : (exponent + 112) << 23) | (fraction << 13);
    }
  }
  return values;
}
