import { DataError } from '@vitvq/core';
import { copyBytes, type ByteSource } from './byte-source.js';

/** Bytes that are read from the source at once. */
const windowBytes = 16 * 1024;

/** Beginning of a value of MessagePack, without what follows it. */
export type MsgpackHead =
  | { readonly kind: 'nil' }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'integer' | 'float'; readonly value: number }
  /** `length` bytes follow. */
  | { readonly kind: 'text' | 'binary'; readonly length: number }
  /** `length` bytes of an application's type follow. */
  | { readonly kind: 'extension'; readonly type: number; readonly length: number }
  /** `count` values follow, twice as many in a map. */
  | { readonly kind: 'array' | 'map'; readonly count: number };

/**
 * Reads values of MessagePack head by head, which takes no memory for what a head promises: maps
 * and arrays are the caller's to go into, and bytes are the caller's to read or skip.
 */
export class MsgpackCursor {
  readonly #source: ByteSource;
  #position = 0;
  #window: Uint8Array<ArrayBuffer> = new Uint8Array();
  #windowBegin = 0;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** Place of the next byte in the source. */
  get position(): number {
    return this.#position;
  }

  /** Number of bytes that are left. */
  get left(): number {
    return this.#source.size - this.#position;
  }

  /** Reads the head of the next value. @throws {DataError} at the end, and for the byte 0xc1 */
  async head(): Promise<MsgpackHead> {
    const [code] = (await this.bytes(1)) as Uint8Array & [number];
    if (code < 0x80) return { kind: 'integer', value: code };
    if (code >= 0xe0) return { kind: 'integer', value: code - 0x100 };
    if (code < 0x90) return { kind: 'map', count: code & 15 };
    if (code < 0xa0) return { kind: 'array', count: code & 15 };
    if (code < 0xc0) return { kind: 'text', length: code & 31 };
    switch (code) {
      case 0xc0:
        return { kind: 'nil' };
      case 0xc2:
      case 0xc3:
        return { kind: 'boolean', value: code === 0xc3 };
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return { kind: 'binary', length: await this.#unsigned(2 ** (code - 0xc4)) };
      case 0xc7:
      case 0xc8:
      case 0xc9:
        return this.#extension(await this.#unsigned(2 ** (code - 0xc7)));
      case 0xca:
        return { kind: 'float', value: (await this.#view(4)).getFloat32(0) };
      case 0xcb:
        return { kind: 'float', value: (await this.#view(8)).getFloat64(0) };
      case 0xcc:
      case 0xcd:
      case 0xce:
      case 0xcf:
        return { kind: 'integer', value: await this.#unsigned(2 ** (code - 0xcc)) };
      case 0xd0:
        return { kind: 'integer', value: (await this.#view(1)).getInt8(0) };
      case 0xd1:
        return { kind: 'integer', value: (await this.#view(2)).getInt16(0) };
      case 0xd2:
        return { kind: 'integer', value: (await this.#view(4)).getInt32(0) };
      case 0xd3:
        return { kind: 'integer', value: Number((await this.#view(8)).getBigInt64(0)) };
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return this.#extension(2 ** (code - 0xd4));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return { kind: 'text', length: await this.#unsigned(2 ** (code - 0xd9)) };
      case 0xdc:
      case 0xdd:
        return { kind: 'array', count: await this.#unsigned(2 ** (code - 0xdb)) };
      case 0xde:
      case 0xdf:
        return { kind: 'map', count: await this.#unsigned(2 ** (code - 0xdd)) };
      default:
        throw new DataError({
          where: this.#source.path,
          expected: 'a value of MessagePack',
          got: `the byte 0x${code.toString(16)}, which begins none, at ${this.#position - 1}`,
          fix: 'The file is damaged.',
        });
    }
  }

  /** Returns the next bytes, which should be few. @throws {DataError} when there are not so many */
  async bytes(count: number): Promise<Uint8Array<ArrayBuffer>> {
    this.#assertLeft(count);
    const begin = this.#position - this.#windowBegin;
    if (begin < 0 || begin + count > this.#window.length) {
      this.#windowBegin = this.#position;
      const end = Math.min(this.#source.size, this.#position + Math.max(count, windowBytes));
      this.#window = await this.#source.read(this.#position, end);
    }
    const from = this.#position - this.#windowBegin;
    this.#position += count;
    return copyBytes(this.#window, from, from + count);
  }

  /** Passes over bytes. @throws {DataError} when there are not so many */
  skip(count: number): void {
    this.#assertLeft(count);
    this.#position += count;
  }

  #assertLeft(count: number): void {
    if (count <= this.left) return;
    throw new DataError({
      where: this.#source.path,
      expected: `${count} bytes at ${this.#position}`,
      got: `${this.left} before the end`,
      fix: 'The file is damaged or was cut off.',
    });
  }

  async #extension(length: number): Promise<MsgpackHead> {
    return { kind: 'extension', type: (await this.#view(1)).getInt8(0), length };
  }

  async #view(count: number): Promise<DataView> {
    return new DataView((await this.bytes(count)).buffer);
  }

  /** A number of 1, 2, 4 or 8 bytes; beyond 2^53 the nearest one. */
  async #unsigned(count: number): Promise<number> {
    let value = 0;
    for (const byte of await this.bytes(count)) value = 256 * value + byte;
    return value;
  }
}
