import { deflateRawSync } from 'node:zlib';

/**
 * A piece of a pickle: a string whose characters are bytes, so that pieces are joined by adding
 * them. The functions of this file build pickles and checkpoints of PyTorch, right or wrong, byte
 * by byte.
 */
export type Piece = string;

export function little(value: number | bigint, bytes: number): Piece {
  const buffer = Buffer.alloc(8);
  buffer.writeBigInt64LE(BigInt(value)); // two's complement: unsigned numbers below 2^63 are the same
  return buffer.toString('latin1', 0, bytes);
}

export const none = 'N';
export const uint64 = (value: number | bigint): Piece => little(value, 8);
export const int = (value: number): Piece => `J${little(value, 4)}`;
/** Writes a signed integer of any size up to 8 bytes. */
export const long = (value: number | bigint): Piece => `\x8a\x08${little(value, 8)}`;
export const text = (value: string): Piece => {
  const utf8 = Buffer.from(value);
  return `X${little(utf8.length, 4)}${utf8.toString('latin1')}`;
};
export const float = (value: number): Piece => {
  const buffer = Buffer.alloc(8);
  buffer.writeDoubleBE(value);
  return `G${buffer.toString('latin1')}`;
};
export const tuple = (...items: Piece[]): Piece => `(${items.join('')}t`;
export const list = (...items: Piece[]): Piece => `](${items.join('')}e`;
export const dictionary = (items: Record<string, Piece>): Piece =>
  `}(${Object.entries(items)
    .map(([key, value]) => text(key) + value)
    .join('')}u`;
export const global = (module: string, name: string): Piece => `c${module}\n${name}\n`;
export const call = (called: Piece, ...parameters: Piece[]): Piece => `${called}${tuple(...parameters)}R`;
export const pickle = (value: Piece, protocol = 2): Piece => `\x80${String.fromCharCode(protocol)}${value}.`;
export const bytesOf = (piece: Piece): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(piece, 'latin1'));

export interface TensorPiece {
  readonly key?: string;
  /** Class of the storage, in `torch`. */
  readonly type?: string;
  /** Number of elements of the storage. */
  readonly length: number;
  readonly offset?: number;
  readonly shape: readonly number[];
  readonly strides?: readonly number[];
  /** Last part of a persistent id: the view of a legacy file. */
  readonly view?: Piece;
}

const sizes = (values: readonly number[]): Piece => tuple(...values.map(long));

export function storage({ key = '0', type = 'FloatStorage', length, view = '' }: TensorPiece): Piece {
  return `${tuple(text('storage'), global('torch', type), text(key), text('cpu'), long(length), view)}Q`;
}

/** Writes a tensor as `torch.save` does. */
export function tensor(piece: TensorPiece): Piece {
  const { offset = 0, shape } = piece;
  const strides = piece.strides ?? shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const hooks = call(global('collections', 'OrderedDict'));
  const parameters = [storage(piece), long(offset), sizes(shape), sizes(strides), '\x89', hooks];
  return call(global('torch._utils', '_rebuild_tensor_v2'), ...parameters);
}

export interface ZipPiece {
  readonly name: string;
  readonly content: Uint8Array;
  readonly isDeflated?: boolean;
  /** Size that the directory states, unless it is the right one. */
  readonly size?: number;
  readonly method?: number;
  readonly flags?: number;
  /** Index of an entry to whose content this entry points, instead of having its own. */
  readonly sameAs?: number;
}

/** Returns a zip archive. Its checksums are 0, because nobody compares them. */
export function zipArchive(entries: readonly ZipPiece[]): Uint8Array<ArrayBuffer> {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  const offsets: number[] = [];
  let position = 0;
  const append = (part: Uint8Array): void => {
    parts.push(Buffer.from(part));
    position += part.length;
  };
  for (const { name, content, isDeflated = false, size = content.length, method, flags = 0, sameAs } of entries) {
    const stored = isDeflated ? deflateRawSync(content) : content;
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(flags, 2);
    fields.writeUInt16LE(method ?? (isDeflated ? 8 : 0), 4);
    fields.writeUInt32LE(isDeflated ? stored.length : size, 14);
    fields.writeUInt32LE(size, 18);
    fields.writeUInt16LE(Buffer.byteLength(name), 22);
    const offset = sameAs === undefined ? position : offsets[sameAs]!;
    offsets.push(offset);
    if (sameAs === undefined) {
      append(Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), fields, Buffer.from(name)]));
      append(stored);
    }
    const record = Buffer.alloc(46);
    record.write('PK\x01\x02', 'latin1');
    fields.copy(record, 6);
    record.writeUInt32LE(offset, 42);
    directory.push(record, Buffer.from(name));
  }
  const start = position;
  append(Buffer.concat(directory));
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(position - start, 12);
  end.writeUInt32LE(start, 16);
  append(end);
  return Uint8Array.from(Buffer.concat(parts));
}

type Storages = Readonly<Record<string, ArrayBufferView>>;

function bytesIn({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Returns a checkpoint in the zip format. */
export function zipCheckpoint(
  value: Piece,
  storages: Storages = {},
  { isDeflated = false, byteOrder = 'little' } = {},
): Uint8Array<ArrayBuffer> {
  return zipArchive([
    { name: 'archive/data.pkl', content: bytesOf(pickle(value)), isDeflated },
    { name: 'archive/byteorder', content: bytesOf(byteOrder), isDeflated },
    ...Object.entries(storages).map(([key, data]) => ({
      name: `archive/data/${key}`,
      content: bytesIn(data),
      isDeflated,
    })),
    { name: 'archive/version', content: bytesOf('3\n'), isDeflated },
  ]);
}

/** Returns a checkpoint in the format before zip. Storages are `[elements, values]`. */
export function legacyCheckpoint(
  value: Piece,
  storages: Readonly<Record<string, readonly [number, ArrayBufferView]>> = {},
  { littleEndian = true } = {},
): Uint8Array<ArrayBuffer> {
  const magic = '\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19';
  const system = dictionary({ protocol_version: int(1001), little_endian: littleEndian ? '\x88' : '\x89' });
  const head = [magic, int(1001), system, value, list(...Object.keys(storages).map(text))];
  const parts = Object.values(storages).flatMap(([length, data]) => {
    const count = Buffer.alloc(8);
    if (littleEndian) count.writeBigInt64LE(BigInt(length));
    else count.writeBigInt64BE(BigInt(length));
    return [count, bytesIn(data)];
  });
  return Uint8Array.from(Buffer.concat([bytesOf(head.map((part) => pickle(part)).join('')), ...parts]));
}
