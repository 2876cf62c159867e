import {
  assertMembers,
  checkOptions,
  DataError,
  elementCount,
  formatShape,
  ShapeError,
  type OptionTable,
} from '@vitvq/core';
import { writeAtomically } from '@vitvq/files';
import { makeZip } from 'client-zip';

/** Samples as bytes, all in memory or one part after the other. */
export interface ByteImages {
  /** `[N, H, W, C]` row-major, 0 to 255; parts may end anywhere. */
  readonly data: Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
  readonly shape: readonly [number, number, number, number];
}

/** Options of {@link writeNpz}. */
export interface WriteNpzOptions {
  /** Class of each image, which is written as `arr_1`. @default none */
  readonly labels?: ArrayLike<number>;
}

const optionNames: OptionTable<WriteNpzOptions> = { labels: 'optional' };

const where = 'writeNpz';

/** Time of the entries: the same samples make the same file. */
const lastModified = new Date(1980, 0, 1);

/**
 * Writes samples as the evaluator of ADM (Dhariwal and Nichol 2021, arXiv:2105.05233) and NumPy
 * read them: an archive of the arrays `arr_0`, uint8 `[N, H, W, C]`, and with labels `arr_1`, int64
 * `[N]`. Nothing is compressed, and one part at a time is in memory. Archives of more than 4 GiB
 * are written as NumPy writes them (ZIP64).
 * @throws {ShapeError} unless there are as many values, and labels, as the shape says
 * @throws {DataError} naming the file and the system's reason; a previous file of that name is then
 *   as it was
 */
export async function writeNpz(file: string, images: ByteImages, options: WriteNpzOptions = {}): Promise<void> {
  assertMembers(images, ['data', 'shape'], 'the images', where);
  const { labels } = checkOptions(options, optionNames, where);
  const { data, shape } = images;
  if (shape.length !== 4 || !shape.every((size) => Number.isSafeInteger(size) && size > 0)) {
    throw new ShapeError({ where, expected: 'images of shape [N, H, W, C]', got: formatShape(shape) });
  }
  if (labels && labels.length !== shape[0]) {
    throw new ShapeError({ where, expected: `${shape[0]} labels, one an image`, got: String(labels.length) });
  }
  const arrays = [{ name: 'arr_0.npy', input: npy('|u1', shape, parts(data, elementCount(shape))), lastModified }];
  if (labels) {
    const bytes = toInt64(labels);
    arrays.push({ name: 'arr_1.npy', input: npy('<i8', [labels.length], parts(bytes, bytes.length)), lastModified });
  }
  await writeAtomically(file, async (output) => {
    for await (const bytes of makeZip(arrays)) await output.append(bytes);
  });
}

/** Puts the header of the format .npy, version 1.0, before the bytes of an array. */
async function* npy(
  type: string,
  shape: readonly number[],
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const dimensions = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${type}', 'fortran_order': False, 'shape': (${dimensions}), }`;
  // Magic, version and length take ten bytes; the whole is a multiple of 64.
  const length = Math.ceil((10 + text.length + 1) / 64) * 64 - 10;
  yield Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, length & 255, length >> 8);
  yield new TextEncoder().encode(`${text.padEnd(length - 1)}\n`);
  yield* bytes;
}

/** Passes on the parts of an array, whose sizes must add up. */
async function* parts(data: ByteImages['data'], expected: number): AsyncGenerator<Uint8Array> {
  let total = 0;
  for await (const part of data instanceof Uint8Array ? [data] : data) {
    total += part.length;
    if (total > expected) break;
    if (part.length > 0) yield part;
  }
  if (total === expected) return;
  const got = total > expected ? 'more' : String(total);
  throw new ShapeError({ where, expected: `${expected} bytes, as many as the shape says`, got });
}

/** @throws {DataError} for labels that are no integers */
function toInt64(labels: ArrayLike<number>): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(8 * labels.length));
  for (let index = 0; index < labels.length; index++) {
    const label = labels[index]!;
    if (!Number.isSafeInteger(label)) {
      throw new DataError({ where, expected: 'labels to be integers', got: `${label} for image ${index}` });
    }
    bytes.setBigInt64(8 * index, BigInt(label), true);
  }
  return new Uint8Array(bytes.buffer);
}
