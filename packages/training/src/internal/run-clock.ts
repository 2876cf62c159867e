/** Clock of a run that goes on where the run was stopped. */
export class RunClock {
  readonly #start: number;

  constructor(elapsedSeconds: number) {
    this.#start = performance.now() / 1000 - elapsedSeconds;
  }

  /** Returns the seconds of the whole run so far. */
  now(): number {
    return performance.now() / 1000 - this.#start;
  }
}
