import type { Executable, Program } from '../backend/backend.js';
import { WorkerBackend } from '../backend/worker-backend.js';
import { onnxWorker, startWorker } from '../backend/worker-file.js';
import { buildProgram } from './program.js';
import type { OnnxLoadRequest, OnnxWorkerOptions } from './protocol.js';

/** Runs programs with ONNX Runtime in a worker thread, which owns all buffers. */
export class OnnxBackend extends WorkerBackend<OnnxLoadRequest> {
  constructor({ threads }: { readonly threads: number }) {
    super({
      where: 'onnx engine',
      runtime: 'ONNX Runtime',
      start: (control) => {
        const workerData: OnnxWorkerOptions = { threads, control };
        return startWorker(onnxWorker, { workerData, name: 'vitvq-onnx' });
      },
    });
  }

  prepare(program: Program): Executable {
    const { definition, model, inputs, external } = buildProgram(program);
    const initializers = external.map((index) => ({ index, slot: program.frozen.get(index)!().id }));
    const results = definition.outputs.slice(0, definition.resultCount);
    return this.load({ definition, model, initializers }, { inputs, results });
  }
}
