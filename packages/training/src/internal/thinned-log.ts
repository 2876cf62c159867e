import type { LogEntry } from './log-lines.js';

/** A place in the log: entries keep their order when entries of another event are taken out. */
interface Kept {
  readonly entry: LogEntry;
  /** Number of earlier entries of the same event. */
  readonly index: number;
}

/** Entries of a log of any length, evenly thinned. */
export class ThinnedLog {
  readonly #maximumEntries: number;
  readonly #counts = new Map<string, { seen: number; kept: number; stride: number }>();
  #kept: Kept[] = [];

  constructor(maximumEntries: number) {
    this.#maximumEntries = maximumEntries;
  }

  add(entry: LogEntry): void {
    const { event } = entry;
    const count = this.#counts.get(event) ?? { seen: 0, kept: 0, stride: 1 };
    this.#counts.set(event, count);
    const index = count.seen++;
    if (index % count.stride !== 0) return;
    this.#kept.push({ entry, index });
    if (++count.kept <= this.#maximumEntries) return;
    count.stride *= 2;
    this.#kept = this.#kept.filter((kept) => kept.entry.event !== event || kept.index % count.stride === 0);
    count.kept = this.#kept.filter((kept) => kept.entry.event === event).length;
  }

  entries(): LogEntry[] {
    return this.#kept.map(({ entry }) => entry);
  }
}
