import type { Worker } from 'node:worker_threads';
import { EngineError } from '../errors.js';
import { sizeOf, typedArray, type TypedArray } from '../ir/graph.js';
import {
  byteSizeOf,
  type Backend,
  type DeviceBuffer,
  type Executable,
  type Program,
  type Run,
  type TensorType,
} from './backend.js';
import { endThread, exitWithout } from './end-thread.js';
import { memoryAdvice } from './out-of-memory.js';
import { isAllZeros } from './zeros.js';
import { WorkerControl, type ControlMemory } from './worker-control.js';
import type { LoadRequest, ReplyMessage, RequestMessage, RunReply, WorkerRequest } from './worker-protocol.js';

/** A worker thread that owns a runtime, and how messages call both. */
export interface WorkerOfBackend {
  /** Name of the engine, for messages. */
  readonly where: string;
  /** Name of the runtime, for messages. */
  readonly runtime: string;
  /** Starts the thread, which answers the requests of `worker-protocol.ts`. */
  start(control: ControlMemory): Worker;
}

/** A program as the main thread knows it after its request to load. */
interface LoadedProgram {
  readonly results: readonly TensorType[];
}

/**
 * A backend whose runtime and buffers are in a worker thread: the main thread stays free for
 * timers, signals and data, whatever the runtime does. A subclass lowers programs.
 */
export abstract class WorkerBackend<Load extends LoadRequest> implements Backend {
  readonly #where: string;
  readonly #runtime: string;
  readonly #worker: Worker;
  readonly #pending = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  readonly #programs = new Map<number, LoadedProgram>();
  #nextRequest = 0;
  #nextSlot = 0;
  #nextProgram = 0;
  #failure: EngineError | undefined;
  /** Reason of a failure outside of the thread, of which its end is a consequence. */
  #cause: EngineError | undefined;

  readonly #control = new WorkerControl();
  /**
   * Waits for the step that is under way. A process that ended while the runtime computes would be
   * aborted with a native error.
   */
  readonly #waitUntilIdle = (): void => void this.#control.stop();

  constructor(worker: WorkerOfBackend) {
    this.#where = worker.where;
    this.#runtime = worker.runtime;
    process.once('exit', this.#waitUntilIdle);
    this.#worker = worker.start(this.#control.memory);
    this.#worker.on('message', (reply: ReplyMessage) => this.#settle(reply));
    this.#worker.on('error', (error) => this.#workerFailed(error.message));
    this.#worker.on('exit', (code) => this.#workerFailed(`exited with code ${code}`));
    // An idle engine does not keep the process alive. Listeners would, so this comes after them.
    this.#worker.unref();
  }

  abstract prepare(program: Program): Executable;

  upload(values: TypedArray, { shape, dtype }: TensorType): DeviceBuffer {
    const buffer = this.#newBuffer({ shape, dtype });
    const request = { kind: 'upload', slot: buffer.id, tensor: { shape, dtype } } as const;
    if (isAllZeros(values)) this.#send(request);
    else {
      const data = typedArray(dtype, values); // a copy, since the array may be the caller's own
      this.#send({ ...request, data }, [data.buffer as ArrayBuffer]);
    }
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

  readSync(buffer: DeviceBuffer): TypedArray {
    if (this.#failure) throw this.#failure;
    const { id, shape, dtype } = buffer;
    const control = new Int32Array(new SharedArrayBuffer(4));
    const target = new Uint8Array(new SharedArrayBuffer(byteSizeOf(buffer)));
    this.#send({ kind: 'readInto', slot: id, control, target });
    // The worker does all that was asked of it before, then answers.
    if (this.#control.waitForAnswer(control, 600_000) !== 1) {
      throw new EngineError({
        where: this.#where,
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
    const { results: types } = this.#programs.get(id)!;
    const results = Array.from({ length: times }, () => types.map((type) => this.#newBuffer(type)));
    const reply = this.#request({
      kind: 'run',
      program: id,
      inputs: inputs.map((buffer) => buffer?.id ?? -1),
      results: results.map((buffers) => buffers.map((buffer) => buffer.id)),
      states: states.map((state) => state.id),
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
    // A thread that is ended within the runtime takes the process along, so this request waits for
    // all that were made before.
    await this.#request({ kind: 'end' }).catch(() => undefined);
    this.#failure = new EngineError({
      where: this.#where,
      expected: 'to be in use',
      got: 'a use after another engine was chosen',
      fix: 'Dispose of tensors and functions of an engine before another one is chosen, or make them anew.',
    });
    process.off('exit', this.#waitUntilIdle);
    this.#worker.ref(); // a program that waits for this must not end meanwhile
    if (this.#cause) await endThread(this.#worker, this.#control);
    else await this.#worker.terminate();
  }

  /** Asks the worker for a description of the runtime. */
  protected describeRuntime(): Promise<unknown> {
    return this.#request({ kind: 'describe' });
  }

  /**
   * Asks the worker to load a program.
   * @param inputs  indices of the graph inputs that a run reads
   * @param results  types of the results of one run
   */
  protected load(
    request: Omit<Load, 'kind' | 'program'>,
    { inputs, results }: { readonly inputs: ReadonlySet<number>; readonly results: readonly TensorType[] },
  ): Executable {
    const id = this.#nextProgram++;
    this.#programs.set(id, { results });
    const ready = this.#request({ ...request, kind: 'load', program: id } as unknown as Load).then(() => undefined);
    ready.catch(() => undefined); // a run reports it too
    return { id, inputs, ready };
  }

  #newBuffer({ shape, dtype }: TensorType): DeviceBuffer {
    return { id: this.#nextSlot++, shape, dtype };
  }

  /** Sends a request; requests are served in order. */
  #request(request: WorkerRequest<Load>, transfer: ArrayBuffer[] = []): Promise<unknown> {
    if (this.#failure) return Promise.reject(this.#failure);
    const id = this.#nextRequest++;
    return new Promise((resolve, reject) => {
      if (this.#pending.size === 0) this.#worker.ref();
      this.#pending.set(id, { resolve, reject });
      this.#worker.postMessage({ id, request } satisfies RequestMessage<Load>, transfer);
    });
  }

  /** Sends a request whose failure shows when its effect is missed. */
  #send(request: WorkerRequest<Load>, transfer: ArrayBuffer[] = []): void {
    this.#request(request, transfer).catch(() => undefined);
  }

  #settle(reply: ReplyMessage): void {
    const pending = this.#pending.get(reply.id);
    if (!pending) return; // it was refused meanwhile
    this.#pending.delete(reply.id);
    if (this.#pending.size === 0) this.#worker.unref();
    if ('failure' in reply) {
      const { expected = `${this.#runtime} to do its work`, got, fix = memoryAdvice(got) } = reply.failure;
      pending.reject(new EngineError({ where: this.#where, expected, got, fix }));
    } else {
      pending.resolve(reply.value);
    }
  }

  #workerFailed(reason: string): void {
    const error = new EngineError({
      where: this.#where,
      expected: 'its worker thread to run',
      got: reason,
      fix: 'If memory ran out, use a smaller batch or model; the engine "cpu" works without a worker.',
    });
    this.#control.setEnded();
    this.#refuse(this.#cause ?? error);
  }

  /**
   * Refuses everything from now on, what was asked for before included, for a reason outside: the
   * thread may be in the runtime, which may not come back.
   */
  protected fail(error: EngineError): void {
    if (this.#failure) return;
    this.#cause = error;
    process.off('exit', this.#waitUntilIdle);
    exitWithout(this.#control);
    this.#refuse(error);
  }

  #refuse(error: EngineError): void {
    this.#failure = error;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}
