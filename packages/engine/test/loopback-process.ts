/**
 * One of the processes of `loopback-plugin.test.ts`: runs a program through a PJRT plug-in and
 * prints what its devices have got as a line of JSON, or the message of an error.
 */
import koffi from 'koffi';
import { resolveMesh } from '../src/mesh.js';
import { elementTypes, integerValue, namedValueWords, tableHeaderWords } from '../src/pjrt/api-table.js';
import { encodeCompileOptions } from '../src/pjrt/compile-options.js';
import { bytesAt, callDeleter, PjrtApi, struct, wordBytes, words, wordsAt } from '../src/pjrt/pjrt-api.js';
import { shardingDialectFor } from '../src/pjrt/sharding/dialect.js';
import type { Sharding } from '../src/pjrt/sharding/sharding.js';
import { startKeyValues, type Failure, type KeyValues } from './loopback-key-values.js';

/** What a process is told. */
export interface LoopbackTask {
  /** File of the plug-in, and of the one that it wraps. */
  readonly plugin: string;
  readonly wrapped: string;
  /** Folder of the key-values. */
  readonly folder: string;
  /** Number of processes, and of this one; one process creates its client without key-values. */
  readonly processes: number;
  readonly process: number;
  /** Devices of this process. */
  readonly devices: number;
  readonly steps: number;
  readonly failure?: Failure;
}

/** What a process reports. */
export interface LoopbackReport {
  /** Number of the process, as the client says it. */
  readonly process: number;
  /** Numbers of all devices of the client, and of the processes that they belong to. */
  readonly devices: readonly number[];
  readonly processes: readonly number[];
  readonly ownDevices: readonly number[];
  /** The loss of every step, and all results of the last one: the bytes on each own device. */
  readonly losses: readonly (readonly string[])[];
  readonly results: readonly (readonly string[])[];
  /** Result of a program for one device, which every process runs for itself. */
  readonly alone: string;
  /** What the plug-in says to a program for the other processes' devices. */
  readonly refusal: string;
  /** Values that the plug-in has got through the callbacks and not freed. */
  readonly keptValues: number;
}

type DType = keyof typeof elementTypes;
interface Placed {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly sharding: Sharding;
}

const mesh = resolveMesh({ data: 4 });
const rows = 8;
const loss: Placed = { shape: [], dtype: 'float32', sharding: [] };
const batch: Placed = { shape: [rows, 5], dtype: 'float32', sharding: ['data', undefined] };
const nothing: Placed = { shape: [0, 3], dtype: 'int32', sharding: [undefined, undefined] };
const bias: Placed = { shape: [3], dtype: 'float32', sharding: [undefined] };
const weight: Placed = { shape: [5, 3], dtype: 'float32', sharding: [undefined, undefined] };
const memory: Placed = { shape: [rows, 3], dtype: 'float32', sharding: ['data', undefined] };
const count: Placed = { shape: [], dtype: 'int32', sharding: [] };
/** Three arguments, then the states, whose memory is given to the last outputs. */
const inputs = [batch, nothing, bias, weight, memory, count];
const outputs = [loss, nothing, weight, memory, count];

