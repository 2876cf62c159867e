import type { OptionTable } from '@vitvq/core';

/**
 * Distance between two occurrences: by steps, by seconds, or both, whichever comes first; without
 * either, never.
 */
export interface IntervalOptions {
  readonly everySteps?: number;
  readonly everySeconds?: number;
}

/** Names of {@link IntervalOptions}, to which each use adds its own. */
export const intervalOptionNames: OptionTable<IntervalOptions> = {
  everySteps: 'optional',
  everySeconds: 'optional',
};

/** Tells when something that recurs is due. */
export class Interval {
  readonly #everySteps: number;
  readonly #everySeconds: number;
  #lastSeconds: number;

  constructor({ everySteps = Infinity, everySeconds = Infinity }: IntervalOptions, nowSeconds: number) {
    this.#everySteps = everySteps;
    this.#everySeconds = everySeconds;
    this.#lastSeconds = nowSeconds;
  }

  /** Returns whether the occurrence is due after a step; a true answer restarts the seconds. */
  isDue(step: number, nowSeconds: number): boolean {
    const due = step % this.#everySteps === 0 || nowSeconds - this.#lastSeconds >= this.#everySeconds;
    if (due) this.restart(nowSeconds);
    return due;
  }

  /** Counts the seconds from now on. */
  restart(nowSeconds: number): void {
    this.#lastSeconds = nowSeconds;
  }
}
