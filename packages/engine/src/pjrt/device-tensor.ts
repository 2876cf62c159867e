import type { TensorType } from '../backend/backend.js';
import type { TypedArray } from '../ir/graph.js';
import type { PjrtClient } from './pjrt-client.js';

/**
 * A tensor that is in host memory until a program needs it, and then on the device. A reshape of
 * TensorFlow.js copies nothing, so that tensors of several shapes share one; the device has a
 * buffer for each shape that programs take.
 */
export class DeviceTensor {
  readonly #client: () => PjrtClient;
  readonly #type: TensorType;
  #host: TypedArray | undefined;
  /** Buffers on the device, by their shapes. */
  readonly #buffers = new Map<string, bigint>();
  #references = 1;

  private constructor(client: () => PjrtClient, type: TensorType) {
    this.#client = client;
    this.#type = type;
  }

  /** Returns a tensor over an array, which is the tensor's own from now on. */
  static onHost(client: () => PjrtClient, values: TypedArray, type: TensorType): DeviceTensor {
    const tensor = new DeviceTensor(client, type);
    tensor.#host = values;
    return tensor;
  }

  /** Returns a tensor over a buffer of the device, which is the tensor's own from now on. */
  static onDevice(client: PjrtClient, buffer: bigint, type: TensorType): DeviceTensor {
    const tensor = new DeviceTensor(() => client, type);
    tensor.#buffers.set(type.shape.join(), buffer);
    return tensor;
  }

  /** Whether a program holds the values besides the slot. */
  get isShared(): boolean {
    return this.#references > 1;
  }

  /** Counts another holder. */
  retain(): void {
    this.#references++;
  }

  /** Counts a holder less, and frees the memory after the last. */
  release(): void {
    this.#references--;
    if (this.#references > 0) return;
    for (const buffer of this.#buffers.values()) this.#client().free(buffer);
    this.#buffers.clear();
    this.#host = undefined;
  }

  /** Returns the buffer on the device, of a shape with as many elements. */
  bufferOf(shape: readonly number[]): bigint {
    const known = this.#buffers.get(shape.join());
    if (known !== undefined) return known;
    const buffer = this.#client().upload(this.#host ?? this.read(), { shape, dtype: this.#type.dtype });
    this.#buffers.set(shape.join(), buffer);
    this.#host = undefined;
    return buffer;
  }

  /** Returns a tensor with the same values. */
  copy(): DeviceTensor {
    return DeviceTensor.onHost(this.#client, this.read(), this.#type);
  }

  /** Begins to read; the values are there when the event is over. */
  beginRead(): { readonly values: TypedArray; readonly event: bigint } {
    if (this.#host) return { values: this.#host.slice(), event: 0n };
    const [[shape, buffer]] = this.#buffers as unknown as [[string, bigint]];
    const rank = shape === '' ? 0 : shape.split(',').length;
    return this.#client().download(buffer, this.#type, rank);
  }

  /** Returns the values in an array of their own. */
  read(): TypedArray {
    const { values, event } = this.beginRead();
    this.#client().api.awaitEvent(event);
    return values;
  }
}
