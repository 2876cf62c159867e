import { ConfigError, DataError, type HostTensor } from '@vitvq/core';
import { quote } from './internal/scan-json.js';

/**
 * Bits of an element, for the types in which tensors can be written, by their names in the format.
 */
const writableBits = {
  F64: 64,
  F32: 32,
  F16: 16,
  BF16: 16,
  I64: 64,
  I32: 32,
  I16: 16,
  I8: 8,
  U64: 64,
  U32: 32,
  U16: 16,
  U8: 8,
  BOOL: 8,
} as const;

/** Bits of an element, for the other types of the format that are read as float32. */
const readableBits = { F8_E4M3: 8, F8_E5M2: 8, F8_E8M0: 8 } as const;

/**
 * Bits of an element, for the types of the format whose values are not read. C64 holds complex
 * numbers; for types smaller than a byte, the format does not specify their order within a byte.
 */
const opaqueBits = { C64: 64, F8_E4M3FNUZ: 8, F8_E5M2FNUZ: 8, F6_E2M3: 6, F6_E3M2: 6, F4: 4 } as const;

const elementBits = { ...writableBits, ...readableBits, ...opaqueBits };

/**
 * Element types in which tensors can be written. Values in memory are float32 or int32
 * (`HostTensor`).
 */
export type WritableDtype = keyof typeof writableBits;

/**
 * Element types of the format. A file may hold tensors of all of them; the values of C64, F4, F6_*
 * and F8_*FNUZ are not read.
 */
export type SafetensorsDtype = keyof typeof elementBits;

/** Names of all element types of the format. */
export const dtypeNames: readonly string[] = Object.keys(elementBits);

/** Returns whether a value is the name of an element type of the format. */
export function isDtype(value: unknown): value is SafetensorsDtype {
  return typeof value === 'string' && Object.hasOwn(elementBits, value);
}

/** Returns whether a value is the name of an element type in which tensors can be written. */
export function isWritableDtype(value: unknown): value is WritableDtype {
  return typeof value === 'string' && Object.hasOwn(writableBits, value);
}

/** Returns whether values of a type are read, as float32 or int32. */
export function isReadableDtype(dtype: SafetensorsDtype): boolean {
  return !Object.hasOwn(opaqueBits, dtype);
}

/** Returns the bytes of an element; less than 1 for F4 and F6. */
export function elementBytes(dtype: SafetensorsDtype): number {
  return elementBits[dtype] / 8;
}

/**
 * Returns whether elements are integers or truth values, which are int32 in memory; others are
 * float32.
 */
export function isIntegerDtype(dtype: WritableDtype): boolean {
  return !dtype.includes('F');
}

/**
 * Returns the values of one tensor. F64, F16, BF16, F8_E4M3, F8_E5M2 and F8_E8M0 become float32;
 * F64 is rounded, and becomes infinite beyond the range of float32, as a cast does. Integers and
 * BOOL (0 or 1) become int32.
 *
 * The format is little-endian, like every platform for which Node 20 is released except s390x,
 * which is not supported.
 * @param bytes  an array that fills its ArrayBuffer: F32 and I32 are returned as a view of the
 *   buffer, and not copied
 * @throws {DataError} when an integer does not fit 32 bits, naming the tensor, the index and the
 *   value; for C64, F4, F6_* and F8_*FNUZ, naming the tensor and the type
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
    case 'BF16':
      return brainToFloat(new Uint16Array(buffer));
    case 'I64':
    case 'U64':
      return longToInt(buffer, dtype, refuse);
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
    case 'F8_E4M3':
      return Float32Array.from(bytes, (code) => valuesOfE4M3[code]!);
    case 'F8_E5M2':
      return halfToFloat(Uint16Array.from(bytes, (code) => code << 8)); // The upper byte of a half.
    case 'F8_E8M0':
      // A code is a power of two without a sign.
      return Float32Array.from(bytes, (code) => (code === 0xff ? NaN : 2 ** (code - 127)));
    default:
      throw new DataError({
        where,
        expected: `tensor ${quote(name)} to have values that are read as float32 or int32`,
        got: dtype,
        fix: 'Its bytes can be read by readBytes.',
      });
  }
}

/**
 * Values of F8_E4M3 by their code (the E4M3 of arXiv:2209.05433): a sign, 4 bits of exponent with a
 * bias of 7, and 3 bits of fraction. There are no infinities, and a code is NaN where all bits but
 * the sign are set.
 */
const valuesOfE4M3 = Float32Array.from({ length: 256 }, (_, code) => {
  const exponent = (code >> 3) & 15;
  const fraction = code & 7;
  const magnitude = exponent === 0 ? fraction * 2 ** -9 : (8 + fraction) * 2 ** (exponent - 10);
  if ((code & 0x7f) === 0x7f) return NaN;
  return code & 0x80 ? -magnitude : magnitude;
});

/** Converts the upper halves of binary32 to binary32. */
function brainToFloat(source: Uint16Array): Float32Array {
  const bits = new Uint32Array(source.length);
  for (let index = 0; index < source.length; index++) bits[index] = source[index]! << 16;
  return new Float32Array(bits.buffer);
}

/**
 * Converts 64-bit integers to int32.
 * @throws what `refuse` throws, for an integer that does not fit
 */
function longToInt(
  buffer: ArrayBuffer,
  dtype: 'I64' | 'U64',
  refuse: (index: number, value: string) => never,
): Int32Array {
  const words = new Int32Array(buffer);
  const values = new Int32Array(words.length / 2);
  for (let index = 0; index < values.length; index++) {
    const low = words[2 * index]!;
    const high = words[2 * index + 1]!;
    // A 64-bit integer fits when its high word is the sign of its low word. An unsigned integer
    // must be positive as well.
    if (high !== low >> 31 || (dtype === 'U64' && low < 0)) {
      const all = dtype === 'I64' ? new BigInt64Array(buffer) : new BigUint64Array(buffer);
      refuse(index, String(all[index]));
    }
    values[index] = low;
  }
  return values;
}

