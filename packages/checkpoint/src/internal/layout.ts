import { ConfigError, ShapeError, formatShape, type HostTensor } from '@vitvq/core';
import type { TensorDescription, WritableTensors } from '../tensor-source.js';
import { elementBytes, isIntegerDtype, isWritableDtype, type WritableDtype } from '../dtypes.js';
import {
  headerLimits,
  isSizes,
  lengthBytes,
  maximumHeaderBytes,
  metadataName,
  type WritableEntry,
} from '../safetensors-header.js';
import { quote, scanJson } from './scan-json.js';

/**
 * Returns the beginning of a file of tensors: the length field and the header, padded so that the
 * data section begins at a multiple of 8 bytes.
 * @throws {ConfigError} for metadata that the format cannot hold, and for a header beyond its
 *   limits
 */
export function encodeHeader(
  entries: readonly WritableEntry[],
  metadata: Readonly<Record<string, string>>,
  where: string,
): Uint8Array<ArrayBuffer> {
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value !== 'string' || key === '__proto__') {
      throw new ConfigError({ where, expected: 'metadata of strings by name', got: `${quote(key)}: ${quote(value)}` });
    }
  }
  const fields: [string, unknown][] = entries.map(({ name, dtype, shape, begin, end }) => [
    name,
    { dtype, shape, data_offsets: [begin, end] },
  ]);
  if (Object.keys(metadata).length > 0) fields.unshift([metadataName, metadata]);
  // Joined by hand: an object would move names that look like integers to the front.
  const text = `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`;
  const unpadded = new TextEncoder().encode(text);
  const padded = Math.ceil(unpadded.length / 8) * 8;
  if (padded > maximumHeaderBytes) {
    throw new ConfigError({ where, expected: `a header of at most ${maximumHeaderBytes} bytes`, got: `${padded}` });
  }
  // A file that is written here can be read here.
  scanJson(text, headerLimits, (expected, got) => {
    throw new ConfigError({ where, expected, got });
  });
  const bytes = new Uint8Array(lengthBytes + padded).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.set(unpadded, lengthBytes);
  return bytes;
}

/**
 * Returns the types and the byte ranges of tensors, which follow each other in a file.
 * @throws {ConfigError} for a name that the format cannot hold
 * @throws {ShapeError} when the values of a tensor in memory do not fill its shape
 */
export function layOut(tensors: WritableTensors, where: string, dtypeOf = ownDtype): WritableEntry[] {
  if ('read' in tensors) return place(tensors.tensors, where, dtypeOf);
  return place(
    [...tensors].map(([name, tensor]) => describeTensor(name, tensor, where)),
    where,
    dtypeOf,
  );
}

/** Returns the type of a tensor in memory, in which it is stored by default. */
function ownDtype({ dtype }: TensorDescription): WritableDtype {
  return dtype === 'int32' ? 'I32' : 'F32';
}

/**
 * Returns the types and the byte ranges of described tensors, from byte 0 on.
 * @throws {ConfigError} for a name that the format cannot hold, and for a type that cannot hold the
 *   values of a tensor
 */
export function place(
  tensors: readonly TensorDescription[],
  where: string,
  dtypeOf: (tensor: TensorDescription) => WritableDtype = ownDtype,
): WritableEntry[] {
  const names = new Set<string>();
  let position = 0;
  return tensors.map((tensor) => {
    const { name, shape } = tensor;
    if (name === metadataName || name === '__proto__') {
      throw new ConfigError({ where, expected: `tensor names other than ${name}`, got: 'that name' });
    }
    if (names.has(name)) throw new ConfigError({ where, expected: 'names that differ', got: `${quote(name)} twice` });
    names.add(name);
    if (!isSizes(shape)) {
      throw new ShapeError({ where, expected: `tensor ${quote(name)} to have a shape`, got: formatShape(shape) });
    }
    const dtype = dtypeOf(tensor);
    if (!isWritableDtype(dtype) || isIntegerDtype(dtype) !== (tensor.dtype === 'int32')) {
      const expected = `a type of ${tensor.dtype === 'int32' ? 'integers' : 'numbers'} for tensor ${quote(name)}`;
      throw new ConfigError({ where, expected, got: quote(dtype) });
    }
    const begin = position;
    position += shape.reduce((product, size) => product * size, elementBytes(dtype));
    return { name, dtype, shape, begin, end: position };
  });
}

/** Describes a tensor in memory. @throws {ShapeError} when its values do not fill its shape */
export function describeTensor(name: string, { shape, data }: HostTensor, where: string): TensorDescription {
  if (!isSizes(shape) || shape.reduce((product, size) => product * size, 1) !== data.length) {
    throw new ShapeError({
      where,
      expected: `tensor ${quote(name)} ${formatShape(shape)} to have as many values as its shape says`,
      got: `${data.length}`,
    });
  }
  return { name, shape, dtype: data instanceof Int32Array ? 'int32' : 'float32' };
}
