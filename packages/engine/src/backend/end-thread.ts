import type { Worker } from 'node:worker_threads';
import type { WorkerControl } from './worker-control.js';

/** Milliseconds within which a native call comes back, if it does at all. */
const patience = 5_000;

/**
 * Ends a thread after a failure elsewhere. A thread within a native call cannot be ended, and a
 * collective whose other process is lost may never come back: then this returns without it.
 */
export async function endThread(worker: Worker, control: WorkerControl, milliseconds = patience): Promise<void> {
  if (await control.whenStopped(milliseconds)) await worker.terminate();
  else worker.unref();
}

/**
 * Has the process kill itself when it exits while a thread is within a native call, for which it
 * would wait for ever.
 */
export function exitWithout(control: WorkerControl, milliseconds = patience): void {
  process.once('exit', () => {
    if (!control.stop(milliseconds)) process.kill(process.pid, 'SIGKILL');
  });
}
