import { writeAtomically } from './write-atomically.js';

/**
 * Writes a file so that readers see the previous content or the whole new one.
 * @throws {DataError} naming the file and the system's reason
 */
export async function writeWhole(file: string, content: string | Uint8Array): Promise<void> {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  await writeAtomically(file, (output) => output.append(bytes));
}

/**
 * Writes a value as indented JSON that ends with a line break, whole or not at all.
 * @throws {DataError} naming the file and the system's reason
 */
export async function writeJson(file: string, value: unknown): Promise<void> {
  await writeWhole(file, `${JSON.stringify(value, null, 2)}\n`);
}
