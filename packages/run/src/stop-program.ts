import { constants } from 'node:os';
import { abortOnSignals, type StopSignal } from '@vitvq/training';

/** The stop of a program by Ctrl-C or another signal. */
export class StoppedError extends Error {
  /** Exit code of a program that a signal ended, as shells have it. */
  readonly exitCode: number;

  /** @param folder  where everything that was done is saved; undefined: nowhere */
  constructor(
    signal: StopSignal,
    readonly folder?: string,
  ) {
    super(folder === undefined ? 'Stopped.' : `Stopped; everything is saved in ${folder}.`);
    this.name = 'StoppedError';
    this.exitCode = 128 + constants.signals[signal];
  }
}

/**
 * Returns a signal that aborts at the first Ctrl-C, SIGTERM, or closing of the terminal, so that a
 * run saves and stops; Ctrl-C again, a second later, ends the program at once.
 * @param folder where everything is saved, which the reason of the abort (a {@link StoppedError})
 *   says; undefined: nothing is saved
 * @param doing what the program does then @default saving, then stopping
 */
export function abortOnCtrlC(folder?: string, doing?: string): AbortSignal {
  return abortOnSignals({ doing, reason: (signal) => new StoppedError(signal, folder) });
}
