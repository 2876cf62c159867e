/** One image that may be kept. */
export interface Candidate {
  readonly seed: number;
  readonly score: number;
  /** Of all positions and levels. */
  readonly tokens: Int32Array;
}

/** Options of a {@link Shortlist}. */
export interface ShortlistOptions {
  /** Images to keep. */
  readonly count: number;
  /** Candidates at most. */
  readonly limit: number;
  /** Smallest score that is kept; undefined: the best `count` of all candidates are. */
  readonly threshold: number | undefined;
  /** Of the first candidate; each has the next one. */
  readonly seed: number;
}

/**
 * The candidates of one condition: hands out their seeds and keeps the best of those that it gets
 * back, in the same order. What it keeps does not depend on how many are under way at once.
 */
export class Shortlist {
  readonly #options: ShortlistOptions;
  readonly #kept: Candidate[] = [];
  #handedOut = 0;
  #judged = 0;

  constructor(options: ShortlistOptions) {
    this.#options = options;
  }

  /** Best first. */
  get kept(): readonly Candidate[] {
    return this.#kept;
  }

  /** Candidates that the choice was made from. */
  get judged(): number {
    return this.#judged;
  }

  /** Whether more candidates are wanted. */
  get isOpen(): boolean {
    return !this.#isFull && this.#handedOut < this.#options.limit;
  }

  nextSeed(): number {
    return this.#options.seed + this.#handedOut++;
  }

  judge(candidate: Candidate): void {
    // With a threshold, those that were under way when the last one was found are as if they had
    // never been drawn.
    if (this.#isFull) return;
    this.#judged++;
    const { threshold = -Infinity, count } = this.#options;
    if (candidate.score < threshold) return;
    // After its equals: among them the earlier one stays.
    const better = this.#kept.findIndex(({ score }) => score < candidate.score);
    this.#kept.splice(better === -1 ? this.#kept.length : better, 0, candidate);
    this.#kept.splice(count);
  }

  get #isFull(): boolean {
    const { threshold, count } = this.#options;
    return threshold !== undefined && this.#kept.length === count;
  }
}
