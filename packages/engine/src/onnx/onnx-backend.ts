import type { Worker } from 'node:worker_threads';
import type { Backend, DeviceBuffer, Executable, Program, Run, TensorType } from '../backend/backend.js';
import { EngineError } from '../errors.js';
import { sizeOf, typedArray, type TypedArray } from '../ir/graph.js';
import { buildProgram, type OnnxProgram } from './program.js';
import type { ReplyMessage, Request, RequestMessage, RunReply, WorkerOptions } from './protocol.js';
import { WorkerControl } from '../backend/worker-control.js';
import { onnxWorker, startWorker } from '../backend/worker-file.js';

type Reply = Extract<ReplyMessage, { value: unknown }>['value'];

const where = 'onnx engine';

/** Runs programs with ONNX Runtime in a worker thread, which owns all buffers. */
export class OnnxBackend implements Backend {
  readonly #worker: Worker;
  readonly #pending = new Map<number, { resolve: (value: Reply) => void; reject: (error: Error) => void }>();
  readonly #programs = new Map<number, OnnxProgram>();
  #nextRequest = 0;
  #nextSlot = 0;
  #nextProgram = 0;
  #failure: EngineError | undefined;

  readonly #control = new WorkerControl();
  /**
   * Waits for the step that is under way. A process that ended while ONNX Runtime computes would be
   * aborted with a native error.
   */
  readonly #waitUntilIdle = (): void => this.#control.stop();

  constructor({ threads }: { readonly threads: number }) {
    const options: WorkerOptions = { threads, control: this.#control.memory };
    process.once('exit', this.#waitUntilIdle);
    this.#worker = startWorker(onnxWorker, { workerData: options, name: 'vitvq-onnx' });
    this.#worker.on('message', (reply: ReplyMessage) => this.#settle(reply));
    this.#worker.on('error', (error) => this.#fail(error.message));
    this.#worker.on('exit', (code) => this.#fail(`exited with code ${code}`));
    // An idle engine does not keep the process alive. Listeners would, so this comes after them.
    this.#worker.unref();
  }

  prepare(program: Program): Executable {
    const built = buildProgram(program);
    const initializers = built.external.map((index) => ({ index, slot: program.frozen.get(index)!().id }));
    const id = this.#nextProgram++;
    this.#programs.set(id, built);
    const { definition, model, inputs } = built;
    const loaded = this.#request({ kind: 'load', program: id, definition, model, initializers });
    const ready = loaded.then(() => undefined);
    ready.catch(() => undefined); // a run reports it too
    return { id, inputs, ready };
  }

  upload(values: TypedArray, { shape, dtype }: TensorType): DeviceBuffer {
    const buffer = this.#newBuffer({ shape, dtype });
    const data = typedArray(dtype, values); // a copy, since the array may be the caller's own
    this.#send({ kind: 'upload', slot: buffer.id, tensor: { shape, dtype }, data }, [data.buffer as ArrayBuffer]);
    return buffer;
  }

  copy(buffer: DeviceBuffer): DeviceBuffer {
    const copy = this.#newBuffer(buffer);
    this.#send({ kind: 'copy', from: buffer.id, to: copy.id });
    return copy;
  }

  async read({ id }: DeviceBuffer): Promise<TypedArray> {
    return (await this.#request({ kind: 'read', slot: id })) as TypedArray;
  }

  readSync({ id, shape, dtype }: DeviceBuffer): TypedArray {
    if (this.#failure) throw this.#failure;
    const bytes = sizeOf(shape) * (dtype === 'bool' ? 1 : 4);
    const control = new Int32Array(new SharedArrayBuffer(4));
    const target = new Uint8Array(new SharedArrayBuffer(bytes));
    this.#send({ kind: 'readInto', slot: id, control, target });
    // The worker does all that was asked of it before, then answers.
    if (this.#control.waitForAnswer(control, 600_000) !== 1) {
      throw new EngineError({
        where,
        expected: 'the values of a tensor within ten minutes',
        got: 'no answer',
        fix: 'Use `await tensor.data()`; a failed run before it has the cause.',
      });
    }
    const values = typedArray(dtype, sizeOf(shape));
    new Uint8Array(values.buffer).set(target);
    return values;
  }

  run(
    { id }: Executable,
    inputs: readonly (DeviceBuffer | undefined)[],
    states: readonly DeviceBuffer[],
    times: number,
  ): Run {
    const program = this.#programs.get(id)!;
    const { outputs, resultCount } = program.definition;
    const types = outputs.slice(0, resultCount);
    const results = Array.from({ length: times }, () => types.map((type) => this.#newBuffer(type)));
    const reply = this.#request({
      kind: 'run',
      program: id,
      inputs: inputs.map((buffer) => buffer?.id ?? -1),
      results: results.map((buffers) => buffers.map((buffer) => buffer.id)),
      states: program.states.map((state) => states[state]!.id),
    });
    return { results, done: reply as Promise<RunReply> };
  }

  free({ id }: DeviceBuffer): void {
    this.#send({ kind: 'free', slot: id });
  }

  unload({ id }: Executable): void {
    this.#programs.delete(id);
    this.#send({ kind: 'unload', program: id });
  }

  async terminate(): Promise<void> {
    // A thread that is ended within ONNX Runtime takes the process along, so this request waits for
    // all that were made before.
    await this.#request({ kind: 'free', slot: -1 }).catch(() => undefined);
    this.#failure = new EngineError({
      where,
      expected: 'to be in use',
      got: 'a use after another engine was chosen',
      fix: 'Dispose of tensors and functions of an engine before another one is chosen, or make them anew.',
    });
    process.off('exit', this.#waitUntilIdle);
    await this.#worker.terminate();
  }

  #newBuffer({ shape, dtype }: TensorType): DeviceBuffer {
    return { id: this.#nextSlot++, shape, dtype };
  }

  /** Sends a request; requests are served in order. */
  #request(request: Request, transfer: ArrayBuffer[] = []): Promise<Reply> {
    if (this.#failure) return Promise.reject(this.#failure);
    const id = this.#nextRequest++;
    return new Promise((resolve, reject) => {
      if (this.#pending.size === 0) this.#worker.ref();
      this.#pending.set(id, { resolve, reject });
      this.#worker.postMessage({ id, request } satisfies RequestMessage, transfer);
    });
  }

  /** Sends a request whose failure shows when its effect is missed. */
  #send(request: Request, transfer: ArrayBuffer[] = []): void {
    this.#request(request, transfer).catch(() => undefined);
  }

  #settle(reply: ReplyMessage): void {
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if (this.#pending.size === 0) this.#worker.unref();
    if ('error' in reply) {
      pending?.reject(new EngineError({ where, expected: 'ONNX Runtime to do its work', got: reply.error }));
    } else {
      pending?.resolve(reply.value);
    }
  }

  #fail(reason: string): void {
    this.#control.setEnded();
    this.#failure = new EngineError({
      where,
      expected: 'its worker thread to run',
      got: reason,
      fix: 'If memory ran out, use a smaller batch or model; the engine "cpu" works without a worker.',
    });
    for (const { reject } of this.#pending.values()) reject(this.#failure);
    this.#pending.clear();
  }
}
