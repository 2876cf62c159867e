import { once } from 'node:events';
import { endThread, exitWithout } from '../../backend/end-thread.js';
import { WorkerControl } from '../../backend/worker-control.js';
import { processWorker, startWorker } from '../../backend/worker-file.js';
import type { DevicesData } from './devices-thread.js';
import type { LinkedProcess } from './linked-process.js';

/**
 * Starts the plug-in of a process other than 0, and serves its devices until process 0 needs them
 * no more.
 * @param signal  has process 0 stop when it aborts
 * @throws {EngineError} when the devices fail, and when another process is lost
 */
export async function serve(
  linked: LinkedProcess,
  { plugin, isCpu, signal }: Pick<DevicesData, 'plugin' | 'isCpu'> & { readonly signal: AbortSignal | undefined },
): Promise<void> {
  const { mesh, place, devices: link } = linked;
  const control = new WorkerControl();
  const workerData: DevicesData = { thread: 'devices', plugin, isCpu, mesh, place, link, control: control.memory };
  const worker = startWorker(processWorker, { workerData, transferList: [link.port], name: 'vitvq-devices' });
  const askToStop = (): void => linked.askToStop();
  if (signal?.aborted) askToStop();
  signal?.addEventListener('abort', askToStop);
  const died = once(worker, 'error').then(async ([error]) => {
    await linked.fail((error as Error).message);
    return linked.failed;
  });
  const ended = once(worker, 'message').then(() => undefined);
  const failure = await Promise.race([ended, died, linked.failed]);
  signal?.removeEventListener('abort', askToStop);
  if (failure) {
    exitWithout(control);
    await endThread(worker, control);
    throw failure;
  }
  await worker.terminate();
  await linked.leave();
}
