import { Interval, type IntervalOptions } from '../interval.js';

/** Seconds of training in which a run saves for the first time. */
const FIRST_SECONDS = 30;

/**
 * Tells when a run saves: at its interval, and for the first time within 30 seconds of training,
 * whatever the interval. A step that would end later is saved before; only a step that takes longer
 * itself makes it later.
 */
export class CheckpointInterval {
  readonly #interval: Interval;
  readonly #startSeconds: number;
  /** When it was asked last: the difference to now is what the next step may take. */
  #askedSeconds: number;
  #hasBeenDue = false;

  /** Without an interval, a run saves every 60 seconds. */
  constructor({ everySteps, everySeconds }: IntervalOptions, nowSeconds: number) {
    const isPeriodic = everySteps !== undefined || everySeconds !== undefined;
    this.#interval = new Interval(isPeriodic ? { everySteps, everySeconds } : { everySeconds: 60 }, nowSeconds);
    this.#startSeconds = nowSeconds;
    this.#askedSeconds = nowSeconds;
  }

  /** Returns whether to save after a step; a true answer restarts the seconds. */
  isDue(step: number, nowSeconds: number): boolean {
    const nextSeconds = nowSeconds + (nowSeconds - this.#askedSeconds);
    this.#askedSeconds = nowSeconds;
    const isFirst = !this.#hasBeenDue && nextSeconds - this.#startSeconds > FIRST_SECONDS;
    if (isFirst) this.#interval.restart(nowSeconds);
    const due = this.#interval.isDue(step, nowSeconds) || isFirst;
    this.#hasBeenDue ||= due;
    return due;
  }
}
