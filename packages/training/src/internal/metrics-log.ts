import { appendFile, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createFolder, writeWhole } from '@vitvq/files';

/** In the folder of a run. */
export const METRICS_LOG_FILE = 'metrics.jsonl';

const flushLines = 64;

/** One JSON object a line, appended in order without holding up who writes. */
export class MetricsLog {
  readonly #file: string;
  readonly #onError: (error: Error) => void;
  #lines: string[] = [];
  #writing: Promise<void> = Promise.resolve();

  private constructor(file: string, onError: (error: Error) => void) {
    this.#file = file;
    this.#onError = onError;
  }

  /**
   * Goes on with a log after `step`: later lines, of a run that went further than its checkpoint,
   * are dropped. So is an evaluation after that step, unless the checkpoint knows of it.
   */
  static async open(
    file: string,
    { step, isEvaluated }: { readonly step: number; readonly isEvaluated: boolean },
    onError: (error: Error) => void,
  ): Promise<MetricsLog> {
    await createFolder(dirname(file));
    const text = step === 0 ? '' : await readLog(file);
    const kept = text.split('\n').filter((line) => {
      const entry = parse(line);
      return entry.step < step || (entry.step === step && (entry.event !== 'evaluate' || isEvaluated));
    });
    // A run that is killed in here still has its log.
    await writeWhole(file, kept.map((line) => `${line}\n`).join(''));
    return new MetricsLog(file, onError);
  }

  write(entry: Readonly<Record<string, unknown>> & { readonly step: number }): void {
    this.#lines.push(`${JSON.stringify(entry)}\n`);
    if (this.#lines.length >= flushLines) void this.flush();
  }

  flush(): Promise<void> {
    const text = this.#lines.join('');
    this.#lines = [];
    if (text) this.#writing = this.#writing.then(() => appendFile(this.#file, text)).catch(this.#onError);
    return this.#writing;
  }
}

/** Empty where there is none yet; a log that cannot be read is not overwritten. */
async function readLog(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

/** A line that is not whole is later than any step. */
function parse(line: string): { readonly step: number; readonly event?: unknown } {
  try {
    const { step, event } = JSON.parse(line) as { step?: unknown; event?: unknown };
    return { step: typeof step === 'number' ? step : Infinity, event };
  } catch {
    return { step: Infinity };
  }
}
