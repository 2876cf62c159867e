import type { TensorType } from '../backend/backend.js';
import { WorkerError } from '../backend/worker-server.js';
import { sizeOf, typedArray, type TypedArray } from '../ir/graph.js';
import { deviceCountOf, oneDevice, type Mesh } from '../mesh.js';
import { copiedDuringCall, elementTypes, integerValue, namedValueWords } from './api-table.js';
import { encodeCompileOptions } from './compile-options.js';
import { bytesAt, callDeleter, struct, textAt, wordBytes, words, wordsAt, type PjrtApi } from './pjrt-api.js';
import type { PlacedType } from './protocol.js';
import { shardingDialectFor } from './sharding/dialect.js';
import { putPart, takePart } from './sharding/parts.js';
import { devicesWithParts, isReplicated, partIndex, partShape } from './sharding/sharding.js';

/** Memory of a device, in bytes; undefined where the plug-in does not tell. */
export interface DeviceMemory {
  readonly usedBytes: number;
  /** The most that was in use at once; undefined where the plug-in does not tell. */
  readonly peakBytes: number | undefined;
  readonly limitBytes: number | undefined;
}

/** A device as `doctor` reports it. */
export interface DeviceFacts {
  /** Name of the product, such as "NVIDIA H100 80GB HBM3". */
  readonly name: string;
  readonly memory: DeviceMemory | undefined;
}

/** Values that are on their way from the devices. */
export interface BegunDownload {
  /** Returns the values; call it when the events are over. */
  readonly values: () => TypedArray;
  readonly events: readonly bigint[];
}

/** Name of the option by which a plug-in for the CPU makes so many devices of its cores. */
const deviceCountOption = Buffer.from('cpu_device_count');

const format = Buffer.from('mlir');

/**
 * A plug-in's runtime with the devices of a mesh. Objects of the plug-in are known by their
 * addresses.
 */
export class PjrtClient {
  readonly api: PjrtApi;
  readonly platform: string;
  readonly platformVersion: string;
  /** Serialized options of every compilation. */
  readonly compileOptions: Uint8Array;
  readonly #mesh: Mesh;
  readonly #client: bigint;
  /** All devices of the plug-in, and those of the mesh, which are the first of them. */
  readonly #allDevices: readonly bigint[];
  readonly #devices: readonly bigint[];

  /**
   * Starts the runtime.
   * @param isCpu  whether the plug-in computes on the CPU, of which it makes as many devices as it
   *   is told to, with a thread for each
   * @throws {WorkerError} when the plug-in has fewer devices than the mesh
   */
  constructor(api: PjrtApi, { mesh = oneDevice, isCpu = false }: { mesh?: Mesh; isCpu?: boolean } = {}) {
    this.api = api;
    this.#mesh = mesh;
    const wanted = deviceCountOf(mesh);
    const size = namedValueWords * wordBytes;
    const devicesOfCpu = words([size, 0, deviceCountOption, deviceCountOption.length, integerValue, wanted, 1]);
    const options = isCpu ? { options: devicesOfCpu, optionCount: 1 } : {};
    const { client } = api.call('PJRT_Client_Create', options);
    this.#client = client;
    const { name, nameSize } = api.call('PJRT_Client_PlatformName', { client });
    this.platform = textAt(name, nameSize);
    const { version, versionSize } = api.call('PJRT_Client_PlatformVersion', { client });
    this.platformVersion = textAt(version, versionSize);
    const { devices, deviceCount } = api.call('PJRT_Client_AddressableDevices', { client });
    this.#allDevices = wordsAt(devices, Number(deviceCount));
    if (this.#allDevices.length < wanted) {
      throw new WorkerError({
        expected: `${wanted} devices, as the mesh has`,
        got: `${this.#allDevices.length} in this plug-in (${this.platform})`,
        fix: 'Choose a smaller mesh.',
      });
    }
    this.#devices = this.#allDevices.slice(0, wanted);
    this.compileOptions = encodeCompileOptions(
      this.#devices.map((device) => this.#numberOf(device)),
      shardingDialectFor(api.version.minor).usesShardy,
    );
  }

