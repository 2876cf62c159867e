import * as tf from '@tensorflow/tfjs-core';
import { EngineError } from '../errors.js';
import { typedArray, type HostType, type TypedArray } from '../ir/graph.js';
import { smallBytes, type Backend, type DeviceBuffer } from './backend.js';

/** Data of one or more tensors on the device. */
interface DeviceData {
  readonly buffer: DeviceBuffer;
  /** Number of tensors that share the data. */
  references: number;
  /** Copy of the values in host memory, where there is one. */
  host: TypedArray | undefined;
  /**
   * The same values in another dtype, for tensors over this data that have another (TensorFlow.js
   * casts integers lazily).
   */
  converted: DeviceBuffer | undefined;
}

/**
 * Presents the memory of a compiling backend to TensorFlow.js as a backend that stores tensors and
 * has no kernels. TensorFlow.js moves a tensor here and back when one side needs it, as it does
 * between WebGL and the cpu.
 */
export class Device extends tf.KernelBackend {
  readonly backend: Backend;
  readonly #data = new Map<object, DeviceData>();
  /**
   * Number of writes by programs, so that programs with frozen values notice a change. It is kept
   * by data id, since a tensor may leave the device and come back.
   */
  readonly #versions = new WeakMap<object, number>();

  constructor(backend: Backend) {
    super();
    this.backend = backend;
    countReferencesFor(this);
  }

  /** Moves all tensors to another TensorFlow.js backend, where they go on living. */
  async evacuate(destination: tf.KernelBackend): Promise<void> {
    for (const [dataId, data] of this.#data) {
      const values = await this.backend.read(data.buffer);
      const info = tf.engine().state.tensorInfo.get(dataId);
      if (!info || !this.#data.has(dataId)) continue; // disposed of while it was read
      info.backend = destination;
      const { shape, dtype } = data.buffer;
      destination.move(dataId, values, [...shape], dtype, data.references);
    }
    this.#data.clear();
  }

  /** Whether the values of a data id are on the device. */
  holds(dataId: object): boolean {
    return this.#data.has(dataId);
  }

  /** Ends the backend, after all earlier requests. */
  async terminate(failure?: string): Promise<void> {
    devices.delete(this);
    await this.backend.terminate(failure);
  }

  /** Returns the buffer of a tensor, whose data is moved here if it is elsewhere. */
  bufferOf(tensor: tf.TensorInfo): DeviceBuffer {
    const data = this.#dataOf(tensor);
    return data.buffer.dtype === tensor.dtype ? data.buffer : this.#converted(data, tensor.dtype as HostType);
  }

  #dataOf({ dataId }: tf.TensorInfo): DeviceData {
    const engine = tf.engine();
    if (engine.state.tensorInfo.get(dataId)!.backend !== this) engine.moveData(this, dataId);
    return this.#data.get(dataId)!;
  }

  #converted(data: DeviceData, dtype: HostType): DeviceBuffer {
    if (data.converted?.dtype === dtype) return data.converted;
    if (data.converted) this.backend.free(data.converted);
    const values = data.host ?? this.backend.readSync(data.buffer);
    data.converted = this.backend.upload(typedArray(dtype, values), { shape: data.buffer.shape, dtype });
    return data.converted;
  }

  /**
   * Returns the buffer of a variable that a program is about to write. Other tensors that share the
   * variable's data keep the old values.
   */
  writableBufferOf(variable: tf.Variable): DeviceBuffer {
    const data = this.#dataOf(variable);
    if (data.references === 1 && data.buffer.dtype === variable.dtype) return data.buffer;
    const buffer = this.backend.copy(this.bufferOf(variable));
    const copy = this.tensorOf(buffer, undefined);
    variable.assign(copy);
    copy.dispose();
    return buffer;
  }

  /** Returns a number that changes with every write by a program. */
  versionOf(dataId: object): number {
    return this.#versions.get(dataId) ?? 0;
  }

  /**
   * Forgets copies of a tensor's values; call it when a program has been told to write the tensor.
   */
  written({ dataId }: tf.TensorInfo): void {
    const data = this.#data.get(dataId)!;
    data.host = undefined;
    this.#versions.set(dataId, this.versionOf(dataId) + 1);
    if (data.converted) this.backend.free(data.converted);
    data.converted = undefined;
  }

  /** Returns a tensor over a buffer that a program has written. */
  tensorOf(buffer: DeviceBuffer, host: TypedArray | undefined): tf.Tensor {
    const dataId = {};
    this.#data.set(dataId, { buffer, references: 1, host, converted: undefined });
    return tf.engine().makeTensorFromDataId(dataId, [...buffer.shape], buffer.dtype, this);
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
      throw new EngineError({
        where: 'compiled engine',
        expected: 'float32, int32 or bool tensors',
        got: dtype,
        fix: 'Keep such tensors outside compiled functions.',
      });
    }
    const buffer = this.backend.upload(values as TypedArray, { shape, dtype });
    this.#data.set(dataId, { buffer, references, host: undefined, converted: undefined });
  }

  override async read(dataId: object): Promise<TypedArray> {
    const data = this.#data.get(dataId)!;
    if (data.host) return data.host;
    const version = this.versionOf(dataId);
    const values = await this.backend.read(data.buffer);
    if (this.versionOf(dataId) === version) data.host = values.byteLength <= smallBytes ? values : undefined;
    return values;
  }

  override readSync(dataId: object): TypedArray {
    const data = this.#data.get(dataId)!;
    return data.host ?? this.backend.readSync(data.buffer);
  }

  override disposeData(dataId: object, force = false): boolean {
    const data = this.#data.get(dataId);
    if (!data) return true;
    data.references--;
    if (!force && data.references > 0) return false;
    this.#data.delete(dataId);
    this.backend.free(data.buffer);
    if (data.converted) this.backend.free(data.converted);
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

const devices = new Set<Device>();

/**
 * Lets a device count references to its data. A clone or a reshape on the eager backend makes
 * another tensor over the same data and counts it there, without checking where the data is. From
 * the first device on, the eager backend passes on the counts of data that a device holds.
 */
function countReferencesFor(device: Device): void {
  if (devices.size === 0) {
    const eager = tf.findBackend('cpu');
    Reflect.deleteProperty(eager, 'incRef'); // left by an earlier first device
    const countThere = eager.incRef.bind(eager);
    eager.incRef = (dataId) => {
      const holder = [...devices].find((each) => each.holds(dataId));
      if (holder) holder.incRef(dataId);
      else countThere(dataId);
    };
  }
  devices.add(device);
}
