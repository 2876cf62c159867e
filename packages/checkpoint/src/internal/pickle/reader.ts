/** Reports that a pickle continues beyond its bytes. The caller adds the name of the file. */
export class PickleEnd extends Error {}

/**
 * Reads the parts of a pickle. Memory for a length is allocated only after that many bytes are
 * known to exist.
 */
export class PickleReader {
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

  get remaining(): number {
    return this.#bytes.length - this.position;
  }

  byte(): number {
    return this.#view.getUint8(this.#skip(1));
  }

  uint16(): number {
    return this.#view.getUint16(this.#skip(2), true);
  }

  int32(): number {
    return this.#view.getInt32(this.#skip(4), true);
  }

  uint32(): number {
    return this.#view.getUint32(this.#skip(4), true);
  }

  uint64(): bigint {
    return this.#view.getBigUint64(this.#skip(8), true);
  }

  float64(): number {
    return this.#view.getFloat64(this.#skip(8), false);
  }

  /** Reads `length` bytes and returns a view of them. */
  bytes(length: number | bigint): Uint8Array {
    if (length > this.remaining) throw new PickleEnd();
    const start = this.#skip(Number(length));
    return this.#bytes.subarray(start, this.position);
  }

  text(length: number | bigint): string {
    return this.#utf8.decode(this.bytes(length));
  }

  /** Reads a line, and skips the line feed that ends it. */
  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.position);
    if (end < 0) throw new PickleEnd();
    const text = this.#latin1.decode(this.#bytes.subarray(this.position, end));
    this.position = end + 1;
    return text;
  }

  /** Reads a signed little-endian integer of `length` bytes. */
  long(length: number): number | bigint {
    const bytes = this.bytes(length);
    let value = 0n;
    for (let index = bytes.length - 1; index >= 0; index--) value = (value << 8n) | BigInt(bytes[index]!);
    return plain(BigInt.asIntN(8 * bytes.length, value));
  }

  #skip(length: number): number {
    if (length > this.remaining) throw new PickleEnd();
    const start = this.position;
    this.position += length;
    return start;
  }
}

/** Returns an integer as a number if it is a safe integer, or else unchanged. */
export function plain(value: bigint): number | bigint {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}
