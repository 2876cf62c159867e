/** Where a long piece of work stands; the step reports of `@vitvq/training` are such. */
export interface ProgressReport {
  /** Steps done. */
  readonly step: number;
  /** Steps of the whole run, an estimate where it is limited by time. */
  readonly totalSteps: number;
  /** Fraction of the run, in [0, 1]. */
  readonly progress: number;
  readonly values: Readonly<Record<string, number>>;
  readonly examplesPerSecond: number;
  readonly remainingSeconds: number;
}

/** What a progress view shows. */
export interface ProgressOptions {
  /** Which values are shown. @default ['loss'] */
  readonly show?: readonly string[];
  /** What an example is. @default 'images' */
  readonly unit?: string;
  /**
   * Stops the view when it aborts: the program may be ended while it saves, and then nobody would
   * give the cursor back.
   */
  readonly signal?: AbortSignal;
}

/** What somebody sees of a long piece of work. */
export interface Progress {
  /** @param note  a figure that changes seldom, such as the last measured PSNR */
  update(report: ProgressReport, note?: string): void;
  /** Prints a line without tearing the view. */
  say(line: string): void;
  /** Takes the view away; what is said later is printed. */
  stop(): void;
}

/** How a run tells what it does. */
export interface RunView {
  /** Receives a line for people. */
  readonly log: (line: string) => void;
  /** Opens the view of one long piece of work. */
  readonly openProgress: (options: ProgressOptions) => Progress;
}

/** A view that shows nothing: the default of every function of this package. */
export const silentView: RunView = {
  log: () => undefined,
  openProgress: () => ({ update: () => undefined, say: () => undefined, stop: () => undefined }),
};
