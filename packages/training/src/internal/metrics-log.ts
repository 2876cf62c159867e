import { stat } from 'node:fs/promises';
import { AppendOnlyFile, LineLog, writeAtomically } from '@vitvq/files';
import { readLogLines } from './log-lines.js';

/** In the folder of a run. */
export const METRICS_LOG_FILE = 'metrics.jsonl';

/** Options of {@link openMetricsLog}. */
export interface MetricsLogOptions {
  /** Number of steps of the run so far; 0 begins a new log. */
  readonly step: number;
  /** Whether the checkpoint of that step knows of its evaluation. */
  readonly isEvaluated: boolean;
  /** Called when the log cannot be written; the run goes on, and so do later attempts. */
  readonly onError: (error: Error) => void;
  /** Called for a damaged line of the log, which is left out. */
  readonly onDamaged: (message: string) => void;
}

/**
 * Goes on with a log after `step`: later lines, of a run that went further than its checkpoint, are
 * dropped. So is an evaluation after that step, unless the checkpoint knows of it.
 * @throws {DataError} when a log that is there cannot be read, or the new one cannot be written
 */
export async function openMetricsLog(
  file: string,
  { step, isEvaluated, onError, onDamaged }: MetricsLogOptions,
): Promise<LineLog> {
  const isThere = (await stat(file).catch(() => undefined)) !== undefined;
  // A run that is killed in here still has its log.
  await writeAtomically(file, async (output) => {
    if (step === 0 || !isThere) return;
    let kept: string[] = [];
    const write = (): Promise<void> => output.append(new TextEncoder().encode(kept.join('')));
    for await (const { text, entry } of readLogLines(file, onDamaged, { mayEndInside: true })) {
      const { step: at, event } = entry;
      if (at < step || (at === step && (event !== 'evaluate' || isEvaluated))) kept.push(`${text}\n`);
      if (kept.length < 1000) continue;
      await write();
      kept = [];
    }
    await write();
  });
  return new LineLog(await AppendOnlyFile.open(file), { onError });
}
