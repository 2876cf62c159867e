/** Every so many steps, every so many seconds, or both; neither: never. */
export interface IntervalOptions {
  readonly everySteps?: number;
  readonly everySeconds?: number;
}

/** Tells when something that is done now and then is due. */
export class Interval {
  readonly #everySteps: number;
  readonly #everySeconds: number;
  #lastSeconds: number;

  constructor({ everySteps = Infinity, everySeconds = Infinity }: IntervalOptions, nowSeconds: number) {
    this.#everySteps = everySteps;
    this.#everySeconds = everySeconds;
    this.#lastSeconds = nowSeconds;
  }

  isDue(step: number, nowSeconds: number): boolean {
    const due = step % this.#everySteps === 0 || nowSeconds - this.#lastSeconds >= this.#everySeconds;
    if (due) this.#lastSeconds = nowSeconds;
    return due;
  }
}
