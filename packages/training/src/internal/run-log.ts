import { join } from 'node:path';
import type { LineLog } from '@vitvq/files';
import { removeEventFiles } from '@vitvq/tensorboard';
import type { Picture } from '../picture.js';
import type { TensorBoardOptions } from '../trainer-options.js';
import type { StepReport } from '../training-events.js';
import type { TaskEvaluation } from '../training-task.js';
import { METRICS_LOG_FILE, openMetricsLog } from './metrics-log.js';
import { encodePictures, writePreviewFiles } from './preview-files.js';
import type { RunState } from './run-state.js';
import { TensorBoardLog } from './tensorboard-log.js';

/** Options of {@link RunLog}. */
export interface RunLogOptions {
  /** False: no event files. */
  readonly tensorBoard: TensorBoardOptions | false;
  /** Called when a log cannot be written; the run goes on. */
  readonly onError: (error: Error) => void;
  /** Called for a damaged line of the log that a resumed run goes on with. */
  readonly onDamaged: (message: string) => void;
}

/**
 * Logs of a run with a directory, `metrics.jsonl` and TensorBoard's event files; without one it
 * writes nothing.
 */
export class RunLog {
  readonly #metrics: LineLog | undefined;
  readonly #tensorBoard: TensorBoardLog | undefined;
  readonly #options: TensorBoardOptions;
  readonly #directory: string | undefined;
  readonly #onError: (error: Error) => void;
  /** Previews are written one after the other. */
  #previews: Promise<void> = Promise.resolve();

  private constructor(
    { directory, onError }: { readonly directory: string | undefined; readonly onError: (error: Error) => void },
    metrics: LineLog | undefined,
    tensorBoard: TensorBoardLog | undefined,
    options: TensorBoardOptions,
  ) {
    this.#directory = directory;
    this.#onError = onError;
    this.#metrics = metrics;
    this.#tensorBoard = tensorBoard;
    this.#options = options;
  }

  /**
   * Opens the logs of a run where the state says that the run is. A run that begins takes the place
   * of the logs of another one.
   * @throws {DataError} when they cannot be written, or the log to go on with cannot be read
   */
  static async open(
    directory: string | undefined,
    { step, evaluatedStep }: Pick<RunState, 'step' | 'evaluatedStep'>,
    { tensorBoard, onError, onDamaged }: RunLogOptions,
  ): Promise<RunLog> {
    const place = { directory, onError };
    if (directory === undefined) return new RunLog(place, undefined, undefined, {});
    const file = join(directory, METRICS_LOG_FILE);
    const metrics = await openMetricsLog(file, { step, isEvaluated: evaluatedStep === step, onError, onDamaged });
    if (step === 0) await removeEventFiles(directory);
    const events = tensorBoard === false ? undefined : await TensorBoardLog.open(directory, step, onError);
    return new RunLog(place, metrics, events, tensorBoard || {});
  }

  /** Writes the numbers of a step. */
  step(report: StepReport): void {
    const { values, ...rest } = report;
    const memoryBytes = process.memoryUsage.rss();
    this.#metrics?.write(JSON.stringify({ event: 'step', ...rest, memoryBytes, ...values }));
    const { everySteps = 1 } = this.#options;
    if (report.step % everySteps !== 0) return;
    const { examplesPerSecond, skippedSteps } = report;
    this.#tensorBoard?.scalars('train', values, report.step);
    this.#tensorBoard?.scalars('run', { examplesPerSecond, skippedSteps }, report.step);
  }

  /** Writes the numbers of an evaluation. */
  evaluation(metrics: Readonly<Record<string, number>>, step: number): void {
    this.#metrics?.write(JSON.stringify({ event: 'evaluate', step, ...metrics }));
    this.#tensorBoard?.scalars('evaluate', metrics, step);
    void this.#metrics?.flush();
  }

  /**
   * Writes histograms of an evaluation.
   * @param weights  one variable after the other, by tag
   */
  async histograms(
    step: number,
    gradientNorms: ReadonlyMap<string, number> | undefined,
    measured: TaskEvaluation<unknown>['histograms'],
    weights: AsyncIterable<readonly [tag: string, values: ArrayLike<number>]>,
  ): Promise<void> {
    const { histograms: wanted = true } = this.#options;
    if (!this.#tensorBoard) return;
    if (gradientNorms) this.#tensorBoard.histogram('gradients/norms', [...gradientNorms.values()], step);
    if (!wanted) return;
    for (const [tag, values] of Object.entries(measured ?? {})) this.#tensorBoard.histogram(tag, values, step);
    for await (const [tag, values] of weights) this.#tensorBoard.histogram(tag, values, step);
  }

  /** Writes the pictures of a preview, as files too: the last ones can be looked at. */
  preview(pictures: readonly Picture[], step: number): void {
    const directory = this.#directory;
    if (directory === undefined) return;
    const encoded = encodePictures(pictures);
    this.#tensorBoard?.pictures('preview', encoded, step);
    this.#previews = this.#previews.then(() => writePreviewFiles(directory, encoded).catch(this.#onError));
  }

  /** Puts on disk what was written so far. */
  async flush(): Promise<void> {
    await this.#previews;
    await this.#metrics?.flush();
    await this.#tensorBoard?.flush();
  }

  /** Leaves `metrics.jsonl` to another run that has taken the directory. */
  leave(): void {
    this.#metrics?.drop();
  }

  /** Puts everything on disk and closes the files. */
  async close(): Promise<void> {
    await this.#previews;
    await this.#metrics?.close();
    await this.#tensorBoard?.close();
  }
}
