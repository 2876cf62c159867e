import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import * as tf from '@tensorflow/tfjs-core';
import { sizeOf, typedArray, type DType, type TypedArray } from '../ir/graph.js';
import { EngineError } from '../errors.js';
import {
  inlineBytes,
  type ReplyMessage,
  type Request,
  type RequestMessage,
  type TensorDescription,
  type WorkerOptions,
} from './protocol.js';

/** One tensor's data on the engine. */
interface DeviceData {
  readonly slot: number;
  readonly shape: readonly number[];
  readonly dtype: DType;
  references: number;
  /** A copy of the values in this thread, where there is one. */
  host: TypedArray | undefined;
  /** The same values in another dtype, where a tensor over this data has another (TensorFlow.js casts integers lazily). */
  converted: { readonly dtype: DType; readonly slot: number } | undefined;
}

type Reply = Extract<ReplyMessage, { value: unknown }>['value'];

/**
 * The engine's memory as a TensorFlow.js backend: it stores tensors in the worker and has no kernels. TensorFlow.js
 * moves a tensor here and back when one side needs it, as it does between WebGL and the cpu.
 */
export class OnnxDevice extends tf.KernelBackend {
  readonly #worker: Worker;
  readonly #data = new Map<object, DeviceData>();
  readonly #pending = new Map<number, { resolve: (value: Reply) => void; reject: (error: Error) => void }>();
  #nextId = 0;
  #nextSlot = 0;
  /** Writes by programs, so that frozen ones notice them; by data id, since a tensor may leave the engine and come back. */
  readonly #versions = new WeakMap<object, number>();
  #failure: EngineError | undefined;

