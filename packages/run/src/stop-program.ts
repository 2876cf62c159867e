import { constants } from 'node:os';
import { abortOnSignals, type StopSignal } from '@vitvq/training';

/** The stop of a run by Ctrl-C or another signal; the message says where the run is saved. */
export class StoppedError extends Error {
  /** Exit code of a program that a signal ended, as shells have it. */
  readonly exitCode: number;

  constructor(signal: StopSignal, folder: string) {
    super(`Stopped; everything is saved in ${folder}.`);
    this.exitCode = 128 + constants.signals[signal];
  }
}

/**
 * Returns a signal that aborts at the first Ctrl-C, SIGTERM, or closing of the terminal, so that a
 * run saves and stops; Ctrl-C again, a second later, ends the program at once.
 * @param folder where the run is saved; the reason of the abort, a {@link StoppedError}, says so
 * @param doing what the program does then @default saving, then stopping
 */
export function abortOnCtrlC(folder: string, doing?: string): AbortSignal {
  return abortOnSignals({ doing, reason: (signal) => new StoppedError(signal, folder) });
}
