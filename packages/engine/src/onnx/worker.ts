/**
 * The thread that owns ONNX Runtime. `session.run` blocks its thread, and ONNX Runtime refuses
 * shared memory. The sessions and every tensor on the engine therefore live here, and the main
 * thread stays free for timers, signals and data.
 */
import { workerData } from 'node:worker_threads';
import { WorkerControl } from '../backend/worker-control.js';
import type { RunReply, RunRequest } from '../backend/worker-protocol.js';
import { serve } from '../backend/worker-server.js';
import { deviceMemory } from './device-memory.js';
import { hostMemory } from './host-memory.js';
import type { OnnxLoadRequest, OnnxWorkerOptions } from './protocol.js';
import { startProvider } from './start-provider.js';
import type { LoadedProgram } from './runtime.js';

const { provider, threads, control: sharedMemory } = workerData as OnnxWorkerOptions;
const control = new WorkerControl(sharedMemory);
const memory =
  provider === 'webgpu' ? deviceMemory() : hostMemory(provider === 'cpu' ? ['cpu'] : [provider, 'cpu'], threads);

const programs = new Map<number, LoadedProgram>();
/** Reasons why programs could not be loaded, for runs that were requested before that was known. */
const failures = new Map<number, string>();

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function run(request: RunRequest): Promise<RunReply> {
  const program = programs.get(request.program);
  if (!program) throw new Error(failures.get(request.program) ?? 'the program was disposed of');
  const values: RunReply[number][] = [];
  try {
    for (const results of request.results) {
      if (control.isStopping) throw new Error('the process is about to end');
      values.push(await program.run(request, results));
    }
  } catch (error) {
    for (const slot of request.results.flat()) memory.free(slot); // no request will read them
    throw error;
  }
  return values;
}

async function load(request: OnnxLoadRequest): Promise<void> {
  try {
    programs.set(request.program, await memory.load(request));
  } catch (error) {
    failures.set(request.program, `${request.definition.name} could not be loaded: ${messageOf(error)}`);
    throw error;
  }
}

async function unload(id: number): Promise<void> {
  await programs.get(id)?.release();
  programs.delete(id);
}

serve<OnnxLoadRequest>(control, {
  upload: memory.upload,
  copy: memory.copy,
  free: memory.free,
  read: memory.read,
  load,
  unload,
  run,
  overlapsRuns: false,
  describe: () => startProvider(provider),
  end: async () => {
    for (const id of [...programs.keys()]) await unload(id);
    await memory.end();
  },
});
