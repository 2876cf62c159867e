/**
 * Bytes a second that this thread moves between caches and memory: the best of several copies of an array that no cache
 * holds, reading and writing counted. A limit of what any computation on it can read.
 */
export function measureBandwidth(megabytes = 128): number {
  const source = new Uint8Array(megabytes * 2 ** 20).fill(1);
  const target = new Uint8Array(source.length);
  let best = Infinity;
  for (let repeat = 0; repeat < 5; repeat++) {
    const start = performance.now();
    target.set(source);
    best = Math.min(best, performance.now() - start);
  }
  return (2 * source.length * 1000) / best;
}
