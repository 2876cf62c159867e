/**
 * The thread that owns a PJRT plug-in. Compiling and reading block this thread, and the main thread
 * stays free for timers, signals and data; runs go on beside both. All tensors on the engine live
 * here.
 */
import { workerData } from 'node:worker_threads';
import type { TypedArray } from '../ir/graph.js';
import { byteSizeOf, smallBytes } from '../backend/backend.js';
import { WorkerControl } from '../backend/worker-control.js';
import type { RunReply, RunRequest } from '../backend/worker-protocol.js';
import { serve, WorkerError } from '../backend/worker-server.js';
import { DeviceTensor } from './device-tensor.js';
import type { Buffers, Devices } from './devices.js';
import { ExecutableCache } from './executable-cache.js';
import { PjrtApi } from './pjrt-api.js';
import { PjrtClient } from './pjrt-client.js';
import { ConductedDevices } from './processes/conducted-devices.js';
import type { Parameter, PjrtFacts, PjrtLoadRequest, PjrtProgram, PjrtWorkerOptions } from './protocol.js';

/** Compiled programs on disk take at most so much. */
const cacheBytes = 2 ** 30;

const { plugin, isCpu, mesh, cacheFolder, conductor, control: memory } = workerData as PjrtWorkerOptions;
const control = new WorkerControl(memory);

interface Program {
  readonly definition: PjrtProgram;
  readonly executable: bigint;
  /** Values that stay the same, by the index of the graph input. */
  readonly frozen: ReadonlyMap<number, DeviceTensor>;
}

const slots = new Map<number, DeviceTensor>();

/** The runtime of this process, and the devices of all. */
interface Started {
  readonly client: PjrtClient;
  readonly devices: Devices;
}

let started: Started | undefined;

/** Starts the runtime at its first use, so that a failure is an answer. */
function runtime(): Started {
  started ??= start();
  return started;
}

function start(): Started {
  const api = new PjrtApi(plugin);
  if (conductor) {
    const client = new PjrtClient(api, { mesh, isCpu, place: conductor.place });
    return { client, devices: new ConductedDevices(client, conductor) };
  }
  const cache = cacheFolder === undefined ? undefined : new ExecutableCache(cacheFolder, cacheBytes);
  const client = new PjrtClient(api, { mesh, isCpu, cache });
  return { client, devices: client };
}

const devices = (): Devices => runtime().devices;

function tensorIn(slot: number): DeviceTensor {
  const tensor = slots.get(slot);
  if (!tensor) throw new Error(`tensor ${slot} was disposed of`);
  return tensor;
}

/** Gives a slot another tensor, or none. */
function setSlot(slot: number, tensor: DeviceTensor | undefined): void {
  slots.get(slot)?.release();
  if (tensor) slots.set(slot, tensor);
  else slots.delete(slot);
}

function load({ definition, frozen }: PjrtLoadRequest): Program {
  const tensors = frozen.map(({ input, slot }) => [input, tensorIn(slot)] as const);
  const executable = devices().load(definition.text);
  for (const [, tensor] of tensors) tensor.retain();
  return { definition, executable, frozen: new Map(tensors) };
}

async function unload({ executable, frozen }: Program): Promise<void> {
  await runsAreOver;
  for (const tensor of frozen.values()) tensor.release();
  devices().unload(executable);
}

/** A run that was begun. */
interface BegunRun {
  /** Returns the values of small results, which are there when all events are over. */
  readonly values: () => RunReply[number];
  /** Outcome of the checks, where there are any, and the tensor that it is read from. */
  readonly outcome: { readonly values: () => TypedArray; readonly tensor: DeviceTensor } | undefined;
}

/** Settles when all runs that were begun are over. */
let runsAreOver = Promise.resolve();

