import { writeFileSync } from 'node:fs';

/** Returns the bytes of a safetensors file with any header text or object, right or wrong. */
export function buildFile(header: unknown, data: Uint8Array = new Uint8Array(), declaredLength?: bigint): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, declaredLength ?? BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

/** Writes the bytes of a file with one bit inverted. */
export function flipBit(file: string, bytes: Uint8Array, position: number): void {
  const damaged = bytes.slice();
  damaged[position]! ^= 1;
  writeFileSync(file, damaged);
}
