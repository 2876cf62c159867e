/** A pickle that goes on beyond its bytes. The caller that reads the file names the file. */
export class PickleEnd extends Error {}

/**
 * Reads the pieces of a pickle. Nothing is allocated for a length before that many bytes are known
 * to be there.
 */
export class PickleReader {
  /** Position of the next byte. */
  position: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
  readonly #latin1 = new TextDecoder('latin1');

  constructor(bytes: Uint8Array, position = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.position = position;
  }

  /** Number of bytes after the position. */
  get remaining(): number {
    return this.#bytes.length - this.position;
  }

  /** Reads an unsigned byte. */
  byte(): number {
    return this.#view.getUint8(this.#skip(1));
  }

  /** Reads an unsigned 16-bit integer, little-endian. */
  uint16(): number {
    return this.#view.getUint16(this.#skip(2), true);
  }

  /** Reads a signed 32-bit integer, little-endian. */
  int32(): number {
    return this.#view.getInt32(this.#skip(4), true);
  }

  /** Reads an unsigned 32-bit integer, little-endian. */
  uint32(): number {
    return this.#view.getUint32(this.#skip(4), true);
  }

  /** Reads an unsigned 64-bit integer, little-endian. */
  uint64(): bigint {
    return this.#view.getBigUint64(this.#skip(8), true);
  }

  /** Reads a 64-bit float, big-endian. */
  float64(): number {
    return this.#view.getFloat64(this.#skip(8), false);
  }

  /** Returns a view of `length` bytes. */
  bytes(length: number | bigint): Uint8Array {
    if (length > this.remaining) throw new PickleEnd();
    const start = this.#skip(Number(length));
    return this.#bytes.subarray(start, this.position);
  }

  /** Reads `length` bytes of UTF-8. */
  text(length: number | bigint): string {
    return this.#utf8.decode(this.bytes(length));
  }

  /** Reads latin1 up to the next line feed, and passes over the line feed. */
  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.position);
    if (end < 0) throw new PickleEnd();
    const text = this.#latin1.decode(this.#bytes.subarray(this.position, end));
    this.position = end + 1;
    return text;
  }

  /** Reads a signed integer of any size, little-endian. */
  long(length: number): number | bigint {
    const bytes = this.bytes(length);
    let digits = '0x0';
    for (let index = bytes.length - 1; index >= 0; index--) digits += bytes[index]!.toString(16).padStart(2, '0');
    // Adding byte by byte would make a new, growing integer for each of them.
    return plain(BigInt.asIntN(8 * bytes.length, BigInt(digits)));
  }

  #skip(length: number): number {
    if (length > this.remaining) throw new PickleEnd();
    const start = this.position;
    this.position += length;
    return start;
  }
}

/** Returns an integer as a number where a number can hold it exactly. */
export function plain(value: bigint): number | bigint {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}
