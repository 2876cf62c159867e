import { DataError } from '@vitvq/core';
import { readLines } from '@vitvq/files';

/** Line of `metrics.jsonl`: the numbers of a step or an evaluation, by name. */
export type LogEntry = { readonly event: string; readonly step: number } & Readonly<Record<string, unknown>>;

/** Number of damaged lines that are told one by one. */
const toldLines = 5;

/** Options of {@link readLogLines}. */
export interface ReadLogLinesOptions {
  /**
   * Whether the last line may be cut short without a word, as it is after a kill.
   * @default false
   */
  readonly mayEndInside?: boolean;
}

/**
 * Reads the lines of a log one after the other, in little memory. Lines that are no entries are
 * passed over.
 * @param onDamaged  called for the first of them, with file and line, and with the number of others
 * @throws {DataError} when the file cannot be read
 */
export async function* readLogLines(
  file: string,
  onDamaged: (message: string) => void,
  { mayEndInside = false }: ReadLogLinesOptions = {},
): AsyncGenerator<{ readonly text: string; readonly entry: LogEntry }> {
  let damaged = 0;
  for await (const { number, text, isEnded } of readLines(file, 'the log of a training')) {
    const entry = text === undefined ? undefined : parseLogLine(text);
    if (text !== undefined && entry) yield { text, entry };
    else if (text !== '' && (isEnded || !mayEndInside) && ++damaged <= toldLines) {
      onDamaged(describe(`${file}, line ${number}`, text));
    }
  }
  if (damaged > toldLines) onDamaged(`${file}: ${damaged - toldLines} more lines are damaged and passed over.`);
}

function describe(where: string, text: string | undefined): string {
  const got = text === undefined ? 'a longer line than any log has' : JSON.stringify(text.slice(0, 40));
  return new DataError({ where, expected: 'an entry of a log in JSON', got, fix: 'The line is passed over.' }).message;
}

/** Returns the entry of a line; undefined for anything else. */
export function parseLogLine(text: string): LogEntry | undefined {
  try {
    const entry = JSON.parse(text) as Partial<LogEntry> | null;
    const isEntry = typeof entry?.event === 'string' && Number.isSafeInteger(entry.step) && !Array.isArray(entry);
    return isEntry ? (entry as LogEntry) : undefined;
  } catch {
    return undefined;
  }
}
