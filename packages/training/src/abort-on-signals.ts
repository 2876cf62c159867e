import { writeSync } from 'node:fs';
import { checkOptions, type OptionTable } from '@vitvq/core';

/** A signal that asks a program to end: Ctrl-C, `kill`, and a terminal that is closed. */
export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** Options of {@link abortOnSignals}. */
export interface AbortOnSignalsOptions {
  /** What the program does now, for the line that it prints. @default 'saving, then stopping' */
  readonly doing?: string;
  /** Makes the reason of the abort. @default the `AbortError` of an `AbortController` */
  readonly reason?: (signal: StopSignal) => unknown;
}

const abortOnSignalsOptionNames: OptionTable<AbortOnSignalsOptions> = {
  doing: 'optional',
  reason: 'optional',
};

const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const satisfies readonly StopSignal[];

/**
 * Milliseconds in which signals count as one: Ctrl-C in a terminal reaches a program twice where
 * npm has started it, from the terminal and from npm.
 */
const RELAY_MILLISECONDS = 1000;

/**
 * Returns an `AbortSignal` for `Trainer.run` that aborts at the first SIGINT (Ctrl-C), SIGTERM or
 * SIGHUP, so that a training saves and stops. A line on standard error says so at once.
 *
 * A SIGINT or SIGTERM more than a second later ends the process at once, whatever its thread is
 * busy with. A SIGHUP does not: whoever presses Ctrl-C and closes the terminal wants the training
 * saved. For the rest of the process, output to a terminal or pipe that has gone is no error.
 */
export function abortOnSignals(options: AbortOnSignalsOptions = {}): AbortSignal {
  const { doing = 'saving, then stopping', reason } = checkOptions(
    options,
    abortOnSignalsOptionNames,
    'abortOnSignals',
  );
  const controller = new AbortController();
  const onSignal = (name: StopSignal): void => {
    if (controller.signal.aborted) return;
    controller.abort(reason?.(name));
    say(`${name === 'SIGINT' ? 'Ctrl-C' : name}: ${doing}. Ctrl-C again ends at once.\n`);
    // Without listeners the kernel ends the process, also while its thread is blocked. The signal
    // that npm passes on may still wait while this thread is: it is taken before `setImmediate`.
    const letGo = (): void => {
      for (const each of ['SIGINT', 'SIGTERM']) process.off(each, onSignal);
    };
    setTimeout(() => setImmediate(letGo), RELAY_MILLISECONDS).unref();
  };
  for (const name of stopSignals) process.on(name, onSignal);
  for (const stream of [process.stdout, process.stderr]) {
    stream.off('error', ignoreVanishedOutput).on('error', ignoreVanishedOutput);
  }
  return controller.signal;
}

/** Prints without the event loop, which what follows the abort may block. */
function say(line: string): void {
  try {
    writeSync(process.stderr.fd, line);
  } catch {
    // Nobody can read it: the terminal is gone, or a pipe is full.
  }
}

/** @throws what is wrong with the output, unless whoever read it is gone */
function ignoreVanishedOutput(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EIO' && error.code !== 'EPIPE') throw error;
}