async function run(program: Program, request: RunRequest): Promise<RunReply> {
  const events: bigint[] = [];
  const runs: BegunRun[] = [];
  let failure: { readonly error: unknown } | undefined;
  try {
    // The device works through the runs while this thread requests the next ones.
    for (const results of request.results) {
      if (control.isStopping) throw new Error('the process is about to end');
      runs.push(beginRun(program, request, results, events));
    }
  } catch (error) {
    failure = { error };
  }
  // Runs are over in their order, so that one thread of the pool is enough to wait for all of them.
  runsAreOver = runsAreOver.then(async () => {
    for (const event of events) {
      try {
        await devices().whenOver(event);
      } catch (error) {
        failure ??= { error };
      }
    }
  });
  await runsAreOver;
  for (const { outcome } of runs) outcome?.tensor.release();
  if (failure) throw failure.error;
  const failedCheck = runs.map(({ outcome }) => outcome?.values()[0] ?? 0).find((number) => number > 0);
  if (failedCheck === undefined) return runs.map(({ values }) => values());
  const { name, checks } = program.definition;
  throw new WorkerError({ expected: 'values that the operations take', got: `${checks[failedCheck - 1]} in ${name}` });
}

/**
 * Begins a run, and to copy its small results into host memory.
 * @param events  receives what must be over before the copies are read
 */
function beginRun(
  { definition, executable, frozen }: Program,
  request: RunRequest,
  results: readonly number[],
  events: bigint[],
): BegunRun {
  const { parameters, outputs, resultCount, checks } = definition;
  const tensors = parameters.map(({ input }) => frozen.get(input) ?? tensorIn(request.inputs[input]!));
  const inputs = tensors.map((tensor, index) => tensor.buffersOf(parameters[index]!));
  const uses = new Map<Buffers, number>();
  for (const input of inputs) uses.set(input, (uses.get(input) ?? 0) + 1);
  // Memory is given away where it is the state's alone.
  const isGiven = ({ input, state }: Parameter, index: number): boolean =>
    request.inputs[input] === request.states[state!] && !tensors[index]!.isShared && uses.get(inputs[index]!) === 1;
  const kept = parameters.flatMap((parameter, index) =>
    parameter.state === undefined || isGiven(parameter, index) ? [] : [index],
  );
  const outputCount = outputs.length + (checks.length > 0 ? 1 : 0);
  const { outputs: buffers, events: ends } = devices().execute(executable, inputs, { outputCount, kept });
  events.push(...ends);
  const read = (tensor: DeviceTensor): (() => TypedArray) => {
    const { values, events: copied } = tensor.beginRead();
    events.push(...copied);
    return values;
  };
  const written = outputs.map((type, index) => DeviceTensor.onDevices(devices(), buffers[index]!, type));
  written.forEach((tensor, index) => {
    setSlot(index < resultCount ? results[index]! : request.states[index - resultCount]!, tensor);
  });
  const small = written
    .slice(0, resultCount)
    .map((tensor, index) => (byteSizeOf(outputs[index]!) <= smallBytes ? read(tensor) : undefined));
  const values = (): RunReply[number] => small.map((read) => read?.());
  if (checks.length === 0) return { values, outcome: undefined };
  const tensor = DeviceTensor.onDevices(devices(), buffers.at(-1)!, { shape: [], dtype: 'int32', sharding: [] });
  return { values, outcome: { values: read(tensor), tensor } };
}

/** Frees everything: memory of a device is not freed by the end of a thread. */
async function end(): Promise<void> {
  await runsAreOver;
  for (const slot of [...slots.keys()]) setSlot(slot, undefined);
  started?.devices.destroy();
  started = undefined;
}

function describe(): PjrtFacts {
  const { client } = runtime();
  const { api, platform, platformVersion } = client;
  return {
    platform,
    platformVersion,
    apiVersion: api.version,
    attributes: api.attributes(),
    devices: client.devices(),
  };
}

serve<PjrtLoadRequest, Program>(control, {
  upload: (slot, type, data) => setSlot(slot, DeviceTensor.onHost(devices, data, type)),
  copy: (from, to) => setSlot(to, tensorIn(from).copy()),
  free: (slot) => setSlot(slot, undefined),
  read: (slot) => tensorIn(slot).read(),
  load,
  unload,
  run,
  overlapsRuns: true,
  describe,
  end,
});