/** Returns a step of training: sums over the batch, and states that are donated. */
function moduleFor(minorVersion: number): string {
  const dialect = shardingDialectFor(minorVersion);
  const names = { float32: 'f32', int32: 'i32', bool: 'i1' };
  const type = ({ shape, dtype }: Placed): string => `tensor<${[...shape, names[dtype]].join('x')}>`;
  const sharded = ({ sharding }: Placed): string => dialect.attribute(sharding, mesh);
  const parameters = inputs.map((input, index) => {
    const alias = index < 3 ? '' : `, tf.aliasing_output = ${index - 1} : i32`;
    return `%arg${index}: ${type(input)} {${sharded(input)}${alias}}`;
  });
  const [x, w, y, b] = [batch, weight, memory, bias].map(type);
  return `
module @step attributes {mhlo.num_partitions = 4 : i32, mhlo.num_replicas = 1 : i32} {
  ${dialect.head(mesh).join('\n')}
  func.func public @main(${parameters.join(', ')}) -> (${outputs.map((each) => `${type(each)} {${sharded(each)}}`).join(', ')}) {
    %zero = stablehlo.constant dense<0.0> : tensor<f32>
    %scale = stablehlo.constant dense<0.01> : ${w}
    %one = stablehlo.constant dense<1> : tensor<i32>
    %product = stablehlo.dot_general %arg0, %arg3, contracting_dims = [1] x [0] : (${x}, ${w}) -> ${y}
    %biases = stablehlo.broadcast_in_dim %arg2, dims = [1] : (${b}) -> ${y}
    %y = stablehlo.add %product, %biases : ${y}
    %squares = stablehlo.multiply %y, %y : ${y}
    %loss = stablehlo.reduce(%squares init: %zero) applies stablehlo.add across dimensions = [0, 1] : (${y}, tensor<f32>) -> tensor<f32>
    %gradient = stablehlo.dot_general %arg0, %y, contracting_dims = [0] x [0] : (${x}, ${y}) -> ${w}
    %step = stablehlo.multiply %gradient, %scale : ${w}
    %weight = stablehlo.subtract %arg3, %step : ${w}
    %memory = stablehlo.add %arg4, %y : ${y}
    %count = stablehlo.add %arg5, %one : tensor<i32>
    return %loss, %arg1, %weight, %memory, %count : ${outputs.map(type).join(', ')}
  }
}`;
}

/** Returns the values of one device: parts of a batch differ, and other tensors are the same. */
function valuesOn(device: number, { shape, dtype, sharding }: Placed, seed: number): { shape: number[]; data: Buffer } {
  const part = shape.map((size, axis) => (sharding[axis] === undefined ? size : size / 4));
  const size = part.reduce((product, each) => product * each, 1);
  const first = sharding.includes('data') ? device * size : 0;
  const values = Array.from({ length: size }, (_, index) => Math.sin(first + index + 1 + 100 * seed));
  const typed = dtype === 'int32' ? Int32Array.from(values) : Float32Array.from(values);
  return { shape: part, data: Buffer.from(typed.buffer) };
}

/** Functions of the API that the engine does not call, by their places. */
const more = { PJRT_Client_ProcessIndex: 13, PJRT_Client_Devices: 15, PJRT_DeviceDescription_ProcessIndex: 24 };
const moreType = koffi.proto('void *MoreOfPjrt(void *arguments)');
const numberIn = (word: bigint | undefined): number => Number(word! & 0xffffffffn);

/** A client as the engine has one, of which only the own devices are used. */
class Runtime {
  readonly api: PjrtApi;
  readonly #table: bigint;
  readonly #client: bigint;
  readonly own: readonly bigint[];

  constructor(task: LoopbackTask, callbacks: KeyValues) {
    this.api = new PjrtApi(task.plugin);
    this.#table = BigInt(koffi.address(koffi.load(task.plugin).func('void *GetPjrtApi()')() as bigint));
    const size = namedValueWords * wordBytes;
    const { processes, process, devices } = task;
    const integers = processes > 1 ? { num_nodes: processes, node_id: process } : { cpu_device_count: devices };
    const options = Object.entries(integers).map(([name, value]) => {
      const text = Buffer.from(name);
      return words([size, 0, text, text.length, integerValue, value, 1]);
    });
    const { client } = this.api.call('PJRT_Client_Create', {
      options: Buffer.concat(options),
      optionCount: options.length,
      getCallback: callbacks.get,
      putCallback: callbacks.put,
    });
    this.#client = client;
    const own = this.api.call('PJRT_Client_AddressableDevices', { client });
    this.own = wordsAt(own.devices, Number(own.deviceCount));
  }

