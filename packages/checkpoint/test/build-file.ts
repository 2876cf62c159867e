import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

/** A file of any header text or object, right or wrong. */
export function buildFile(header: unknown, data: Uint8Array = new Uint8Array(), declaredLength?: bigint): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, declaredLength ?? BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

/** A folder that is removed when the test file is done. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'vitvq-checkpoint-'));
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Inverts one bit of a file. */
export function flipBit(file: string, bytes: Uint8Array, position: number): void {
  const damaged = bytes.slice();
  damaged[position]! ^= 1;
  writeFileSync(file, damaged);
}
