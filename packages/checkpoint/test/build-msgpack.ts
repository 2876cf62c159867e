/** A piece of MessagePack. */
export type Piece = Uint8Array | readonly number[];

const bytes = (pieces: readonly Piece[]): Uint8Array => Uint8Array.from(pieces.flatMap((piece) => [...piece]));

const big = (value: number, count: number): number[] =>
  Array.from({ length: count }, (_, index) => Math.floor(value / 2 ** (8 * (count - 1 - index))) % 256);

/** A text. */
export function text(value: string): Uint8Array {
  const encoded = new TextEncoder().encode(value);
  return bytes([encoded.length < 32 ? [0xa0 + encoded.length] : [0xdb, ...big(encoded.length, 4)], encoded]);
}

/** A map of texts to pieces, of which the same name may come twice. */
export function map(...entries: readonly (readonly [string, Piece])[]): Uint8Array {
  const head = entries.length < 16 ? [0x80 + entries.length] : [0xdf, ...big(entries.length, 4)];
  return bytes([head, ...entries.flatMap(([name, value]) => [text(name), value])]);
}

/** An extension of a type, with the head of 8, 16 or 32 bits that Flax would take. */
export function extension(type: number, content: Uint8Array): Uint8Array {
  const { length } = content;
  const head = length < 256 ? [0xc7, length] : length < 2 ** 16 ? [0xc8, ...big(length, 2)] : [0xc9, ...big(length, 4)];
  return bytes([head, [type], content]);
}

/** An array of numpy as Flax writes it. @param claimed  number of bytes that it says it has */
export function array(
  shape: readonly number[],
  type: string,
  values: ArrayBufferView,
  claimed = values.byteLength,
): Uint8Array {
  const sizes = shape.map((size) => (size < 128 ? [size] : [0xcf, ...big(size, 8)]));
  const elements = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return extension(1, bytes([[0x93, 0x90 + shape.length], ...sizes, text(type), [0xc6, ...big(claimed, 4)], elements]));
}
