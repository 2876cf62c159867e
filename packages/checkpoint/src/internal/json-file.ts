import { promises as fs } from 'node:fs';
import { DataError } from '@vitvq/core';
import { regularFileSize, systemReason } from '@vitvq/files';
import { quote, scanJson } from './scan-json.js';

/** Limits of a JSON file. */
export interface JsonFileLimits {
  readonly maximumBytes: number;
  /** Largest depth of nesting. Deeper nesting is refused before parsing. */
  readonly maximumDepth: number;
}

/**
 * Reads a file that holds one JSON object and may come from an untrusted source. Its size, depth,
 * keys and values are bounded, its keys must differ, and none may be `__proto__`.
 * @param noun  noun for the file in errors: "an index"
 * @throws {DataError} naming the file and what is wrong with it
 */
export async function readJsonObject(
  file: string,
  noun: string,
  { maximumBytes, maximumDepth }: JsonFileLimits,
): Promise<{ readonly text: string; readonly value: Record<string, unknown> }> {
  const refuse = (expected: string, got: string, fix?: string): never => {
    throw new DataError({ where: file, expected, got, fix });
  };
  let bytes: Uint8Array;
  try {
    const size = await regularFileSize(file, noun);
    if (size > maximumBytes) return refuse(`${noun} of at most ${maximumBytes} bytes`, `${size}`);
    bytes = await fs.readFile(file);
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(
      { where: file, expected: `${noun} that can be read`, got: systemReason(error) },
      { cause: error },
    );
  }
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    scanJson(text, { noun, maximumDepth }, refuse);
    value = JSON.parse(text, (key, item: unknown) =>
      key === '__proto__' ? refuse('names other than __proto__', 'that name') : item,
    );
  } catch (error) {
    if (error instanceof DataError) throw error;
    return refuse(`${noun} in JSON`, quote((error as Error).message), 'The file is damaged or was cut off.');
  }
  if (!isObject(value)) return refuse(`${noun} that is an object`, quote(value));
  return { text, value };
}

/** Returns whether a value is an object and not an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
