import { showProgress } from '@vitvq/cli';
import type { ProgressOptions, ProgressReport } from '@vitvq/run';

/** The part of the trainers of `@vitvq/training` that {@link trainWithProgress} needs. */
export interface ProgressTrainer<Evaluation, Summary> {
  readonly step: number;
  /** Goes on from the newest checkpoint of a folder; says whether there is one. */
  resume(directory: string): Promise<boolean>;
  run(options: { readonly signal: AbortSignal }): Promise<Summary & { readonly evaluation: Evaluation | undefined }>;
  on(event: 'step', listener: (report: ProgressReport) => void): unknown;
  on(event: 'warning', listener: (report: { readonly step: number; readonly message: string }) => void): unknown;
  on(event: 'evaluate', listener: (evaluation: Evaluation & { readonly step: number }) => void): unknown;
  dispose(): void;
}

export interface TrainWithProgressOptions<Evaluation> extends Omit<ProgressOptions, 'signal'> {
  /** The trainer's own. */
  readonly directory: string;
  readonly signal: AbortSignal;
  /** What the terminal says of an evaluation. */
  readonly describe: (evaluation: Evaluation) => string;
}

/**
 * Trains to the end, from the newest checkpoint of the folder on if there is one, and shows on the
 * terminal how it goes. Disposes of the trainer.
 * @throws the signal's reason when it was aborted; everything is saved then
 */
export async function trainWithProgress<Evaluation, Summary>(
  trainer: ProgressTrainer<Evaluation, Summary>,
  { directory, signal, describe, ...options }: TrainWithProgressOptions<Evaluation>,
): Promise<Summary & { readonly evaluation: Evaluation }> {
  try {
    if (await trainer.resume(directory)) console.log(`  going on after step ${trainer.step}`);
    const view = showProgress(process.stdout, { ...options, signal });
    let measured: string | undefined;
    trainer.on('step', (report) => view.update(report, measured));
    trainer.on('evaluate', (evaluation) => {
      measured = describe(evaluation);
      view.say(`  step ${evaluation.step}: ${measured} on held-out images`);
    });
    trainer.on('warning', ({ step, message }) => view.say(`  step ${step}, warning: ${message}`));
    const summary = await trainer.run({ signal }).finally(() => view.stop());
    signal.throwIfAborted();
    // A training that was not aborted ends with an evaluation.
    return { ...summary, evaluation: summary.evaluation! };
  } finally {
    trainer.dispose();
  }
}
