import type { Executable, Program } from '../backend/backend.js';
import { WorkerBackend } from '../backend/worker-backend.js';
import { onnxWorker, startWorker } from '../backend/worker-file.js';
import { buildProgram, deviceTarget, hostTarget, type OnnxTarget } from './program.js';
import type { OnnxLoadRequest, OnnxProvider, OnnxWorkerOptions } from './protocol.js';

/** Runs programs with ONNX Runtime in a worker thread, which owns all buffers. */
export class OnnxBackend extends WorkerBackend<OnnxLoadRequest> {
  readonly #target: OnnxTarget;

  constructor({ provider = 'cpu', threads }: { readonly provider?: OnnxProvider; readonly threads: number }) {
    super({
      where: `${provider === 'cpu' ? 'onnx' : `onnx-${provider}`} engine`,
      runtime: 'ONNX Runtime',
      start: (control) => {
        const workerData: OnnxWorkerOptions = { provider, threads, control };
        return startWorker(onnxWorker, { workerData, name: 'vitvq-onnx' });
      },
    });
    this.#target = provider === 'webgpu' ? deviceTarget : hostTarget;
  }

  prepare(program: Program): Executable {
    const { definition, model, inputs, external } = buildProgram(program, this.#target);
    const initializers = external.map((index) => ({ index, slot: program.frozen.get(index)!().id }));
    const results = definition.outputs.slice(0, definition.resultCount);
    return this.load({ definition, model, initializers }, { inputs, results });
  }

  /**
   * Starts the execution provider.
   * @throws {EngineError} with the reason, when it does not start
   */
  async startProvider(): Promise<void> {
    await this.describeRuntime();
  }
}
