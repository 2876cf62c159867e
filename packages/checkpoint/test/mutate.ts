/**
 * Returns the number of inputs of a fuzz test: `count` times the environment variable VITVQ_FUZZ,
 * for a longer run by hand (`VITVQ_FUZZ=100 npx vitest run test/fuzz`).
 */
export function fuzzCount(count: number): number {
  return count * Number(process.env.VITVQ_FUZZ ?? 1);
}

export interface MutateOptions {
  /** Number of bytes at the beginning, such as a length, that are changed more often. */
  readonly head?: number;
  /** Corrects a length after half of the changes, so that changes reach the bytes after it. */
  readonly repair?: (bytes: Uint8Array) => void;
}

/**
 * Makes one to four changes: to bits and bytes, by pieces removed, doubled or replaced by
 * fragments, and by a cut.
 * @param random  random numbers; 64 are enough
 * @param fragments  pieces that mean something to the format
 */
export function mutate(
  original: Uint8Array,
  random: Uint32Array,
  fragments: readonly Uint8Array[],
  { head = Infinity, repair = () => undefined }: MutateOptions = {},
): Uint8Array {
  let bytes = original.slice();
  let next = 0;
  const draw = (below: number): number => random[next++]! % below;
  const splice = (at: number, remove: number, insert: Uint8Array): void => {
    const result = new Uint8Array(Math.max(0, bytes.length - remove) + insert.length);
    result.set(bytes.subarray(0, at));
    result.set(insert, at);
    result.set(bytes.subarray(at + remove), at + insert.length);
    bytes = result;
  };
  const changes = 1 + draw(4);
  for (let change = 0; change < changes && bytes.length > 0; change++) {
    const kind = draw(8);
    const at = draw(bytes.length);
    const length = Math.min(draw(12), bytes.length - at);
    const fragment = fragments[draw(fragments.length)]!;
    if (kind === 0) bytes[at]! ^= 1 << draw(8);
    else if (kind === 1) bytes[at] = draw(256);
    else if (kind === 2) splice(at, length, new Uint8Array());
    else if (kind === 3) splice(at, 0, bytes.slice(at, at + length));
    else if (kind === 4) splice(at, 0, fragment);
    else if (kind === 5) splice(at, Math.min(fragment.length, bytes.length - at), fragment);
    else if (kind === 6) bytes[draw(Math.min(head, bytes.length))] = draw(256);
    else bytes = bytes.slice(0, at);
    if (draw(2)) repair(bytes);
  }
  return bytes;
}
