import type { TensorType } from '../backend/backend.js';
import { sizeOf, typedArray, type TypedArray } from '../ir/graph.js';
import { copiedDuringCall, elementTypes, integerValue, namedValueWords } from './api-table.js';
import { bytesAt, callDeleter, struct, textAt, wordBytes, words, wordsAt, type PjrtApi } from './pjrt-api.js';

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

/**
 * A serialized `CompileOptionsProto`: its field 3, `executable_build_options`, with one replica (4)
 * and one partition (5).
 */
export const compileOptions: Uint8Array = Uint8Array.of(0x1a, 4, 0x20, 1, 0x28, 1);

/** Name of the option by which a plug-in for the CPU makes so many devices of its cores. */
const deviceCountOption = Buffer.from('cpu_device_count');

const format = Buffer.from('mlir');

/**
 * A plug-in's runtime with its first device. Objects of the plug-in are known by their addresses.
 */
export class PjrtClient {
  readonly api: PjrtApi;
  readonly platform: string;
  readonly platformVersion: string;
  readonly #client: bigint;
  readonly #devices: readonly bigint[];

  /**
   * Starts the runtime.
   * @param isCpu  whether the plug-in computes on the CPU, where it would make several devices,
   *   with a thread for each
   */
  constructor(api: PjrtApi, isCpu = false) {
    this.api = api;
    const size = namedValueWords * wordBytes;
    const oneDevice = words([size, 0, deviceCountOption, deviceCountOption.length, integerValue, 1, 1]);
    const options = isCpu ? { options: oneDevice, optionCount: 1 } : {};
    const { client } = api.call('PJRT_Client_Create', options);
    this.#client = client;
    const { name, nameSize } = api.call('PJRT_Client_PlatformName', { client });
    this.platform = textAt(name, nameSize);
    const { version, versionSize } = api.call('PJRT_Client_PlatformVersion', { client });
    this.platformVersion = textAt(version, versionSize);
    const { devices, deviceCount } = api.call('PJRT_Client_AddressableDevices', { client });
    this.#devices = wordsAt(devices, Number(deviceCount));
  }

  /** Returns the devices with their memory; programs run on the first. */
  devices(): DeviceFacts[] {
    return this.#devices.map((device) => {
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

  /** Copies values to the device; the array may be changed afterwards. */
  upload(values: TypedArray, { shape, dtype }: TensorType): bigint {
    const { buffer, doneEvent } = this.api.call('PJRT_Client_BufferFromHostBuffer', {
      client: this.#client,
      data: values.length > 0 ? values : Buffer.alloc(1),
      type: elementTypes[dtype],
      dimensions: words(shape),
      dimensionCount: shape.length,
      semantics: copiedDuringCall,
      device: this.#devices[0]!,
    });
    this.api.awaitEvent(doneEvent);
    return buffer;
  }

  /**
   * Begins to copy values from the device; they are there when the event is over.
   * @param rank  number of axes of the buffer, whose elements are wanted in row-major order
   */
  download(
    buffer: bigint,
    { shape, dtype }: TensorType,
    rank = shape.length,
  ): { readonly values: TypedArray; readonly event: bigint } {
    const values = typedArray(dtype, sizeOf(shape));
    if (values.length === 0) return { values, event: 0n };
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

  /** Frees a buffer, or what is left of one that was donated. */
  free(buffer: bigint): void {
    this.api.call('PJRT_Buffer_Destroy', { buffer });
  }

  /** Compiles a module, which takes seconds, or minutes for a large one. */
  compile(text: string): bigint {
    const code = Buffer.from(text);
    const program = struct('PJRT_Program', { code, codeSize: code.length, format, formatSize: format.length });
    const options = { options: compileOptions, optionsSize: compileOptions.length };
    return this.api.call('PJRT_Client_Compile', { client: this.#client, program, ...options }).executable;
  }

  /**
   * Begins a run.
   * @param kept  places of arguments that are declared as donated and must stay all the same
   * @returns the outputs, which can be used at once, and the event of the run's end
   */
  execute(
    executable: bigint,
    inputs: readonly bigint[],
    { outputCount, kept }: { readonly outputCount: number; readonly kept: readonly number[] },
  ): { readonly outputs: readonly bigint[]; readonly event: bigint } {
    const outputs = words(Array.from({ length: outputCount }, () => 0));
    const events = words([0]);
    this.api.call('PJRT_LoadedExecutable_Execute', {
      executable,
      options: struct('PJRT_ExecuteOptions', { notDonated: words(kept), notDonatedCount: kept.length }),
      argumentLists: words([words(inputs)]),
      deviceCount: 1,
      argumentCount: inputs.length,
      outputLists: words([outputs]),
      completeEvents: events,
    });
    const at = (memory: Buffer, index: number): bigint => memory.readBigUInt64LE(index * 8);
    return { outputs: Array.from({ length: outputCount }, (_, index) => at(outputs, index)), event: at(events, 0) };
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
