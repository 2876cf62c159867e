import { createCRC32, type IHasher } from 'hash-wasm';

/** Castagnoli's polynomial, reflected: CRC-32C. */
const castagnoli = 0x82f63b78;
const lengthBytes = 8;
const checksumBytes = 4;

/**
 * Frames records as TFRecord does (tensorflow/core/lib/io/record_writer.h): the length as a
 * little-endian 64-bit integer, its checksum, the bytes, their checksum. A reader stops before a
 * record that was cut short.
 */
export class RecordFramer {
  readonly #crc: IHasher;

  private constructor(crc: IHasher) {
    this.#crc = crc;
  }

  /** Prepares the checksum, which is a WebAssembly module. */
  static async create(): Promise<RecordFramer> {
    return new RecordFramer(await createCRC32(castagnoli));
  }

  /** Returns the record of some bytes. */
  frame(data: Uint8Array): Uint8Array {
    const start = lengthBytes + checksumBytes;
    const record = new Uint8Array(start + data.length + checksumBytes);
    const view = new DataView(record.buffer);
    view.setBigUint64(0, BigInt(data.length), true);
    view.setUint32(lengthBytes, this.#maskedChecksum(record.subarray(0, lengthBytes)), true);
    record.set(data, start);
    view.setUint32(start + data.length, this.#maskedChecksum(data), true);
    return record;
  }

  /**
   * Returns the CRC-32C of bytes, rotated and shifted as TensorFlow does. A plain CRC of bytes that
   * contain their own CRC is weak.
   */
  #maskedChecksum(bytes: Uint8Array): number {
    const crc = Number.parseInt(this.#crc.init().update(bytes).digest('hex'), 16);
    return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
  }
}
