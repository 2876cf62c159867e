/** The first 32 bits of the fractional part of a root of each of the first primes (FIPS 180-4). */
function primeRoots(count: number, power: number): number[] {
  const primes: number[] = [];
  for (let value = 2; primes.length < count; value++) {
    if (primes.every((prime) => value % prime !== 0)) primes.push(value);
  }
  return primes.map((prime) => Math.floor((prime ** power % 1) * 2 ** 32) | 0);
}

const roundConstants = primeRoots(64, 1 / 3);
const initialState = primeRoots(8, 1 / 2);

const rotate = (word: number, by: number): number => (word >>> by) | (word << (32 - by));

/**
 * Returns the SHA-256 of a text in UTF-8 as hexadecimal digits (FIPS 180-4). Browsers compute it
 * only asynchronously, and a description is needed at once.
 */
export function sha256(text: string): string {
  const bytes = new TextEncoder().encode(text);
  const padded = new DataView(new ArrayBuffer(Math.ceil((bytes.length + 9) / 64) * 64));
  new Uint8Array(padded.buffer).set(bytes);
  padded.setUint8(bytes.length, 0x80);
  padded.setBigUint64(padded.byteLength - 8, BigInt(bytes.length) * 8n);
  const state = [...initialState];
  for (let block = 0; block < padded.byteLength; block += 64) mixBlock(state, padded, block);
  return state.map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
}

function mixBlock(state: number[], data: DataView, offset: number): void {
  const words = new Int32Array(64);
  for (let i = 0; i < 16; i++) words[i] = data.getInt32(offset + 4 * i);
  for (let i = 16; i < 64; i++) {
    const [before, last] = [words[i - 15]!, words[i - 2]!];
    const low = rotate(before, 7) ^ rotate(before, 18) ^ (before >>> 3);
    const high = rotate(last, 17) ^ rotate(last, 19) ^ (last >>> 10);
    words[i] = words[i - 16]! + low + words[i - 7]! + high;
  }
  let [a, b, c, d, e, f, g, h] = state as [number, number, number, number, number, number, number, number];
  for (let i = 0; i < 64; i++) {
    const sum1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const first = (h + sum1 + ((e & f) ^ (~e & g)) + roundConstants[i]! + words[i]!) | 0;
    const sum0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const second = (sum0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, i) => (state[i] = (state[i]! + word) | 0));
}