  /** Returns the number by which a plug-in's compiler knows a device. */
  #numberOf(device: bigint): number {
    const { description } = this.api.call('PJRT_Device_GetDescription', { device });
    return Number(this.api.call('PJRT_DeviceDescription_Id', { description }).id & 0xffffffffn);
  }

  /** Returns all devices with their memory; programs run on the first, as many as the mesh has. */
  devices(): DeviceFacts[] {
    return this.#allDevices.map((device) => {
      const { description } = this.api.call('PJRT_Device_GetDescription', { device });
      const { kind, kindSize } = this.api.call('PJRT_DeviceDescription_Kind', { description });
      return { name: textAt(kind, kindSize), memory: this.#memoryOf(device) };
    });
  }

  #memoryOf(device: bigint): DeviceMemory | undefined {
    try {
      const stats = this.api.call('PJRT_Device_MemoryStats', { device });
      const where = (isSet: bigint, bytes: bigint) => ((isSet & 0xffn) === 0n ? undefined : Number(bytes));
      return {
        usedBytes: Number(stats.bytesInUse),
        peakBytes: where(stats.peakBytesInUseIsSet, stats.peakBytesInUse),
        limitBytes: where(stats.bytesLimitIsSet, stats.bytesLimit),
      };
    } catch {
      return undefined; // an optional function: CPU plug-ins refuse it
    }
  }

  /**
   * Copies values to the devices; the array may be changed afterwards.
   * @returns the buffer of each device
   */
  upload(values: TypedArray, { shape, dtype, sharding }: PlacedType): bigint[] {
    const part = partShape(shape, sharding, this.#mesh);
    return this.#devices.map((device, number) => {
      const index = partIndex(number, sharding, this.#mesh);
      return this.#uploadTo(device, takePart(values, dtype, { shape, part, index }), { shape: part, dtype });
    });
  }

  #uploadTo(device: bigint, values: TypedArray, { shape, dtype }: TensorType): bigint {
    const { buffer, doneEvent } = this.api.call('PJRT_Client_BufferFromHostBuffer', {
      client: this.#client,
      data: values.length > 0 ? values : Buffer.alloc(1),
      type: elementTypes[dtype],
      dimensions: words(shape),
      dimensionCount: shape.length,
      semantics: copiedDuringCall,
      device,
    });
    this.api.awaitEvent(doneEvent);
    return buffer;
  }

  /**
   * Begins to copy values from the devices; they are there when the events are over.
   * @param buffers  the buffer of each device
   */
  download(buffers: readonly bigint[], { shape, dtype, sharding }: PlacedType): BegunDownload {
    const part = partShape(shape, sharding, this.#mesh);
    const parts = devicesWithParts(sharding, this.#mesh).map((device) => ({
      index: partIndex(device, sharding, this.#mesh),
      ...this.#downloadFrom(buffers[device]!, { shape: part, dtype }),
    }));
    const values = (): TypedArray => {
      if (isReplicated(sharding)) return parts[0]!.values;
      const whole = typedArray(dtype, sizeOf(shape));
      for (const { values: own, index } of parts) putPart(whole, own, { shape, part, index });
      return whole;
    };
    return { values, events: parts.map(({ event }) => event) };
  }

  #downloadFrom(buffer: bigint, { shape, dtype }: TensorType): { readonly values: TypedArray; readonly event: bigint } {
    const values = typedArray(dtype, sizeOf(shape));
    if (values.length === 0) return { values, event: 0n };
    const rank = shape.length;
    // Elements are wanted in row-major order.
    const layout = struct('PJRT_Buffer_MemoryLayout', {
      minorToMajor: words(Array.from({ length: rank }, (_, axis) => rank - 1 - axis)),
      axisCount: rank,
    });
    const { event } = this.api.call('PJRT_Buffer_ToHostBuffer', {
      buffer,
      layout,
      target: values,
      targetSize: values.byteLength,
    });
    return { values, event };
  }

  /** Frees the buffers of a tensor, or what is left of those that were donated. */
  free(buffers: readonly bigint[]): void {
    for (const buffer of buffers) this.api.call('PJRT_Buffer_Destroy', { buffer });
  }

  /** Compiles a module, which takes seconds, or minutes for a large one. */
  compile(text: string): bigint {
    const code = Buffer.from(text);
    const program = struct('PJRT_Program', { code, codeSize: code.length, format, formatSize: format.length });
    const options = { options: this.compileOptions, optionsSize: this.compileOptions.length };
    return this.api.call('PJRT_Client_Compile', { client: this.#client, program, ...options }).executable;
  }

  /**
   * Begins a run.
   * @param inputs  for each argument, the buffer of each device
   * @param kept  places of arguments that are declared as donated and must stay all the same
   * @returns the outputs, which can be used at once, and the events of the run's end
   */
  execute(
    executable: bigint,
    inputs: readonly (readonly bigint[])[],
    { outputCount, kept }: { readonly outputCount: number; readonly kept: readonly number[] },
  ): { readonly outputs: readonly (readonly bigint[])[]; readonly events: readonly bigint[] } {
    const outputs = this.#devices.map(() => words(Array.from({ length: outputCount }, () => 0)));
    const events = words(this.#devices.map(() => 0));
    this.api.call('PJRT_LoadedExecutable_Execute', {
      executable,
      options: struct('PJRT_ExecuteOptions', { notDonated: words(kept), notDonatedCount: kept.length }),
      argumentLists: words(this.#devices.map((_, device) => words(inputs.map((buffers) => buffers[device]!)))),
      deviceCount: this.#devices.length,
      argumentCount: inputs.length,
      outputLists: words(outputs),
      completeEvents: events,
    });
    const at = (memory: Buffer, index: number): bigint => memory.readBigUInt64LE(index * 8);
    return {
      outputs: Array.from({ length: outputCount }, (_, index) => outputs.map((list) => at(list, index))),
      events: this.#devices.map((_, device) => at(events, device)),
    };
  }

  /** Frees an executable. */
  unload(executable: bigint): void {
    this.api.call('PJRT_LoadedExecutable_Destroy', { executable });
  }

  /** Returns an executable as bytes for another process; undefined where the plug-in cannot. */
  serialize(loaded: bigint): Buffer | undefined {
    if (!this.api.has('PJRT_Executable_Serialize')) return undefined;
    const { executable } = this.api.call('PJRT_LoadedExecutable_GetExecutable', { loaded });
    try {
      const { bytes, byteCount, serialized, deleter } = this.api.call('PJRT_Executable_Serialize', { executable });
      const copy = bytesAt(bytes, Number(byteCount));
      callDeleter(deleter, serialized);
      return copy;
    } catch {
      return undefined;
    } finally {
      this.api.call('PJRT_Executable_Destroy', { executable });
    }
  }

  /** Loads what {@link serialize} has returned; undefined where the plug-in refuses it. */
  deserialize(bytes: Uint8Array): bigint | undefined {
    if (!this.api.has('PJRT_Executable_DeserializeAndLoad')) return undefined;
    try {
      const fields = { client: this.#client, bytes, byteCount: bytes.length };
      return this.api.call('PJRT_Executable_DeserializeAndLoad', fields).executable;
    } catch {
      return undefined;
    }
  }

  /** Ends the runtime. All buffers and executables must be freed before. */
  destroy(): void {
    this.api.call('PJRT_Client_Destroy', { client: this.#client });
  }
}
