/** Bytes that can be read in ranges: an open file (`InputFile`), or an array in memory. */
export interface ByteSource {
  /** Path of the file; for an array, the name that errors give it. */
  readonly path: string;
  /** Number of bytes. */
  readonly size: number;
  /** Returns exactly the bytes `[begin, end)`, in an array of their own. */
  read(begin: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Ends the use of the source. */
  close(): Promise<void>;
}

/**
 * Returns bytes of an array in a buffer of their own. `slice` of a Node.js Buffer would share it.
 */
export function copyBytes(bytes: Uint8Array, begin: number, end: number): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(end - begin);
  copy.set(bytes.subarray(begin, end));
  return copy;
}

/** Returns a source of the bytes of an array. @param path  name of the array in errors */
export function bytesInMemory(bytes: Uint8Array, path: string): ByteSource {
  return {
    path,
    size: bytes.length,
    read: (begin, end) => Promise.resolve(copyBytes(bytes, begin, end)),
    close: () => Promise.resolve(),
  };
}
