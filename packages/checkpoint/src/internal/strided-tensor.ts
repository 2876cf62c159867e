import { DataError, formatShape } from '@vitvq/core';

type Elements =
  Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | BigUint64Array<ArrayBuffer>;

/** Places of the elements of a tensor in its storage. Strides and offset count elements. */
export interface StridedLayout {
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
  readonly elementBytes: number;
}

/** Reads the bytes `[begin, end)` of a storage. */
export type ReadBytes = (begin: number, end: number) => Promise<Uint8Array<ArrayBuffer>>;

/**
 * Bytes of a storage that are held at once for a tensor that is spread over it, or four times the
 * size of the tensor where that is more.
 */
const windowBytes = 2 ** 26;

/**
 * Returns the bytes of a strided tensor in row-major order. Elements that lie close together, in
 * any order of the axes, are read at once. A tensor that is spread over much more than its size (a
 * column of a large matrix) is read in pieces, in the order of the storage.
 * @throws {DataError} naming `where`, for a tensor that is spread like that and overlaps itself,
 *   and for a tensor that does not fit into memory
 */
export async function readStrided(
  layout: StridedLayout,
  read: ReadBytes,
  where: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const { shape, elementBytes } = layout;
  const count = shape.reduce((product, size) => product * size, 1);
  if (count === 0) return new Uint8Array();
  const axes = shape
    .map((size, axis) => ({
      size,
      stride: layout.strides[axis]!,
      step: shape.slice(axis + 1).reduce((a, b) => a * b, 1),
    }))
    .filter(({ size }) => size > 1)
    .sort((a, b) => b.stride - a.stride || b.step - a.step);
  const isRowMajor = axes.every(({ stride, step }) => stride === step);
  const begin = layout.offset * elementBytes;
  if (isRowMajor) return read(begin, begin + count * elementBytes);

  const span = 1 + axes.reduce((sum, { size, stride }) => sum + (size - 1) * stride, 0);
  const windowLength = Math.floor(Math.max(windowBytes, 4 * count * elementBytes) / elementBytes);
  if (span > windowLength && !ascends(axes)) {
    throw new DataError({
      where,
      expected: 'a tensor whose elements lie close together, or do not overlap',
      got: `${formatShape(shape)} with strides ${formatShape(layout.strides)}`,
    });
  }
  const result = elementsOf(allocate(layout, count * elementBytes, where), elementBytes);
  const position = axes.map(() => 0);
  let source = 0;
  let target = 0;
  let window = result.subarray(0, 0);
  let windowStart = 0;
  for (let done = 0; done < count; done++) {
    if (source >= windowStart + window.length) {
      windowStart = source;
      const last = Math.min(span, source + windowLength);
      const bytes = await read((layout.offset + source) * elementBytes, (layout.offset + last) * elementBytes);
      window = elementsOf(bytes, elementBytes);
    }
    result[target] = window[source - windowStart]!;
    for (let axis = axes.length - 1; axis >= 0; axis--) {
      const { size, stride, step } = axes[axis]!;
      position[axis]!++;
      source += stride;
      target += step;
      if (position[axis]! < size) break;
      source -= stride * size;
      target -= step * size;
      position[axis] = 0;
    }
  }
  return new Uint8Array(result.buffer);
}

/** Allocates the bytes of a tensor. The storage of a sparse file may be larger than any memory. */
function allocate({ shape }: StridedLayout, bytes: number, where: string): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(bytes);
  } catch (error) {
    const got = `${formatShape(shape)} of ${bytes} bytes`;
    throw new DataError({ where, expected: 'a tensor that fits into memory', got }, { cause: error });
  }
}

/**
 * Returns whether a walk along the axes, the last one the fastest, never goes back in the storage.
 */
function ascends(axes: readonly { readonly size: number; readonly stride: number }[]): boolean {
  let reach = 0;
  for (const { size, stride } of [...axes].reverse()) {
    if (stride < reach) return false;
    reach += (size - 1) * stride;
  }
  return true;
}

function elementsOf(bytes: Uint8Array<ArrayBuffer>, elementBytes: number): Elements {
  if (elementBytes === 1) return bytes;
  if (elementBytes === 2) return new Uint16Array(bytes.buffer);
  if (elementBytes === 4) return new Uint32Array(bytes.buffer);
  return new BigUint64Array(bytes.buffer);
}

/** Reverses the bytes of each element in place: big-endian becomes little-endian. */
export function swapBytes(bytes: Uint8Array, elementBytes: number): void {
  for (let start = 0; start < bytes.length; start += elementBytes)
    bytes.subarray(start, start + elementBytes).reverse();
}
