import { ConfigError, DataError } from '@vitvq/core';
import { scanJson, type JsonLimits } from './scan-json.js';

/**
 * Bounds of the state of a checkpoint: configs and counters fit, large arrays belong into tensors.
 */
const stateLimits: JsonLimits = { noun: 'a state', maximumDepth: 512 };

/**
 * Writes a state as JSON that {@link parseState} reads.
 * @param where  name of the caller
 * @throws {ConfigError} for a state beyond the bounds
 */
export function encodeState(state: unknown, where: string): string {
  const text = JSON.stringify(state);
  scanJson(text, stateLimits, (expected, got) => {
    throw new ConfigError({ where, expected, got, fix: 'Large state belongs into tensors.' });
  });
  return text;
}

/** Parses a state, which may come from anywhere. @throws {DataError} for one beyond the bounds */
export function parseState(text: string, where: string): unknown {
  scanJson(text, stateLimits, (expected, got) => {
    throw new DataError({ where, expected, got });
  });
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new DataError({ where, expected: 'a state in JSON', got: (error as Error).message }, { cause: error });
  }
}
