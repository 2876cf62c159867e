import type { StepReport } from '@vitvq/training';

/** What both trainers have. */
export interface SteppingTrainer {
  on(event: 'step', listener: (report: StepReport) => void): unknown;
  run(options: { readonly signal: AbortSignal }): Promise<unknown>;
  dispose(): void;
}

/** Runs a trainer to its end, or to a step; disposes of it and returns the reports of its steps. */
export async function stepReports(trainer: SteppingTrainer, stopAfter = Infinity): Promise<StepReport[]> {
  const stop = new AbortController();
  const reports: StepReport[] = [];
  trainer.on('step', (report) => {
    reports.push(report);
    if (report.step === stopAfter) stop.abort();
  });
  try {
    await trainer.run({ signal: stop.signal });
  } finally {
    trainer.dispose();
  }
  return reports;
}