  readonly #control = new Int32Array(new SharedArrayBuffer(8));
  /**
   * A process that ends while ONNX Runtime computes would be aborted with a native error: when it ends, it waits for the
   * step that is under way.
   */
  readonly #waitUntilIdle = (): void => {
    Atomics.store(this.#control, 1, 1);
    Atomics.wait(this.#control, 0, 1, 60_000);
  };

  constructor({ threads }: { readonly threads: number }) {
    super();
    const options: WorkerOptions = { threads, control: this.#control };
    process.once('exit', this.#waitUntilIdle);
    this.#worker = startWorker({ workerData: options, name: 'vitvq-onnx' });
    this.#worker.on('message', (reply: ReplyMessage) => this.#settle(reply));
    this.#worker.on('error', (error) => this.#fail(error.message));
    this.#worker.on('exit', (code) => this.#fail(`exited with code ${code}`));
    this.#worker.unref(); // an idle engine does not keep the process alive; listeners would, so it comes after them
    countReferencesFor(this);
  }

  /** Sends a request; requests are served in order. */
  request(request: Request, transfer: ArrayBuffer[] = []): Promise<Reply> {
    if (this.#failure) return Promise.reject(this.#failure);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      if (this.#pending.size === 0) this.#worker.ref();
      this.#pending.set(id, { resolve, reject });
      this.#worker.postMessage({ id, request } satisfies RequestMessage, transfer);
    });
  }

  /** A request whose failure shows when its effect is missed. */
  #send(request: Request, transfer: ArrayBuffer[] = []): void {
    this.request(request, transfer).catch(() => undefined);
  }

  #settle(reply: ReplyMessage): void {
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if (this.#pending.size === 0) this.#worker.unref();
    if ('error' in reply) {
      pending?.reject(
        new EngineError({ where: 'onnx engine', expected: 'ONNX Runtime to do its work', got: reply.error }),
      );
    } else {
      pending?.resolve(reply.value);
    }
  }

  #fail(reason: string): void {
    this.#failure = new EngineError({
      where: 'onnx engine',
      expected: 'its worker thread to run',
      got: reason,
      fix: 'If memory ran out, use a smaller batch or model; the engine "cpu" works without a worker.',
    });
    for (const { reject } of this.#pending.values()) reject(this.#failure);
    this.#pending.clear();
  }

  /** Moves all tensors to another backend, where they go on living. */
  async evacuate(destination: tf.KernelBackend): Promise<void> {
    for (const [dataId, data] of this.#data) {
      const values = (await this.request({ kind: 'read', slot: data.slot })) as TypedArray;
      const info = tf.engine().state.tensorInfo.get(dataId);
      if (!info || !this.#data.has(dataId)) continue; // disposed of while it was read
      info.backend = destination;
      destination.move(dataId, values, [...data.shape], data.dtype, data.references);
    }
    this.#data.clear();
  }

  /** Whether the values of a data id are here. */
  holds(dataId: object): boolean {
    return this.#data.has(dataId);
  }

  async terminate(): Promise<void> {
    // Behind everything that was asked for: a thread that is ended within ONNX Runtime takes the process along.
    await this.request({ kind: 'free', slot: -1 }).catch(() => undefined);
    this.#failure = new EngineError({
      where: 'onnx engine',
      expected: 'to be in use',
      got: 'a use after another engine was chosen',
    });
    devices.delete(this);
    process.off('exit', this.#waitUntilIdle);
    await this.#worker.terminate();
  }

  /** The slot of a tensor's data, which is moved here if it is elsewhere. */
  slotOf(tensor: tf.TensorInfo): number {
    const data = this.#dataOf(tensor);
    return data.dtype === tensor.dtype ? data.slot : this.#convertedSlot(data, tensor.dtype as DType);
  }

  #dataOf({ dataId }: tf.TensorInfo): DeviceData {
    const engine = tf.engine();
    if (engine.state.tensorInfo.get(dataId)!.backend !== this) engine.moveData(this, dataId);
    return this.#data.get(dataId)!;
  }

  #convertedSlot(data: DeviceData, dtype: DType): number {
    const { converted } = data;
    if (converted?.dtype === dtype) return converted.slot;
    if (converted) this.#send({ kind: 'free', slot: converted.slot });
    const slot = this.newSlot();
    const values = typedArray(dtype, this.#readSync(data));
    this.#upload(slot, { shape: data.shape, dtype }, values);
    data.converted = { dtype, slot };
    return slot;
  }

  /** The slot of a variable that a program will write; other tensors that share its data keep the old values. */
  writableSlotOf(variable: tf.Variable): number {
    const data = this.#dataOf(variable);
    if (data.references === 1) return data.slot;
    const slot = this.newSlot();
    this.#send({ kind: 'copy', from: data.slot, to: slot });
    const copy = this.tensorOf(slot, data, undefined);
    variable.assign(copy);
    copy.dispose();
    return slot;
  }

  #upload(slot: number, { shape, dtype }: TensorDescription, data: TypedArray): void {
    this.#send({ kind: 'upload', slot, tensor: { shape, dtype }, data }, [data.buffer as ArrayBuffer]);
  }

  /** Changes with every write by a program. */
  versionOf(dataId: object): number {
    return this.#versions.get(dataId) ?? 0;
  }

  /** Call when a program has been told to write to a tensor. */
  written({ dataId }: tf.TensorInfo): void {
    const data = this.#data.get(dataId)!;
    data.host = undefined;
    this.#versions.set(dataId, this.versionOf(dataId) + 1);
    if (data.converted) this.#send({ kind: 'free', slot: data.converted.slot });
    data.converted = undefined;
  }

  /** A slot for a result that a program will write. */
  newSlot(): number {
    return this.#nextSlot++;
  }

  /** A tensor over a slot that a program has written. */
  tensorOf(slot: number, { shape, dtype }: TensorDescription, host: TypedArray | undefined): tf.Tensor {
    const dataId = {};
    this.#data.set(dataId, { slot, shape, dtype, references: 1, host, converted: undefined });
    return tf.engine().makeTensorFromDataId(dataId, [...shape], dtype, this);
  }

  override write(values: tf.BackendValues, shape: number[], dtype: tf.DataType): object {
    const dataId = {};
    this.move(dataId, values, shape, dtype, 1);
    return dataId;
  }

  override move(
    dataId: object,
    values: tf.BackendValues,
    shape: number[],
    dtype: tf.DataType,
    references: number,
  ): void {
    if (dtype !== 'float32' && dtype !== 'int32' && dtype !== 'bool') {
      throw new EngineError({ where: 'onnx engine', expected: 'float32, int32 or bool tensors', got: dtype });
    }
    const slot = this.newSlot();
    // A copy: the values may be the caller's own array.
    const data = typedArray(dtype, values as TypedArray);
    this.#data.set(dataId, {
      slot,
      shape,
      dtype,
      references,
      host: undefined,

      converted: undefined,
    });
    this.#upload(slot, { shape, dtype }, data);
  }

  override async read(dataId: object): Promise<TypedArray> {
    const data = this.#data.get(dataId)!;
    if (data.host) return data.host;
    const version = this.versionOf(dataId);
    const values = (await this.request({ kind: 'read', slot: data.slot })) as TypedArray;
    if (this.versionOf(dataId) === version) data.host = values.byteLength <= inlineBytes ? values : undefined;
    return values;
  }

  override readSync(dataId: object): TypedArray {
    return this.#readSync(this.#data.get(dataId)!);
  }

  #readSync(data: DeviceData): TypedArray {
    if (data.host) return data.host;
    if (this.#failure) throw this.#failure;
    const bytes = sizeOf(data.shape) * (data.dtype === 'bool' ? 1 : 4);
    const control = new Int32Array(new SharedArrayBuffer(4));
    const target = new Uint8Array(new SharedArrayBuffer(bytes));
    this.#send({ kind: 'readInto', slot: data.slot, control, target });
    // The worker does all that was asked of it before, then answers.
    if (Atomics.wait(control, 0, 0, 600_000) === 'timed-out' || Atomics.load(control, 0) !== 1) {
      throw new EngineError({
        where: 'onnx engine',
        expected: 'the values of a tensor within ten minutes',
        got: 'no answer',
        fix: 'Use `await tensor.data()`; a failed run before it has the cause.',
      });
    }
    const values = typedArray(data.dtype, sizeOf(data.shape));
    new Uint8Array(values.buffer).set(target);
    return values;
  }

  override disposeData(dataId: object, force = false): boolean {
    const data = this.#data.get(dataId);
    if (!data) return true;
    data.references--;
    if (!force && data.references > 0) return false;
    this.#data.delete(dataId);
    this.#send({ kind: 'free', slot: data.slot });
    if (data.converted) this.#send({ kind: 'free', slot: data.converted.slot });
    return true;
  }

  override incRef(dataId: object): void {
    this.#data.get(dataId)!.references++;
  }
  decRef(dataId: object): void {
    this.#data.get(dataId)!.references--;
  }
  override refCount(dataId: object): number {
    return this.#data.get(dataId)?.references ?? 0;
  }
  override numDataIds(): number {
    return this.#data.size;
  }
  override memory(): { unreliable: boolean } {
    return { unreliable: false };
  }
  override floatPrecision(): 32 {
    return 32;
  }
  override timerAvailable(): boolean {
    return false;
  }
  override dispose(): void {
    void this.terminate();
  }
}

