import { createCRC32, type IHasher } from 'hash-wasm';

/** Castagnoli's polynomial, reflected: CRC-32C. */
const castagnoli = 0x82f63b78;
const lengthBytes = 8;
const checksumBytes = 4;

/**
 * Frames records as TFRecord does (tensorflow/core/lib/io/record_writer.h): length as a little-endian 64-bit integer, its
 * checksum, the bytes, their checksum. A reader that comes to a record cut short stops before it.
 */
export class RecordFramer {
  readonly #crc: IHasher;

  private constructor(crc: IHasher) {
    this.#crc = crc;
  }

  static async create(): Promise<RecordFramer> {
    return new RecordFramer(await createCRC32(castagnoli));
  }

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

  /** CRC-32C, rotated and shifted as TensorFlow does, so that the checksum of bytes that hold checksums means something. */
  #maskedChecksum(bytes: Uint8Array): number {
    const crc = Number.parseInt(this.#crc.init().update(bytes).digest('hex'), 16);
    return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
  }
}
