import type { MessagePort } from 'node:worker_threads';
import { processWorker, startWorker } from '../../backend/worker-file.js';
import type { DevicesData } from './devices-thread.js';
import type { LinkedProcess } from './linked-process.js';

/**
 * Starts the plug-in of a process other than 0, and serves its devices until process 0 needs them
 * no more.
 * @throws {EngineError} when the devices fail, and when another process is lost
 */
export async function serve(
  linked: LinkedProcess,
  { plugin, isCpu }: Pick<DevicesData, 'plugin' | 'isCpu'>,
): Promise<void> {
  const { mesh, place } = linked;
  const link = linked.devices as MessagePort;
  const workerData: DevicesData = { thread: 'devices', plugin, isCpu, mesh, place, link };
  const worker = startWorker(processWorker, { workerData, transferList: [link], name: 'vitvq-devices' });
  const ended = new Promise<undefined>((resolve) => worker.once('message', () => resolve(undefined)));
  const failure = await Promise.race([ended, linked.failed]);
  if (failure) {
    // The thread may be within the runtime, waiting for a process that is gone.
    await linked.end();
    throw failure;
  }
  await worker.terminate();
  await linked.leave();
}
