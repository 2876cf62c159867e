import { statSync } from 'node:fs';
import { cpus } from 'node:os';
import type { TensorType } from '../backend/backend.js';
import { WorkerError } from '../backend/worker-server.js';
import { sizeOf, typedArray, type TypedArray } from '../ir/graph.js';
import { deviceCountOf, oneDevice, type Mesh } from '../mesh.js';
import { copiedDuringCall, elementTypes, integerValue, namedValueWords } from './api-table.js';
import { encodeCompileOptions } from './compile-options.js';
import type { BegunDownload, BegunExecution, Buffers, Devices, ExecuteOptions } from './devices.js';
import { ExecutableCache } from './executable-cache.js';
import { bytesAt, callDeleter, struct, textAt, wordBytes, words, wordsAt, type PjrtApi } from './pjrt-api.js';
import type { TensorPart } from './processes/device-operation.js';
import type { StoreCallbacks } from './processes/store-thread.js';
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

/** The place of this process among those whose devices are in the mesh. */
export interface ProcessPlace {
  readonly rank: number;
  readonly processes: number;
  /** Through which the plug-in reaches the store of the run. */
  readonly callbacks: StoreCallbacks;
}

/** Options of a {@link PjrtClient}. */
export interface PjrtClientOptions {
  readonly mesh?: Mesh;
  /**
   * Whether the plug-in computes on the CPU, of which it makes as many devices as it is told to,
   * with a thread for each.
   */
  readonly isCpu?: boolean;
  /** @default this process is alone */
  readonly place?: ProcessPlace | undefined;
  /** Folder of compiled programs. @default none */
  readonly cache?: ExecutableCache | undefined;
}

/** A device of the mesh that this process reaches. */
interface OwnDevice {
  readonly device: bigint;
  /** Its place in the mesh. */
  readonly position: number;
}

/** A part of a tensor that is on its way from a device. */
interface BegunPart {
  readonly index: readonly number[];
  readonly values: TypedArray;
  readonly event: bigint;
}

/** Name of the option by which a plug-in for the CPU makes so many devices of its cores. */
const deviceCountOption = 'cpu_device_count';
/** Names of the options by which a plug-in knows that there are several processes. */
const [processesOption, rankOption] = ['num_nodes', 'node_id'];

const format = Buffer.from('mlir');

/** Returns options of `PJRT_Client_Create` that are integers. */
function createOptions(options: Readonly<Record<string, number>>): { options: Buffer; optionCount: number } {
  const size = namedValueWords * wordBytes;
  const values = Object.entries(options).flatMap(([name, value]) => {
    const bytes = Buffer.from(name);
    return [size, 0, bytes, bytes.length, integerValue, value, 1];
  });
  return { options: words(values), optionCount: Object.keys(options).length };
}

/**
 * A plug-in's runtime with the devices of a mesh that this process reaches: all of them where it is
 * alone. Objects of the plug-in are known by their addresses.
 */
export class PjrtClient implements Devices {
  readonly api: PjrtApi;
  readonly platform: string;
  readonly platformVersion: string;
  /** Serialized options of every compilation. */
  readonly compileOptions: Uint8Array;
  readonly #mesh: Mesh;
  readonly #client: bigint;
  readonly #cache: ExecutableCache | undefined;
  /** All devices of the plug-in that this process reaches, and those of them in the mesh. */
  readonly #reached: readonly bigint[];
  readonly #own: readonly OwnDevice[];
  /** The process of each device of the mesh. */
  readonly #processes: readonly number[];

