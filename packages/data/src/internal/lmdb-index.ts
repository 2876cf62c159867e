import { DataError } from '@vitvq/core';
import type { ByteRange } from './byte-range.js';

/** An entry of a database: where its value lies in the file. */
export interface LmdbEntry {
  readonly key: Uint8Array;
  /** Position of the first byte of the value. */
  readonly offset: number;
  /** Number of bytes of the value. */
  readonly size: number;
}

/** What a walk over a database finds. */
export interface LmdbWalk {
  /** Called for each entry, in order of the keys. */
  readonly onEntry: (entry: LmdbEntry) => void;
  /** Called for each page that is damaged, with the number of its first byte. */
  readonly onDamage: (offset: number) => void;
  readonly signal: AbortSignal | undefined;
}

const MAGIC = 0xbeefc0de;
/** Format of LMDB 0.9, which Python's package and LSUN have. */
const VERSION = 1;
const PAGE_HEADER = 16;
/** Bytes of the description of the file behind the header of its page. */
const META_BYTES = 136;
const BRANCH = 0x01;
const LEAF = 0x02;
const NO_PAGE = 0xffff_ffff_ffff_ffffn;
/** The value of an entry lies on pages of its own. */
const BIG = 0x01;
/** The value of an entry is a database or a list. */
const NESTED = 0x02 | 0x04;

/**
 * Walks over the entries of the main database of an LMDB file, without reading the values. Other
 * libraries for Node read files of another version of the format.
 * @throws {DataError} for what is no such file
 */
export async function walkLmdb(file: ByteRange, { onEntry, onDamage, signal }: LmdbWalk): Promise<void> {
  const { pageSize, root } = await readMeta(file);
  const pages = Math.floor(file.size / pageSize);
  const open = root === undefined ? [] : [root];
  // A tree has no page twice, so a damaged one ends, too.
  const seen = new Set<number>();
  for (let number = open.pop(); number !== undefined; number = open.pop()) {
    signal?.throwIfAborted();
    const begin = number * pageSize;
    if (number < 2 || number >= pages || seen.has(number)) {
      onDamage(begin);
      continue;
    }
    seen.add(number);
    const page = await file.read(begin, begin + pageSize);
    const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
    const flags = view.getUint16(10, true);
    const nodes = nodesOf(view);
    if (nodes === undefined || (flags & (BRANCH | LEAF)) === 0) {
      onDamage(begin);
    } else if (flags & BRANCH) {
      // The last one that is pushed is the next one to be read.
      for (const node of nodes.reverse()) open.push(childOf(view, node));
    } else {
      for (const node of nodes) {
        const entry = entryOf(view, node, { begin, pageSize, fileSize: file.size });
        if (entry === 'damaged') onDamage(begin);
        else if (entry !== 'nested') onEntry(entry);
      }
    }
  }
}

/** Reads the newer one of the two descriptions of the file. */
async function readMeta(file: ByteRange): Promise<{ pageSize: number; root: number | undefined }> {
  const metaAt = async (offset: number): Promise<DataView | undefined> => {
    if (offset + PAGE_HEADER + META_BYTES > file.size) return undefined;
    const bytes = await file.read(offset + PAGE_HEADER, offset + PAGE_HEADER + META_BYTES);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return view.getUint32(0, true) === MAGIC ? view : undefined;
  };
  const first = await metaAt(0);
  if (!first) throw refused(file.name, 'something else');
  const version = first.getUint32(4, true);
  if (version !== VERSION) throw refused(file.name, `version ${version} of the format`);
  const pageSize = first.getUint32(24, true);
  const isPowerOfTwo = (pageSize & (pageSize - 1)) === 0;
  if (pageSize < 256 || pageSize > 65536 || !isPowerOfTwo) throw refused(file.name, `pages of ${pageSize} bytes`);
  const second = await metaAt(pageSize);
  const newest = second && second.getBigUint64(128, true) > first.getBigUint64(128, true) ? second : first;
  const root = newest.getBigUint64(112, true);
  return { pageSize, root: root === NO_PAGE ? undefined : Number(root) };
}

/** Returns the positions of the nodes of a page; undefined for a damaged page. */
function nodesOf(view: DataView): number[] | undefined {
  const count = (view.getUint16(12, true) - PAGE_HEADER) / 2;
  if (!Number.isInteger(count) || count < 0 || PAGE_HEADER + count * 2 > view.byteLength) return undefined;
  const nodes = Array.from({ length: count }, (_, index) => view.getUint16(PAGE_HEADER + index * 2, true));
  const fits = (node: number): boolean =>
    node >= PAGE_HEADER && node + 8 <= view.byteLength && node + 8 + view.getUint16(node + 6, true) <= view.byteLength;
  return nodes.every(fits) ? nodes : undefined;
}

/** Returns the number of the page that a node of a branch leads to. */
function childOf(view: DataView, node: number): number {
  return view.getUint32(node, true) + view.getUint16(node + 4, true) * 2 ** 32;
}

interface LeafPlace {
  /** Position of the page in the file. */
  readonly begin: number;
  readonly pageSize: number;
  readonly fileSize: number;
}

function entryOf(view: DataView, node: number, place: LeafPlace): LmdbEntry | 'damaged' | 'nested' {
  const { begin, pageSize, fileSize } = place;
  const size = view.getUint32(node, true);
  const flags = view.getUint16(node + 4, true);
  const keySize = view.getUint16(node + 6, true);
  if (flags & NESTED) return 'nested';
  const key = new Uint8Array(view.buffer, view.byteOffset + node + 8, keySize).slice();
  const value = node + 8 + keySize;
  if (!(flags & BIG)) {
    return value + size > view.byteLength ? 'damaged' : { key, offset: begin + value, size };
  }
  if (value + 8 > view.byteLength) return 'damaged';
  const offset = Number(view.getBigUint64(value, true)) * pageSize + PAGE_HEADER;
  return offset + size > fileSize ? 'damaged' : { key, offset, size };
}

function refused(where: string, got: string): DataError {
  return new DataError({ where, expected: 'an LMDB database of version 1, as LMDB 0.9 writes', got });
}