const devices = new Set<OnnxDevice>();

/**
 * A clone or a reshape on the eager backend makes another tensor over the same data and counts it there, without a look at
 * where the data is. From the first device on, that backend passes on the counts of data that a device holds.
 */
function countReferencesFor(device: OnnxDevice): void {
  if (devices.size === 0) {
    const eager = tf.findBackend('cpu');
    Reflect.deleteProperty(eager, 'incRef'); // what an earlier first device left
    const countThere = eager.incRef.bind(eager);
    eager.incRef = (dataId) => {
      const holder = [...devices].find((each) => each.holds(dataId));
      if (holder) holder.incRef(dataId);
      else countThere(dataId);
    };
  }
  devices.add(device);
}

/** Starts the built worker, or the source of it when this file runs from source. The worker inherits no flags of the process. */
function startWorker(options: { readonly workerData: unknown; readonly name?: string }): Worker {
  if (!import.meta.url.endsWith('.ts')) {
    return new Worker(new URL('./worker.js', import.meta.url), { ...options, execArgv: [] });
  }
  // Node 20 cannot start a worker from a TypeScript file: a line of JavaScript loads tsx first.
  const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx'));
  const tsx = JSON.stringify(new URL('./esm/api/index.mjs', loader));
  const program = JSON.stringify(new URL('./worker.ts', import.meta.url));
  const code = `import(${tsx}).then(({ register }) => { register(); return import(${program}); })`;
  return new Worker(code, { ...options, eval: true, execArgv: ['--conditions=@vitvq/source'] });
}
