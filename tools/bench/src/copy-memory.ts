/**
 * Copies an array that no cache holds for a second, and prints how many bytes a second it has
 * moved: read and written.
 */
const source = new Uint8Array(128 * 2 ** 20).fill(1);
const target = new Uint8Array(source.length).fill(1);
const start = performance.now();
let bytes = 0;
while (performance.now() - start < 1000) {
  target.set(source);
  bytes += 2 * source.length;
}
console.log((1000 * bytes) / (performance.now() - start));
