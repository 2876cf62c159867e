import { listCheckpoints } from '@vitvq/checkpoint';
import { showProgress } from '@vitvq/cli';
import type { StepReport, TrainingSummary, WarningReport } from '@vitvq/training';
import type { Settings } from './config.js';
import type { Images } from './data.js';
import type { RunFolder } from './run-folder.js';

/** What every stage gets. It reads the rest from the folder, so that a run that is picked up takes the same way. */
export interface StageContext {
  readonly settings: Settings;
  readonly images: Images;
  readonly folder: RunFolder;
  /** Stages throw its reason once it is aborted. */
  readonly signal: AbortSignal;
}

/** The part of both trainers that {@link train} needs. */
interface AnyTrainer<Evaluation> {
  readonly step: number;
  restore(directory: string): Promise<void>;
  run(options: { readonly signal: AbortSignal }): Promise<TrainingSummary<Evaluation>>;
  on(event: 'step', listener: (report: StepReport) => void): unknown;
  on(event: 'warning', listener: (report: WarningReport) => void): unknown;
  on(event: 'evaluate', listener: (evaluation: Evaluation & { readonly step: number }) => void): unknown;
  dispose(): void;
}

/**
 * Trains to the end, from the newest checkpoint of the folder on if there is one, and shows how it goes; disposes of the trainer.
 * @param describe  what the terminal says of an evaluation
 * @throws the signal's reason when it was aborted; everything is saved then
 */
export async function train<Evaluation>(
  trainer: AnyTrainer<Evaluation>,
  directory: string,
  signal: AbortSignal,
  describe: (evaluation: Evaluation) => string,
): Promise<TrainingSummary<Evaluation> & { readonly evaluation: Evaluation }> {
  try {
    if ((await listCheckpoints(directory)).length > 0) {
      await trainer.restore(directory);
      console.log(`  going on after step ${trainer.step}`);
    }
    const view = showProgress(process.stdout);
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
