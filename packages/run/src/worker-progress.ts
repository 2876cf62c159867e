import type { WorkerProgress } from '@vitvq/codes';
import type { Progress } from './run-progress.js';

/** Shows how far the workers on a folder are, and what this one does. */
export class WorkerProgressView {
  readonly #view: Progress;
  readonly #start = performance.now();
  /** Images that were done when this worker began. */
  #before: number | undefined;

  constructor(view: Progress) {
    this.#view = view;
  }

  update({ shards, totalShards, images, totalImages, ownImages, awaited }: WorkerProgress): void {
    this.#before ??= images - ownImages;
    const seconds = Math.max((performance.now() - this.#start) / 1000, 1e-3);
    const perSecond = Math.max(0, images - this.#before) / seconds;
    const note =
      awaited === undefined
        ? `shards ${shards}/${totalShards}, this worker ${(ownImages / seconds).toFixed(0)} images/s`
        : `shards ${shards}/${totalShards}, others make the last ${awaited}`;
    this.#view.update(
      {
        step: images,
        totalSteps: totalImages,
        progress: images / totalImages,
        values: {},
        examplesPerSecond: perSecond,
        remainingSeconds: (totalImages - images) / Math.max(perSecond, 1e-9),
      },
      note,
    );
  }

  stop(): void {
    this.#view.stop();
  }
}
