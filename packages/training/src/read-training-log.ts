import { join } from 'node:path';
import { assertInteger, checkOptions, DataError, type OptionTable } from '@vitvq/core';
import { readLogLines, type LogEntry } from './internal/log-lines.js';
import { METRICS_LOG_FILE } from './internal/metrics-log.js';
import { ThinnedLog } from './internal/thinned-log.js';

/** Line of `metrics.jsonl`: the numbers of a step or an evaluation, by name. */
export type TrainingLogEntry = LogEntry;

/** Options of {@link readTrainingLog}. */
export interface ReadTrainingLogOptions {
  /**
   * Number of entries of each event that are kept in memory. Of a longer log, every second, fourth
   * and so on is returned, beginning with the first.
   * @default 100,000
   */
  readonly maximumEntries?: number;
  /**
   * Called with a sentence that names the file, for each line that cannot be used and for a log
   * that cannot be read.
   * @default a warning of the process
   */
  readonly onWarning?: (message: string) => void;
}

const readTrainingLogOptionNames: OptionTable<ReadTrainingLogOptions> = {
  maximumEntries: 'optional',
  onWarning: 'optional',
};

/**
 * Reads what a training with a directory logged of its steps and evaluations, in order. What cannot
 * be read costs a warning and is left out, so that a finished training gets its report whatever its
 * log looks like; without a log the result is empty.
 * @throws {ConfigError} for an option out of range
 */
export async function readTrainingLog(
  directory: string,
  options: ReadTrainingLogOptions = {},
): Promise<TrainingLogEntry[]> {
  const where = 'readTrainingLog';
  const { maximumEntries = 100_000, onWarning = warn } = checkOptions(options, readTrainingLogOptionNames, where);
  assertInteger(maximumEntries, 'maximumEntries', where, 2);
  const thinned = new ThinnedLog(maximumEntries);
  try {
    for await (const { entry } of readLogLines(join(directory, METRICS_LOG_FILE), onWarning)) thinned.add(entry);
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    onWarning(error.message);
  }
  return thinned.entries();
}

/** Returns the points `[step, value]` of one number in the log; entries without it are left out. */
export function logCurve(log: readonly TrainingLogEntry[], event: string, name: string): [number, number][] {
  return log.flatMap((entry): [number, number][] => {
    const value = entry.event === event ? entry[name] : undefined;
    return typeof value === 'number' ? [[entry.step, value]] : [];
  });
}

function warn(message: string): void {
  process.emitWarning(message, 'VitvqTrainingWarning');
}
