import type { Executable, Program } from '../backend/backend.js';
import { WorkerBackend } from '../backend/worker-backend.js';
import { pjrtWorker, startWorker } from '../backend/worker-file.js';
import { buildProgram } from './program.js';
import type { PjrtFacts, PjrtLoadRequest, PjrtWorkerOptions } from './protocol.js';

/** Runs programs with a PJRT plug-in (XLA) in a worker thread, which owns all buffers. */
export class PjrtBackend extends WorkerBackend<PjrtLoadRequest> {
  /** @param options  the plug-in, and where compiled programs are kept */
  constructor(options: Omit<PjrtWorkerOptions, 'control'>) {
    super({
      where: 'pjrt engine',
      runtime: 'the plug-in',
      start: (control) => {
        const workerData: PjrtWorkerOptions = { ...options, control };
        return startWorker(pjrtWorker, { workerData, name: 'vitvq-pjrt' });
      },
    });
  }

  prepare(program: Program): Executable {
    const definition = buildProgram(program);
    const { parameters, outputs, resultCount } = definition;
    const read = parameters.map(({ input }) => input);
    const frozen = read.filter((input) => program.frozen.has(input));
    return this.load(
      { definition, frozen: frozen.map((input) => ({ input, slot: program.frozen.get(input)!().id })) },
      { inputs: new Set(read.filter((input) => !frozen.includes(input))), results: outputs.slice(0, resultCount) },
    );
  }

  /**
   * Returns the plug-in's facts and its devices.
   * @throws {EngineError} with the plug-in's reason, when it does not start
   */
  async describe(): Promise<PjrtFacts> {
    return (await this.describeRuntime()) as PjrtFacts;
  }
}
