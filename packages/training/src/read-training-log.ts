import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError } from '@vitvq/core';
import { METRICS_LOG_FILE } from './internal/metrics-log.js';

/** Line of `metrics.jsonl`: the numbers of a step or an evaluation, by name. */
export type TrainingLogEntry = { readonly event: string; readonly step: number } & Readonly<Record<string, unknown>>;

/**
 * Reads what a training with a directory logged of its steps and evaluations, in order.
 * @throws {DataError} when there is no log, or a line is damaged
 */
export async function readTrainingLog(directory: string): Promise<TrainingLogEntry[]> {
  const file = join(directory, METRICS_LOG_FILE);
  try {
    const lines = (await readFile(file, 'utf8')).split('\n').filter(Boolean);
    return lines.map((line) => JSON.parse(line) as TrainingLogEntry);
  } catch (error) {
    throw new DataError(
      { where: file, expected: 'the log of a training', got: (error as Error).message },
      { cause: error },
    );
  }
}

/** Returns the points `[step, value]` of one number in the log; entries without it are left out. */
export function logCurve(log: readonly TrainingLogEntry[], event: string, name: string): [number, number][] {
  return log.flatMap((entry): [number, number][] => {
    const value = entry.event === event ? entry[name] : undefined;
    return typeof value === 'number' ? [[entry.step, value]] : [];
  });
}