  #callMore(name: keyof typeof more, object: bigint): [bigint, bigint] {
    const memory = words([12 * wordBytes, 0, object, ...Array.from({ length: 9 }, () => 0)]);
    const place = wordsAt(this.#table, tableHeaderWords + more[name] + 1)[tableHeaderWords + more[name]]!;
    if (koffi.call(place, moreType, memory)) throw new Error(`${name} failed`);
    return wordsAt(memory, 5).slice(3) as [bigint, bigint];
  }

  numberOf(device: bigint): number {
    const { description } = this.api.call('PJRT_Device_GetDescription', { device });
    return numberIn(this.api.call('PJRT_DeviceDescription_Id', { description }).id);
  }

  /** Returns what the client says of its devices. */
  places(): Pick<LoopbackReport, 'process' | 'devices' | 'processes' | 'ownDevices'> {
    const [list, listed] = this.#callMore('PJRT_Client_Devices', this.#client);
    const devices = wordsAt(list, Number(listed));
    return {
      devices: devices.map((device) => this.numberOf(device)),
      ownDevices: this.own.map((device) => this.numberOf(device)),
      processes: devices.map((device) => {
        const { description } = this.api.call('PJRT_Device_GetDescription', { device });
        return numberIn(this.#callMore('PJRT_DeviceDescription_ProcessIndex', description)[0]);
      }),
      process: numberIn(this.#callMore('PJRT_Client_ProcessIndex', this.#client)[0]),
    };
  }

  upload(type: Placed, seed: number): bigint[] {
    return this.own.map((device) => {
      const { shape, data } = valuesOn(this.numberOf(device), type, seed);
      const { buffer, doneEvent } = this.api.call('PJRT_Client_BufferFromHostBuffer', {
        client: this.#client,
        data: data.length > 0 ? data : Buffer.alloc(1),
        type: elementTypes[type.dtype],
        dimensions: words(shape),
        dimensionCount: shape.length,
        device,
      });
      this.api.awaitEvent(doneEvent);
      return buffer;
    });
  }

  /** Returns the bytes on each own device. */
  read(buffers: readonly bigint[], type: Placed): string[] {
    return buffers.map((buffer, index) => {
      const { shape, data } = valuesOn(index, type, 0);
      if (data.length === 0) return '';
      const minorToMajor = words(shape.map((_, axis) => shape.length - 1 - axis));
      const layout = struct('PJRT_Buffer_MemoryLayout', { minorToMajor, axisCount: shape.length });
      const fields = { buffer, layout, target: data, targetSize: data.length };
      this.api.awaitEvent(this.api.call('PJRT_Buffer_ToHostBuffer', fields).event);
      return data.toString('hex');
    });
  }

  compile(text: string, devices: readonly number[]): bigint {
    const [code, format] = [Buffer.from(text), Buffer.from('mlir')];
    const program = struct('PJRT_Program', { code, codeSize: code.length, format, formatSize: format.length });
    const { usesShardy } = shardingDialectFor(this.api.version.minor);
    const options = encodeCompileOptions(devices, usesShardy);
    const fields = { client: this.#client, program, options, optionsSize: options.length };
    return this.api.call('PJRT_Client_Compile', fields).executable;
  }

  /** Returns a program as it is after a way through the disk. */
  reload(loaded: bigint): bigint {
    const { executable } = this.api.call('PJRT_LoadedExecutable_GetExecutable', { loaded });
    const { bytes, byteCount, serialized, deleter } = this.api.call('PJRT_Executable_Serialize', { executable });
    const copy = bytesAt(bytes, Number(byteCount));
    callDeleter(deleter, serialized);
    this.api.call('PJRT_Executable_Destroy', { executable });
    this.unload(loaded);
    const fields = { client: this.#client, bytes: copy, byteCount: copy.length };
    return this.api.call('PJRT_Executable_DeserializeAndLoad', fields).executable;
  }

  /**
   * Runs a program to its end.
   * @param tensors  for each argument, the buffer of each device
   */
  run(executable: bigint, tensors: readonly (readonly bigint[])[], outputCount: number): bigint[][] {
    const devices = tensors[0]!;
    const lists = devices.map(() => words(Array.from({ length: outputCount }, () => 0)));
    const events = words(devices.map(() => 0));
    this.api.call('PJRT_LoadedExecutable_Execute', {
      executable,
      options: struct('PJRT_ExecuteOptions', {}),
      argumentLists: words(devices.map((_, device) => words(tensors.map((buffers) => buffers[device]!)))),
      deviceCount: devices.length,
      argumentCount: tensors.length,
      outputLists: words(lists),
      completeEvents: events,
    });
    for (const event of wordsAt(events, devices.length)) this.api.awaitEvent(event);
    return Array.from({ length: outputCount }, (_, output) =>
      lists.map((list) => list.readBigUInt64LE(output * wordBytes)),
    );
  }

  free(tensors: readonly (readonly bigint[])[]): void {
    for (const buffer of tensors.flat()) this.api.call('PJRT_Buffer_Destroy', { buffer });
  }

  unload(executable: bigint): void {
    this.api.call('PJRT_LoadedExecutable_Destroy', { executable });
  }

  end(): void {
    this.api.call('PJRT_Client_Destroy', { client: this.#client });
  }
}

/** Trains some steps: a new batch for each, a bias that stays, and states that are given away. */
function train(runtime: Runtime, steps: number): Pick<LoopbackReport, 'losses' | 'results'> {
  const executable = runtime.reload(runtime.compile(moduleFor(runtime.api.version.minor), [0, 1, 2, 3]));
  const fixed = [nothing, bias].map((type) => runtime.upload(type, 0));
  let states = [weight, memory, count].map((type) => runtime.upload(type, 0));
  const losses: string[][] = [];
  let results: string[][] = [];
  for (let step = 0; step < steps; step++) {
    const x = runtime.upload(batch, step);
    const written = runtime.run(executable, [x, ...fixed, ...states], outputs.length);
    runtime.free([x, ...states]);
    results = outputs.map((type, index) => runtime.read(written[index]!, type));
    losses.push(results[0]!);
    runtime.free(written.slice(0, 2));
    states = written.slice(2);
  }
  runtime.free([...fixed, ...states]);
  runtime.unload(executable);
  return { losses, results };
}

const sum = `func.func public @main(%x: tensor<3xf32>) -> tensor<3xf32> {
  %sum = stablehlo.add %x, %x : tensor<3xf32>
  return %sum : tensor<3xf32>
}`;

/** Runs a program on the one device that the plug-in chooses, which is the first of the process. */
function runAlone(runtime: Runtime): string {
  const executable = runtime.reload(runtime.compile(sum, [0]));
  const [first, ...rest] = runtime.upload(bias, 0);
  const [result] = runtime.run(executable, [[first!]], 1);
  const [value] = runtime.read(result!, bias);
  runtime.free([[first!, ...rest], result!]);
  runtime.unload(executable);
  return value!;
}

/** Returns what the plug-in says to a program that has no device of this process. */
function refusalOf(runtime: Runtime): string {
  const own = runtime.own.map((device) => runtime.numberOf(device));
  try {
    runtime.compile(
      sum,
      [0, 1, 2, 3].filter((device) => !own.includes(device)),
    );
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

const task = JSON.parse(process.argv[2]!) as LoopbackTask;
process.env['VITVQ_LOOPBACK_PLUGIN'] = task.wrapped;
process.env['VITVQ_LOOPBACK_DEVICES'] = String(task.devices);
const print = (value: LoopbackReport | string): boolean => process.stdout.write(`${JSON.stringify(value)}\n`);
try {
  const keyValues = await startKeyValues(task.folder, task.failure);
  const runtime = new Runtime(task, keyValues);
  const report = { ...runtime.places(), ...train(runtime, task.steps), alone: runAlone(runtime) };
  const refusal = task.processes > 1 ? refusalOf(runtime) : '';
  runtime.end();
  print({ ...report, refusal, keptValues: keyValues.keptValues() });
} catch (error) {
  print((error as Error).message);
}
