import type { TensorType } from '../backend/backend.js';
import type { TypedArray } from '../ir/graph.js';
import type { BegunDownload, Buffers, Devices } from './devices.js';
import type { PlacedType } from './protocol.js';

/** The buffers of a tensor, one of each device. */
interface PlacedBuffers {
  readonly type: PlacedType;
  readonly buffers: Buffers;
}

const keyOf = ({ shape, sharding }: Pick<PlacedType, 'shape' | 'sharding'>): string =>
  `${shape.join()};${sharding.join()}`;

/**
 * A tensor that is in host memory until a program needs it, and then on the devices. A reshape of
 * TensorFlow.js copies nothing, so that tensors of several shapes share one; the devices have
 * buffers for each shape and sharding that programs take.
 */
export class DeviceTensor {
  readonly #devices: () => Devices;
  readonly #type: TensorType;
  #host: TypedArray | undefined;
  /** Buffers on the devices, by shape and sharding. */
  readonly #placed = new Map<string, PlacedBuffers>();
  #references = 1;

  private constructor(devices: () => Devices, type: TensorType) {
    this.#devices = devices;
    this.#type = type;
  }

  /** Returns a tensor over an array, which is the tensor's own from now on. */
  static onHost(devices: () => Devices, values: TypedArray, type: TensorType): DeviceTensor {
    const tensor = new DeviceTensor(devices, type);
    tensor.#host = values;
    return tensor;
  }

  /** Returns a tensor over buffers of the devices, which are the tensor's own from now on. */
  static onDevices(devices: Devices, buffers: Buffers, type: PlacedType): DeviceTensor {
    const tensor = new DeviceTensor(() => devices, type);
    tensor.#placed.set(keyOf(type), { type, buffers });
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
    for (const { buffers } of this.#placed.values()) this.#devices().free(buffers);
    this.#placed.clear();
    this.#host = undefined;
  }

  /** Returns the buffers on the devices, of a shape with as many elements. */
  buffersOf({ shape, sharding }: Pick<PlacedType, 'shape' | 'sharding'>): Buffers {
    const type = { shape, sharding, dtype: this.#type.dtype };
    const known = this.#placed.get(keyOf(type));
    if (known !== undefined) return known.buffers;
    const buffers = this.#devices().upload(this.#host ?? this.read(), type);
    this.#placed.set(keyOf(type), { type, buffers });
    this.#host = undefined;
    return buffers;
  }

  /** Returns a tensor with the same values. */
  copy(): DeviceTensor {
    return DeviceTensor.onHost(this.#devices, this.read(), this.#type);
  }

  /** Begins to read; the values are there when the events are over. */
  beginRead(): BegunDownload {
    const host = this.#host;
    if (host) return { values: () => host.slice(), events: [] };
    const [{ type, buffers }] = this.#placed.values() as unknown as [PlacedBuffers];
    return this.#devices().download(buffers, type);
  }

  /** Returns the values in an array of their own. */
  read(): TypedArray {
    const { values, events } = this.beginRead();
    for (const event of events) this.#devices().awaitEvent(event);
    return values();
  }
}
