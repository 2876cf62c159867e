import { ConfigError, ShapeError, formatShape, type HostTensor } from '@vitvq/core';
import type { TensorDescription, WritableTensors } from '../tensor-source.js';
import { elementBytes, fromHostData, isIntegerDtype, isWritableDtype, type WritableDtype } from '../dtypes.js';
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
 * Encodes the beginning of a file of these tensors: the length field and the header, padded so that
 * the data section starts at a multiple of 8 bytes.
 * @throws {ConfigError} for metadata that the format cannot hold, and for a header that is too
 *   large
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
  // The text is joined here because an object would move integer-like names to the front.
  const text = `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`;
  const unpadded = new TextEncoder().encode(text);
  const padded = Math.ceil(unpadded.length / 8) * 8;
  if (padded > maximumHeaderBytes) {
    throw new ConfigError({ where, expected: `a header of at most ${maximumHeaderBytes} bytes`, got: `${padded}` });
  }
  // This makes sure that the reader accepts every header that is written.
  scanJson(text, headerLimits, (expected, got) => {
    throw new ConfigError({ where, expected, got });
  });
  const bytes = new Uint8Array(lengthBytes + padded).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.set(unpadded, lengthBytes);
  return bytes;
}

/**
 * Returns the types and byte ranges of tensors that are stored one after the other.
 * @throws {ConfigError} for a name that the format cannot hold
 * @throws {ShapeError} when a tensor in memory does not fill its shape
 */
export function layOut(tensors: WritableTensors, where: string, dtypeOf = ownDtype): WritableEntry[] {
  if ('read' in tensors) return place(tensors.tensors, where, dtypeOf);
  return place(
    [...tensors].map(([name, tensor]) => describe(name, tensor, where)),
    where,
    dtypeOf,
  );
}

/** Returns the default type in which a tensor is stored: its type in memory. */
function ownDtype({ dtype }: TensorDescription): WritableDtype {
  return dtype === 'int32' ? 'I32' : 'F32';
}

/**
 * Assigns consecutive byte ranges to the described tensors, starting at byte 0.
 * @throws {ConfigError} for a type that cannot hold a tensor's values
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
function describe(name: string, { shape, data }: HostTensor, where: string): TensorDescription {
  if (!isSizes(shape) || shape.reduce((product, size) => product * size, 1) !== data.length) {
    throw new ShapeError({
      where,
      expected: `tensor ${quote(name)} ${formatShape(shape)} to have as many values as its shape says`,
      got: `${data.length}`,
    });
  }
  return { name, shape, dtype: data instanceof Int32Array ? 'int32' : 'float32' };
}

/**
 * Passes the bytes of each tensor to a function, in order, and holds one tensor of a source at a
 * time.
 * @throws {ShapeError} when a tensor differs from its description in the header
 */
export async function forEachTensor(
  tensors: WritableTensors,
  entries: readonly WritableEntry[],
  where: string,
  use: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  // This is a separate function because a variable of the loop would keep the tensor alive while
  // the next one is read.
  const passOn = async (entry: WritableEntry): Promise<void> =>
    use(fromHostData(await readDescribed(tensors, entry, where), entry.dtype, entry.name, where));
  for (const entry of entries) {
    await passOn(entry);
    // Node.js keeps the bytes alive until the callback of the write has returned.
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

async function readDescribed(
  tensors: WritableTensors,
  { name, dtype, shape }: WritableEntry,
  where: string,
): Promise<HostTensor> {
  if (!('read' in tensors)) return tensors.get(name)!;
  const tensor = await tensors.read(name);
  const got = describe(name, tensor, where);
  if (formatShape(got.shape) !== formatShape(shape) || (got.dtype === 'int32') !== isIntegerDtype(dtype)) {
    throw new ShapeError({
      where,
      expected: `tensor ${quote(name)} to be ${dtype} ${formatShape(shape)}, as described before`,
      got: `${got.dtype} ${formatShape(got.shape)}`,
    });
  }
  return tensor;
}
