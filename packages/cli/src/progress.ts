import type { Progress, ProgressOptions, ProgressReport } from '@vitvq/run';
import { MultiBar, type SingleBar } from 'cli-progress';

/** Seconds between two lines where there is no terminal. */
const LINE_SECONDS = 15;
const RESOLUTION = 1000;

/** A live bar on a terminal, a line now and then elsewhere. */
export function showProgress(output: NodeJS.WriteStream, options: ProgressOptions = {}): Progress {
  return output.isTTY ? new Bar(output, options) : new Lines(output, options);
}

class Bar implements Progress {
  readonly #stream: NodeJS.WriteStream;
  readonly #options: ProgressOptions;
  readonly #bars: MultiBar;
  readonly #bar: SingleBar;
  readonly #onAbort = (): void => this.stop();
  #isStopped = false;

  constructor(stream: NodeJS.WriteStream, options: ProgressOptions) {
    this.#stream = stream;
    this.#options = options;
    const format = '{bar} {percentage} % | {text}';
    this.#bars = new MultiBar({
      stream,
      format,
      barsize: 24,
      hideCursor: true,
      clearOnComplete: true,
      emptyOnZero: true,
    });
    this.#bar = this.#bars.create(RESOLUTION, 0, { text: 'compiling the training step ...' });
    options.signal?.addEventListener('abort', this.#onAbort);
  }

  update(report: ProgressReport, note?: string): void {
    this.#bar.update(Math.floor(report.progress * RESOLUTION), { text: describe(report, note, this.#options) });
  }

  say(line: string): void {
    if (this.#isStopped) {
      this.#stream.write(`${line}\n`);
      return;
    }
    this.#bars.log(`${line}\n`);
    this.#bars.update();
  }

  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    this.#bars.stop();
  }
}

class Lines implements Progress {
  readonly #stream: NodeJS.WriteStream;
  readonly #options: ProgressOptions;
  #told = -Infinity;

  constructor(stream: NodeJS.WriteStream, options: ProgressOptions) {
    this.#stream = stream;
    this.#options = options;
  }

  update(report: ProgressReport, note?: string): void {
    const now = performance.now() / 1000;
    if (now - this.#told < LINE_SECONDS) return;
    this.#told = now;
    this.say(`${(100 * report.progress).toFixed(0)} % | ${describe(report, note, this.#options)}`);
  }

  say(line: string): void {
    this.#stream.write(`${line}\n`);
  }

  stop(): void {
    // There is nothing to clear.
  }
}

function describe(
  { step, totalSteps, values, examplesPerSecond, remainingSeconds }: ProgressReport,
  note: string | undefined,
  { show = ['loss'], unit = 'images' }: ProgressOptions,
): string {
  return [
    `step ${step}/${totalSteps}`,
    ...show.flatMap((name) => (values[name] === undefined ? [] : [`${name} ${values[name].toFixed(4)}`])),
    ...(note === undefined ? [] : [note]),
    `${examplesPerSecond.toFixed(0)} ${unit}/s`,
    `${formatSeconds(remainingSeconds)} left`,
  ].join(' | ');
}

function formatSeconds(seconds: number): string {
  const whole = Math.ceil(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}
