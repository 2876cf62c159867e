import type { ProgressOptions, ProgressReport, RunView } from './run-progress.js';

/** The part of a trainer that {@link trainWithView} uses. */
export interface ViewedTrainer<Evaluation, Summary> {
  readonly step: number;
  resume(directory: string): Promise<boolean>;
  run(options: { signal: AbortSignal }): Promise<Summary & { readonly evaluation: Evaluation | undefined }>;
  on(event: 'step', listener: (report: ProgressReport) => void): unknown;
  on(event: 'warning', listener: (report: { readonly step: number; readonly message: string }) => void): unknown;
  on(event: 'evaluate', listener: (evaluation: Evaluation & { readonly step: number }) => void): unknown;
  dispose(): void;
}

/** Options of {@link trainWithView}. */
export interface TrainWithViewOptions<Evaluation> extends Omit<ProgressOptions, 'signal'> {
  /** The trainer's own. */
  readonly directory: string;
  readonly view: RunView;
  readonly signal: AbortSignal;
  /** What the view says of an evaluation. */
  readonly describe: (evaluation: Evaluation) => string;
}

/**
 * Trains to the end, from the newest checkpoint of the folder on if there is one, and tells a view
 * how it goes. Disposes of the trainer.
 * @throws the signal's reason when it was aborted; everything is saved then
 */
export async function trainWithView<Evaluation, Summary>(
  trainer: ViewedTrainer<Evaluation, Summary>,
  { directory, view, signal, describe, ...options }: TrainWithViewOptions<Evaluation>,
): Promise<Summary & { readonly evaluation: Evaluation }> {
  try {
    if (await trainer.resume(directory)) view.log(`  going on after step ${trainer.step}`);
    const progress = view.openProgress({ ...options, signal });
    let measured: string | undefined;
    trainer.on('step', (report) => progress.update(report, measured));
    trainer.on('evaluate', (evaluation) => {
      measured = describe(evaluation);
      progress.say(`  step ${evaluation.step}: ${measured} on validation images`);
    });
    trainer.on('warning', ({ step, message }) => progress.say(`  step ${step}, warning: ${message}`));
    const summary = await trainer.run({ signal }).finally(() => progress.stop());
    signal.throwIfAborted();
    // A training that was not aborted ends with an evaluation.
    return { ...summary, evaluation: summary.evaluation! };
  } finally {
    trainer.dispose();
  }
}