/** Number of codes of binary16. */
const halfCodes = 2 ** 16;
let bitsOfHalves: Uint32Array | undefined;

/**
 * Converts IEEE 754 binary16 to binary32 exactly. Payloads of NaN are kept. Long arrays are looked
 * up in a table of all codes, which is some ten times faster.
 */
function halfToFloat(source: Uint16Array): Float32Array {
  if (source.length < halfCodes) return computedHalves(source);
  const allCodes = (): Uint16Array => Uint16Array.from({ length: halfCodes }, (_, code) => code);
  bitsOfHalves ??= new Uint32Array(computedHalves(allCodes()).buffer);
  const bits = new Uint32Array(source.length);
  for (let index = 0; index < source.length; index++) bits[index] = bitsOfHalves[source[index]!]!;
  return new Float32Array(bits.buffer);
}

function computedHalves(source: Uint16Array): Float32Array {
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

/** Range of an integer type within int32, and the conversion to it. */
interface IntegerType {
  readonly smallest: number;
  readonly largest: number;
  readonly convert: (values: HostTensor['data']) => ArrayBufferView;
}

/** Integer types in which int32 can be written. */
const integerTypes: Readonly<Record<Exclude<WritableDtype, 'F64' | 'F32' | 'F16' | 'BF16'>, IntegerType>> = {
  I64: { smallest: -(2 ** 31), largest: 2 ** 31 - 1, convert: (values) => BigInt64Array.from(values, BigInt) },
  U64: { smallest: 0, largest: 2 ** 31 - 1, convert: (values) => BigInt64Array.from(values, BigInt) },
  I32: { smallest: -(2 ** 31), largest: 2 ** 31 - 1, convert: (values) => values },
  U32: { smallest: 0, largest: 2 ** 31 - 1, convert: (values) => values },
  I16: { smallest: -(2 ** 15), largest: 2 ** 15 - 1, convert: (values) => Int16Array.from(values) },
  U16: { smallest: 0, largest: 2 ** 16 - 1, convert: (values) => Uint16Array.from(values) },
  I8: { smallest: -128, largest: 127, convert: (values) => Int8Array.from(values) },
  U8: { smallest: 0, largest: 255, convert: (values) => Uint8Array.from(values) },
  BOOL: { smallest: 0, largest: 1, convert: (values) => Uint8Array.from(values) },
};

/**
 * Returns the bytes of a tensor as `dtype`. F32 and I32 are not copied; F16 and BF16 are rounded to
 * the nearest number, and to the even one of two.
 * @throws {ConfigError} for a value that `dtype` cannot hold, naming the tensor, the index and the
 *   value
 */
export function fromHostData({ data }: HostTensor, dtype: WritableDtype, name: string, where: string): Uint8Array {
  const refuse = (index: number): never => {
    throw new ConfigError({
      where,
      expected: `the values of tensor ${name} to fit ${dtype}`,
      got: `${data[index]} at index ${index}`,
    });
  };
  const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
    new Uint8Array(buffer, byteOffset, byteLength);
  switch (dtype) {
    case 'F32':
      return bytesOf(data);
    case 'F64':
      return bytesOf(Float64Array.from(data));
    case 'F16':
    case 'BF16': {
      const infinity = dtype === 'F16' ? 0x7c00 : 0x7f80;
      const source = new Uint32Array(data.buffer, data.byteOffset, data.length);
      const convert = dtype === 'F16' ? floatToHalf : floatToBrain;
      const values = new Uint16Array(data.length);
      for (let index = 0; index < values.length; index++) {
        values[index] = convert(source[index]!);
        if ((values[index]! & 0x7fff) === infinity && Number.isFinite(data[index])) refuse(index);
      }
      return bytesOf(values);
    }
    default: {
      const { smallest, largest, convert } = integerTypes[dtype];
      const index = data.findIndex((value) => value < smallest || value > largest);
      return index < 0 ? bytesOf(convert(data)) : refuse(index);
    }
  }
}

/** Converts IEEE 754 binary32 to binary16, rounding to the nearest and to the even one of two. */
function floatToHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 0xff) - 112;
  const fraction = bits & 0x7fffff;
  if (exponent === 143) return sign | 0x7c00 | (fraction === 0 ? 0 : 0x200 | (fraction >> 13));
  if (exponent >= 31) return sign | 0x7c00;
  if (exponent < -10) return sign;
  // An exponent below 1 makes a subnormal number: the leading one, which a normal number leaves
  // out, moves into the fraction.
  const shift = exponent > 0 ? 13 : 14 - exponent;
  const all = exponent > 0 ? (exponent << 23) | fraction : 0x800000 | fraction;
  return sign | roundedShift(all, shift);
}

/** Converts binary32 to its upper half, rounding to the nearest and to the even one of two. */
function floatToBrain(bits: number): number {
  const isNaN = (bits & 0x7fffffff) > 0x7f800000;
  if (isNaN) return (bits >>> 16) | 0x40;
  return ((bits >>> 16) & 0x8000) | roundedShift(bits & 0x7fffffff, 16);
}

/** Shifts and rounds to the nearest even number. A carry moves into the exponent, as it must. */
function roundedShift(value: number, shift: number): number {
  const kept = value >>> shift;
  const rest = value & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return rest > half || (rest === half && (kept & 1) === 1) ? kept + 1 : kept;
}
