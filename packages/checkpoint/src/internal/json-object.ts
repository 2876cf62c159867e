import { DataError, type OptionTable } from '@vitvq/core';
import { foreignFormat } from './foreign-format.js';
import { quote, scanJson } from './scan-json.js';

/** Bounds of a file in JSON. */
export interface JsonObjectLimits {
  readonly maximumBytes: number;
  /** Deepest nesting. The text is refused before it is parsed when it nests deeper. */
  readonly maximumDepth: number;
}

/** Names of {@link JsonObjectLimits}. */
export const jsonObjectLimitNames: OptionTable<JsonObjectLimits> = {
  maximumBytes: 'required',
  maximumDepth: 'required',
};

/** Text and value of a file that holds one object in JSON. */
export interface JsonObject {
  readonly text: string;
  readonly value: Record<string, unknown>;
}

/**
 * Parses bytes that hold one object in JSON and that may come from anywhere: their size, depth,
 * keys and values are bounded, keys of an object differ, and none is `__proto__`.
 * @param noun  description of the file for errors, such as "an index"
 * @throws {DataError} naming `where` and the problem
 */
export function parseJsonObject(bytes: Uint8Array, noun: string, limits: JsonObjectLimits, where: string): JsonObject {
  const refuse = (expected: string, got: string, fix?: string): never => {
    throw new DataError({ where, expected, got, fix });
  };
  const { maximumBytes, maximumDepth } = limits;
  if (bytes.length > maximumBytes) return refuse(`${noun} of at most ${maximumBytes} bytes`, `${bytes.length}`);
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    scanJson(text, { noun, maximumDepth }, refuse);
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof DataError) throw error;
    const foreign = foreignFormat(bytes);
    if (foreign && !['json', 'text', 'zeros'].includes(foreign.name)) {
      return refuse(`${noun} in JSON`, foreign.what, foreign.fix);
    }
    return refuse(`${noun} in JSON`, quote((error as Error).message), 'The file is damaged or was cut off.');
  }
  if (!isObject(value)) return refuse(`${noun} that is an object`, quote(value));
  return { text, value };
}

/** Returns whether a value of JSON is an object, and not a list or null. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
