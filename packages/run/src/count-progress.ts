import type { Progress } from './run-progress.js';

/** Tells a view how many of a known number of things are done, and when the rest will be. */
export class CountProgress {
  readonly #view: Progress;
  readonly #total: number;
  readonly #start = performance.now();

  constructor(view: Progress, total: number) {
    this.#view = view;
    this.#total = total;
  }

  /** @param done  how many of all */
  update(done: number): void {
    const seconds = (performance.now() - this.#start) / 1000;
    const examplesPerSecond = done / Math.max(seconds, 1e-3);
    this.#view.update({
      step: done,
      totalSteps: this.#total,
      progress: done / this.#total,
      values: {},
      examplesPerSecond,
      remainingSeconds: (this.#total - done) / Math.max(examplesPerSecond, 1e-9),
    });
  }

  stop(): void {
    this.#view.stop();
  }
}
