import type { Duration } from '../duration.js';

/** Weight of the newest step in the running means. */
const newest = 0.1;

/** The first steps compile and warm up; they do not count for the speed. */
const warmUpSteps = 2;

/** How far a run is and how fast it goes. */
export class Pace {
  readonly #duration: Duration;
  #steps = 0;
  #stepSeconds = 0;
  #batchSize = 0;
  #waitSeconds = 0;
  #seconds = 0;
  #examples = 0;

  constructor(duration: Duration) {
    this.#duration = duration;
  }

  /** Steps of this call. */
  get steps(): number {
    return this.#steps;
  }

  /** Adds a step: its examples, the seconds it waited for them, and its seconds altogether. */
  count(examples: number, waitSeconds: number, seconds: number): void {
    this.#steps++;
    this.#batchSize = examples;
    const isFirst = this.#steps <= warmUpSteps + 1;
    this.#stepSeconds = isFirst ? seconds : (1 - newest) * this.#stepSeconds + newest * seconds;
    if (this.#steps <= warmUpSteps) return;
    this.#examples += examples;
    this.#waitSeconds += waitSeconds;
    this.#seconds += seconds;
  }

  isDone(step: number, elapsedSeconds: number): boolean {
    return 'steps' in this.#duration ? step >= this.#duration.steps : elapsedSeconds >= this.#duration.minutes * 60;
  }

  /** Share of the run that is over, in [0, 1]. */
  fraction(step: number, elapsedSeconds: number): number {
    const { steps, seconds } = this.#limits();
    return Math.min(1, steps === undefined ? elapsedSeconds / seconds : step / steps);
  }

  /** Progress in the middle of the step after `step`: what its learning rate goes by. */
  progress(step: number, elapsedSeconds: number): number {
    return this.fraction(step + 0.5, elapsedSeconds + this.#stepSeconds / 2);
  }

  totalSteps(step: number, elapsedSeconds: number): number {
    const { steps } = this.#limits();
    return steps ?? step + Math.round(this.remainingSeconds(step, elapsedSeconds) / Math.max(this.#stepSeconds, 1e-6));
  }

  remainingSeconds(step: number, elapsedSeconds: number): number {
    const { steps, seconds } = this.#limits();
    return Math.max(0, steps === undefined ? seconds - elapsedSeconds : (steps - step) * this.#stepSeconds);
  }

  get recentExamplesPerSecond(): number {
    return this.#stepSeconds > 0 ? this.#batchSize / this.#stepSeconds : 0;
  }

  /** Without the first steps; of the last step while there are no others. */
  get examplesPerSecond(): number {
    return this.#seconds > 0 ? this.#examples / this.#seconds : this.recentExamplesPerSecond;
  }

  /** Share of the time that steps waited for data. */
  get waitFraction(): number {
    return this.#seconds > 0 ? this.#waitSeconds / this.#seconds : 0;
  }

  #limits(): { steps: number; seconds?: undefined } | { steps?: undefined; seconds: number } {
    return 'steps' in this.#duration ? { steps: this.#duration.steps } : { seconds: this.#duration.minutes * 60 };
  }
}
