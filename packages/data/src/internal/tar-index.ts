import { WindowedReader, type ByteRange } from './byte-range.js';

/** A file inside a tar. */
export interface TarMember {
  readonly name: string;
  /** Position of its first byte in the tar. */
  readonly offset: number;
  /** Number of its bytes. */
  readonly size: number;
}

/** What a walk over the headers of a tar finds. */
export interface TarWalk {
  /** Called for each file, in order. `read` returns its bytes. */
  readonly onMember: (member: TarMember, read: () => Promise<Uint8Array>) => Promise<void> | void;
  readonly signal: AbortSignal | undefined;
}

const BLOCK = 512;

/** Limit for a long name or the extended header of a member in bytes. */
const MAXIMUM_EXTENSION = 2 ** 20;

/** Types of members that are files. */
const FILE_TYPES = ['0', '\0', '7'];

/**
 * Walks over the headers of a tar (ustar, GNU or pax), without reading what lies between them.
 * Returns undefined, or where and why the walk ended before the end; members before that place are
 * whole.
 */
export async function walkTar(source: ByteRange, { onMember, signal }: TarWalk): Promise<string | undefined> {
  const reader = new WindowedReader(source);
  const { size: total } = source;
  let next: Extensions = {};
  for (let at = 0; at < total;) {
    signal?.throwIfAborted();
    if (at + BLOCK > total) return `it is cut short at byte ${total}`;
    const header = parseHeader(await reader.read(at, at + BLOCK));
    if (header === 'end') return undefined;
    if (header === 'damaged') return at === 0 ? 'it is no tar' : `it is damaged at byte ${at}`;
    const offset = at + BLOCK;
    const isExtension = header.type in extensionReaders;
    const size = isExtension ? header.size : (next.size ?? header.size);
    if (offset + size > total) return `it is cut short at byte ${total}`;
    if (isExtension) {
      if (size > MAXIMUM_EXTENSION) return `it is damaged at byte ${at}`;
      const found = extensionReaders[header.type as ExtensionType](await reader.read(offset, offset + size));
      if (found === undefined) return `it is damaged at byte ${at}`;
      next = { ...next, ...found };
    } else {
      const name = next.name ?? header.name;
      next = {};
      const read = (): Promise<Uint8Array> => reader.read(offset, offset + size);
      if (FILE_TYPES.includes(header.type)) await onMember({ name, offset, size }, read);
    }
    at = offset + Math.ceil(size / BLOCK) * BLOCK;
  }
  return undefined;
}

interface Header {
  readonly name: string;
  readonly size: number;
  readonly type: string;
}

const latin = new TextDecoder('latin1');
const utf8 = new TextDecoder();

function parseHeader(block: Uint8Array): Header | 'end' | 'damaged' {
  if (block.every((byte) => byte === 0)) return 'end';
  let sum = 0;
  for (const [position, byte] of block.entries()) sum += position >= 148 && position < 156 ? 0x20 : byte;
  const size = parseNumber(block.subarray(124, 136));
  if (parseNumber(block.subarray(148, 156)) !== sum || size === undefined) return 'damaged';
  const isPosix = latin.decode(block.subarray(257, 263)) === 'ustar\0';
  const prefix = isPosix ? textOf(block.subarray(345, 500)) : '';
  const name = textOf(block.subarray(0, 100));
  return { name: prefix ? `${prefix}/${name}` : name, size, type: String.fromCharCode(block[156]!) };
}

/** Text up to the first zero. */
function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return utf8.decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** Octal digits, or GNU's binary number behind a first byte of 0x80; undefined for neither. */
function parseNumber(bytes: Uint8Array): number | undefined {
  if (bytes[0] === 0x80) {
    const value = bytes.subarray(1).reduce((total, byte) => total * 256 + byte, 0);
    return Number.isSafeInteger(value) ? value : undefined;
  }
  const digits = textOf(bytes).trim();
  return /^[0-7]*$/.test(digits) ? parseInt(digits || '0', 8) : undefined;
}

/** What a member says of the next one. */
interface Extensions {
  readonly name?: string;
  readonly size?: number;
}

type ExtensionType = 'L' | 'K' | 'x' | 'g';

/** Readers of members that describe the next one (`L`, `x`) or are passed over (`K`, `g`). */
const extensionReaders: Readonly<Record<ExtensionType, (bytes: Uint8Array) => Extensions | undefined>> = {
  L: (bytes) => ({ name: textOf(bytes) }),
  K: () => ({}),
  x: parsePax,
  g: () => ({}),
};

/** Reads records `length key=value`, each with a line break; undefined where they are damaged. */
function parsePax(bytes: Uint8Array): Extensions | undefined {
  let found: Extensions = {};
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(0x20, at);
    const length = space < 0 ? NaN : Number(latin.decode(bytes.subarray(at, space)));
    if (!Number.isInteger(length) || length <= space - at || at + length > bytes.length) return undefined;
    const [, key, value] = /^([^=]*)=([^]*)\n$/.exec(utf8.decode(bytes.subarray(space + 1, at + length))) ?? [];
    if (key === undefined || value === undefined) return undefined;
    if (key === 'path') found = { ...found, name: value };
    if (key === 'size') {
      const size = Number(value);
      if (!Number.isSafeInteger(size) || size < 0) return undefined;
      found = { ...found, size };
    }
    at += length;
  }
  return found;
}
