import { readJsonObject } from '@vitvq/checkpoint';
import { ConfigError, DataError, parseOptions } from '@vitvq/core';
import { writeJson } from '@vitvq/files';
import { metricCardSchema, type MetricCard } from './metric-card.js';

/** Largest file that is read as a card. */
const limits = { maximumBytes: 2 ** 20, maximumDepth: 8 };

/**
 * Writes a card as JSON, whole or not at all.
 * @throws {ConfigError} listing every problem of a card that is none
 * @throws {DataError} naming the file and the system's reason
 */
export async function writeCard(file: string, card: MetricCard): Promise<void> {
  await writeJson(file, parseOptions(metricCardSchema, card, 'writeCard'));
}

/**
 * Reads a card, which may come from anywhere.
 * @throws {DataError} naming the file and every problem
 */
export async function readCard(file: string): Promise<MetricCard> {
  const { value } = await readJsonObject(file, 'a metric card', limits);
  try {
    return parseOptions(metricCardSchema, value, file);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new DataError({ where: file, expected: 'a metric card', got: error.got }, { cause: error });
  }
}