  /**
   * Starts the runtime. Among several processes all start theirs at the same time.
   * @throws {WorkerError} when the plug-in has fewer devices than the mesh, and when it does not
   *   compute across processes
   */
  constructor(api: PjrtApi, { mesh = oneDevice, isCpu = false, place, cache }: PjrtClientOptions = {}) {
    this.api = api;
    this.#mesh = mesh;
    this.#cache = cache;
    const wanted = deviceCountOf(mesh);
    if (isCpu && place) throw noCollectives(api.path);
    const { client } = api.call('PJRT_Client_Create', {
      ...(isCpu && createOptions({ [deviceCountOption]: wanted })),
      ...(place && {
        ...createOptions({ [processesOption]: place.processes, [rankOption]: place.rank }),
        getCallback: place.callbacks.get,
        putCallback: place.callbacks.put,
        tryGetCallback: place.callbacks.tryGet,
      }),
    });
    this.#client = client;
    const { name, nameSize } = api.call('PJRT_Client_PlatformName', { client });
    this.platform = textAt(name, nameSize);
    const { version, versionSize } = api.call('PJRT_Client_PlatformVersion', { client });
    this.platformVersion = textAt(version, versionSize);
    this.#reached = this.#list('PJRT_Client_AddressableDevices');
    const all = place ? this.#list('PJRT_Client_Devices') : this.#reached;
    const inMesh = all.slice(0, wanted);
    this.#own = inMesh.flatMap((device, position) => (this.#reached.includes(device) ? [{ device, position }] : []));
    this.#processes = inMesh.map((device) => (place ? this.#processOf(device) : 0));
    try {
      this.#assertFits(all.length, place);
    } catch (error) {
      this.destroy();
      throw error;
    }
    this.compileOptions = encodeCompileOptions(
      inMesh.map((device) => this.#numberOf(device)),
      shardingDialectFor(api.version.minor).usesShardy,
    );
  }

  /** @throws {WorkerError} unless there are enough devices, and each process has one in the mesh */
  #assertFits(devices: number, place: ProcessPlace | undefined): void {
    if (place && devices === this.#reached.length) throw noCollectives(this.api.path);
    const wanted = deviceCountOf(this.#mesh);
    if (devices < wanted) {
      throw new WorkerError({
        expected: `${wanted} devices, as the mesh has`,
        got: `${devices} in this plug-in (${this.platform})`,
        fix: 'Choose a smaller mesh.',
      });
    }
    if (!place) return;
    const { rank: own, processes } = place;
    const other = this.#own.map(({ position }) => this.#processes[position]!).find((process) => process !== own);
    if (other !== undefined) {
      throw new WorkerError({
        expected: `a plug-in that numbers processes as they are told, this one ${own}`,
        got: `${other} as the process of its devices (${this.platform})`,
        fix: 'Give the processes ranks in the order in which the plug-in counts them.',
      });
    }
    const ranks = Array.from({ length: processes }, (_, rank) => rank);
    const idle = ranks.find((rank) => !this.#processes.includes(rank));
    if (idle === undefined) return;
    throw new WorkerError({
      expected: `a mesh with devices of all ${processes} processes`,
      got: `${wanted} of ${devices} devices, none of which is of process ${idle}`,
      fix: `Take a mesh of ${devices} devices, or start fewer processes.`,
    });
  }

  #list(name: 'PJRT_Client_AddressableDevices' | 'PJRT_Client_Devices'): bigint[] {
    const { devices, deviceCount } = this.api.call(name, { client: this.#client });
    return wordsAt(devices, Number(deviceCount));
  }

  /** Returns the number of the process that reaches a device. */
  #processOf(device: bigint): number {
    const { description } = this.api.call('PJRT_Device_GetDescription', { device });
    return Number(this.api.call('PJRT_DeviceDescription_ProcessIndex', { description }).process & 0xffffffffn);
  }

  /** Returns the number by which a plug-in's compiler knows a device. */
  #numberOf(device: bigint): number {
    const { description } = this.api.call('PJRT_Device_GetDescription', { device });
    return Number(this.api.call('PJRT_DeviceDescription_Id', { description }).id & 0xffffffffn);
  }

  /** Returns the devices that this process reaches, with their memory. */
  devices(): DeviceFacts[] {
    return this.#reached.map((device) => {
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

  upload(values: TypedArray, type: PlacedType): Buffers {
    const part = this.#partShape(type);
    return this.uploadParts(type, (index) => takePart(values, type.dtype, { shape: type.shape, part, index }));
  }

  /**
   * Copies parts of a tensor to the devices of this process.
   * @param partAt  returns the elements, so many, of the part that has this index along each axis
   */
  uploadParts(type: PlacedType, partAt: (index: readonly number[], size: number) => TypedArray): Buffers {
    const part = { shape: this.#partShape(type), dtype: type.dtype };
    const size = sizeOf(part.shape);
    return this.#own.map(({ device, position }) => {
      return this.#uploadTo(device, partAt(partIndex(position, type.sharding, this.#mesh), size), part);
    });
  }

  /** Returns the parts of a tensor that the devices of a process have, each once. */
  partsOf(rank: number, values: TypedArray, type: PlacedType): TensorPart[] {
    const { shape, dtype, sharding } = type;
    const part = this.#partShape(type);
    const positions = [...this.#processes.keys()].filter((position) => this.#processes[position] === rank);
    const indices = new Map(
      positions.map((position) => partIndex(position, sharding, this.#mesh)).map((index) => [index.join(), index]),
    );
    return [...indices.values()].map((index) => ({ index, values: takePart(values, dtype, { shape, part, index }) }));
  }

  #partShape({ shape, sharding }: PlacedType): number[] {
    return partShape(shape, sharding, this.#mesh);
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

  download(buffers: Buffers, type: PlacedType): BegunDownload {
    const parts = this.beginParts(buffers, type);
    return { values: () => this.join(parts, type), events: parts.map(({ event }) => event) };
  }

  /**
   * Begins to copy the parts of a tensor that this process is to give: over all processes, each
   * part is given once.
   */
  beginParts(buffers: Buffers, type: PlacedType): BegunPart[] {
    const part = { shape: this.#partShape(type), dtype: type.dtype };
    const givers = devicesWithParts(type.sharding, this.#mesh);
    return this.#own.flatMap(({ position }, own) => {
      if (!givers.includes(position)) return [];
      const index = partIndex(position, type.sharding, this.#mesh);
      return [{ index, ...this.#downloadFrom(buffers[own]!, part) }];
    });
  }

  /** Whether this process gives all parts of a tensor. */
  givesAll({ sharding }: PlacedType): boolean {
    const givers = devicesWithParts(sharding, this.#mesh);
    return givers.every((giver) => this.#own.some(({ position }) => position === giver));
  }

  /** Returns a tensor of all its parts. */
  join(parts: readonly TensorPart[], type: PlacedType): TypedArray {
    if (isReplicated(type.sharding)) return parts[0]!.values;
    const { shape, dtype } = type;
    const part = this.#partShape(type);
    const whole = typedArray(dtype, sizeOf(shape));
    for (const { values, index } of parts) putPart(whole, values, { shape, part, index });
    return whole;
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

  awaitEvent(event: bigint): void {
    this.api.awaitEvent(event);
  }

  whenOver(event: bigint): Promise<void> {
    return this.api.whenOver(event);
  }

  free(buffers: Buffers): void {
    for (const buffer of buffers) this.api.call('PJRT_Buffer_Destroy', { buffer });
  }

  load(text: string): bigint {
    const cache = this.#cache;
    if (!cache) return this.#compile(text);
    const key = this.#keyOf(text);
    const bytes = cache.read(key);
    const known = bytes && this.#deserialize(bytes);
    if (known !== undefined) return known;
    const executable = this.#compile(text);
    const serialized = this.#serialize(executable);
    if (serialized) cache.write(key, serialized);
    return executable;
  }

  /** Returns the key by which a compiled program is known on disk. */
  #keyOf(text: string): string {
    const { size, mtimeMs } = statSync(this.api.path);
    const { major, minor } = this.api.version;
    const plugin = [this.api.path, size, mtimeMs, major, minor, this.api.attributes()];
    const runtime = [...plugin, this.platform, this.platformVersion].join('\n');
    const { platform, arch, env } = process;
    const machine = [platform, arch, cpus()[0]?.model, env['XLA_FLAGS'], env['NPROC']].join('\n');
    const devices = this.devices()
      .map(({ name }) => name)
      .join('\n');
    return ExecutableCache.key([text, this.compileOptions, runtime, machine, devices]);
  }

  #compile(text: string): bigint {
    const code = Buffer.from(text);
    const program = struct('PJRT_Program', { code, codeSize: code.length, format, formatSize: format.length });
    const options = { options: this.compileOptions, optionsSize: this.compileOptions.length };
    return this.api.call('PJRT_Client_Compile', { client: this.#client, program, ...options }).executable;
  }

  execute(executable: bigint, inputs: readonly Buffers[], { outputCount, kept }: ExecuteOptions): BegunExecution {
    const outputs = this.#own.map(() => words(Array.from({ length: outputCount }, () => 0)));
    const events = words(this.#own.map(() => 0));
    this.api.call('PJRT_LoadedExecutable_Execute', {
      executable,
      options: struct('PJRT_ExecuteOptions', { notDonated: words(kept), notDonatedCount: kept.length }),
      argumentLists: words(this.#own.map((_, own) => words(inputs.map((buffers) => buffers[own]!)))),
      deviceCount: this.#own.length,
      argumentCount: inputs.length,
      outputLists: words(outputs),
      completeEvents: events,
    });
    const at = (memory: Buffer, index: number): bigint => memory.readBigUInt64LE(index * wordBytes);
    return {
      outputs: Array.from({ length: outputCount }, (_, index) => outputs.map((list) => at(list, index))),
      events: this.#own.map((_, own) => at(events, own)),
    };
  }

  unload(executable: bigint): void {
    this.api.call('PJRT_LoadedExecutable_Destroy', { executable });
  }

  /** Returns an executable as bytes for another process; undefined where the plug-in cannot. */
  #serialize(loaded: bigint): Buffer | undefined {
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

  /** Loads what `#serialize` has returned; undefined where the plug-in refuses it. */
  #deserialize(bytes: Uint8Array): bigint | undefined {
    if (!this.api.has('PJRT_Executable_DeserializeAndLoad')) return undefined;
    try {
      const fields = { client: this.#client, bytes, byteCount: bytes.length };
      return this.api.call('PJRT_Executable_DeserializeAndLoad', fields).executable;
    } catch {
      return undefined;
    }
  }

  destroy(): void {
    this.api.call('PJRT_Client_Destroy', { client: this.#client });
  }
}

/** Returns the error of a plug-in that computes in one process. */
function noCollectives(path: string): WorkerError {
  return new WorkerError({
    expected: 'a plug-in that computes across processes, as those for GPUs and TPUs do',
    got: `${path}, which reaches the devices of its own process only`,
    fix: 'Use one process with a mesh of its devices, or another plug-in.',
  });
}
