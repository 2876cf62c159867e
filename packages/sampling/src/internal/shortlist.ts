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
  /** Smallest score that is kept. @default none: the best `count` of all candidates are kept */
  readonly threshold?: number;
  /**
   * Score of the worst of `count` kept candidates at which no more are wanted. @default none: all
   * candidates are drawn
   */
  readonly enough?: number;
  /** Returns the seed of a candidate, counted from 0. */
  readonly seedOf: (candidate: number) => number;
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
    return this.#options.seedOf(this.#handedOut++);
  }

  judge(candidate: Candidate): void {
    // Those that were under way when the last one was found are as if they had never been drawn.
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
    const { threshold, enough = threshold, count } = this.#options;
    return enough !== undefined && this.#kept.length === count && this.#kept[count - 1]!.score >= enough;
  }
}

/** A candidate to draw. */
export interface Draw {
  /** Place of its list among the shortlists. */
  readonly row: number;
  readonly seed: number;
}

/** Returns up to `size` candidates, in turn of every shortlist that wants more. */
export function nextDraws(shortlists: readonly Shortlist[], size: number): Draw[] {
  const draws: Draw[] = [];
  while (draws.length < size) {
    const before = draws.length;
    for (const [row, shortlist] of shortlists.entries()) {
      if (draws.length < size && shortlist.isOpen) draws.push({ row, seed: shortlist.nextSeed() });
    }
    if (draws.length === before) break;
  }
  return draws;
}
