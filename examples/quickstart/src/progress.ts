import { MultiBar, type SingleBar } from 'cli-progress';
import type { Stage1Trainer, StepReport } from '@vitvq/stage1';

/** Seconds between two lines where there is no terminal. */
const LINE_SECONDS = 15;
const RESOLUTION = 1000;

export interface Progress {
  /** Prints a line without tearing the bar. */
  say(line: string): void;
  stop(): void;
}

/** A live bar on a terminal, a line now and then elsewhere. */
export function showProgress(trainer: Stage1Trainer, output: NodeJS.WriteStream): Progress {
  const view = output.isTTY ? new Bar(output) : new Lines(output);
  let psnr: number | undefined;
  trainer.on('step', (report) => view.update(report, psnr));
  trainer.on('evaluate', (evaluation) => {
    psnr = evaluation.psnr;
    const usage = (100 * evaluation.codebook.usage).toFixed(1);
    view.say(`step ${evaluation.step}: ${psnr.toFixed(2)} dB on held-out images, ${usage} % of the codes in use`);
  });
  trainer.on('warning', ({ step, message }) => view.say(`step ${step}, warning: ${message}`));
  return view;
}

class Bar implements Progress {
  readonly #bars: MultiBar;
  readonly #bar: SingleBar;

  constructor(stream: NodeJS.WriteStream) {
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
  }

  update(report: StepReport, psnr: number | undefined): void {
    this.#bar.update(Math.floor(report.progress * RESOLUTION), { text: describe(report, psnr) });
  }

  say(line: string): void {
    this.#bars.log(`${line}\n`);
    this.#bars.update();
  }

  stop(): void {
    this.#bars.stop();
  }
}

class Lines implements Progress {
  readonly #stream: NodeJS.WriteStream;
  #told = -Infinity;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  update(report: StepReport, psnr: number | undefined): void {
    if (report.elapsedSeconds - this.#told < LINE_SECONDS) return;
    this.#told = report.elapsedSeconds;
    this.say(`${(100 * report.progress).toFixed(0)} % | ${describe(report, psnr)}`);
  }

  say(line: string): void {
    this.#stream.write(`${line}\n`);
  }

  stop(): void {
    // There is nothing to clear.
  }
}

function describe(report: StepReport, psnr: number | undefined): string {
  const { step, totalSteps, values, examplesPerSecond, remainingSeconds } = report;
  return [
    `step ${step}/${totalSteps}`,
    `loss ${values.loss?.toFixed(4)}`,
    ...(psnr === undefined ? [] : [`${psnr.toFixed(2)} dB`]),
    `${examplesPerSecond.toFixed(0)} images/s`,
    `${formatSeconds(remainingSeconds)} left`,
  ].join(' | ');
}

function formatSeconds(seconds: number): string {
  const whole = Math.ceil(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}
