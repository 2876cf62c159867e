/**
 * The thread that owns ONNX Runtime. `session.run` blocks its thread, and ONNX Runtime refuses
 * shared memory. The sessions and every tensor on the engine therefore live here, and the main
 * thread stays free for timers, signals and data.
 *
 * As a program, this file starts the execution provider that its argument names, prints the reason
 * where it does not start, and ends (`try-provider.ts`).
 */
import { isMainThread, workerData } from 'node:worker_threads';
import { WorkerControl } from '../backend/worker-control.js';
import type { RunReply, RunRequest } from '../backend/worker-protocol.js';
import { serve } from '../backend/worker-server.js';
import { firstLine } from '../engines/engine-definition.js';
import { deviceMemory } from './device-memory.js';
import { hostMemory } from './host-memory.js';
import type { OnnxLoadRequest, OnnxProvider, OnnxWorkerOptions } from './protocol.js';
import { startProvider } from './start-provider.js';
import type { LoadedProgram } from './runtime.js';

/** Serves the thread that has started this one. */
function serveMainThread({ provider, threads, control: sharedMemory }: OnnxWorkerOptions): void {
  const control = new WorkerControl(sharedMemory);
  const memory =
    provider === 'webgpu' ? deviceMemory() : hostMemory(provider === 'cpu' ? ['cpu'] : [provider, 'cpu'], threads);

  async function run(program: LoadedProgram, request: RunRequest): Promise<RunReply> {
    const values: RunReply[number][] = [];
    for (const results of request.results) {
      if (control.isStopping) throw new Error('the process is about to end');
      values.push(await program.run(request, results));
    }
    return values;
  }

  serve<OnnxLoadRequest, LoadedProgram>(control, {
    ...memory,
    unload: (program) => program.release(),
    run,
    overlapsRuns: false,
    describe: () => startProvider(provider),
  });
}

if (isMainThread) {
  await startProvider(process.argv.at(-1) as OnnxProvider).catch((error: unknown) => {
    process.stdout.write(firstLine(error));
    process.exitCode = 1;
  });
} else {
  serveMainThread(workerData as OnnxWorkerOptions);
}
