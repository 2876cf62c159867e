/**
 * The thread that owns a PJRT plug-in. Compiling and reading block this thread, and the main thread
 * stays free for timers, signals and data; runs go on beside both. All tensors on the engine live
 * here.
 */
import { cpus } from 'node:os';
import { statSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import type { TypedArray } from '../ir/graph.js';
import { byteSizeOf, smallBytes } from '../backend/backend.js';
import { WorkerControl } from '../backend/worker-control.js';
import type { RunReply, RunRequest } from '../backend/worker-protocol.js';
import { serve, WorkerError } from '../backend/worker-server.js';
import { DeviceTensor } from './device-tensor.js';
import { ExecutableCache } from './executable-cache.js';
import { PjrtApi } from './pjrt-api.js';
import { PjrtClient } from './pjrt-client.js';
import type { Parameter, PjrtFacts, PjrtLoadRequest, PjrtProgram, PjrtWorkerOptions } from './protocol.js';

/** Compiled programs on disk take at most so much. */
const cacheBytes = 2 ** 30;

const { plugin, isCpu, mesh, cacheFolder, control: memory } = workerData as PjrtWorkerOptions;
const control = new WorkerControl(memory);
const cache = cacheFolder === undefined ? undefined : new ExecutableCache(cacheFolder, cacheBytes);

interface Program {
  readonly definition: PjrtProgram;
  readonly executable: bigint;
  /** Values that stay the same, by the index of the graph input. */
  readonly frozen: ReadonlyMap<number, DeviceTensor>;
}

const slots = new Map<number, DeviceTensor>();

let started: PjrtClient | undefined;

/** Returns the client, which is started at its first use, so that a failure is an answer. */
function client(): PjrtClient {
  started ??= new PjrtClient(new PjrtApi(plugin), { mesh, isCpu });
  return started;
}

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

/** Returns the key by which a compiled program is known on disk. */
function keyOf(text: string): string {
  const { api, platform, platformVersion, compileOptions } = client();
  const { size, mtimeMs } = statSync(plugin);
  const { major, minor } = api.version;
  const runtime = [plugin, size, mtimeMs, major, minor, api.attributes(), platform, platformVersion].join('\n');
  const machine = [
    process.platform,
    process.arch,
    cpus()[0]?.model,
    process.env['XLA_FLAGS'],
    process.env['NPROC'],
  ].join('\n');
  const devices = client()
    .devices()
    .map(({ name }) => name)
    .join('\n');
  return ExecutableCache.key([text, compileOptions, runtime, machine, devices]);
}

/** Loads a program from disk, or compiles and stores it. */
function executableOf(text: string): bigint {
  if (!cache) return client().compile(text);
  const key = keyOf(text);
  const bytes = cache.read(key);
  const known = bytes && client().deserialize(bytes);
  if (known !== undefined) return known;
  const executable = client().compile(text);
  const serialized = client().serialize(executable);
  if (serialized) cache.write(key, serialized);
  return executable;
}

function load({ definition, frozen }: PjrtLoadRequest): Program {
  const tensors = frozen.map(({ input, slot }) => [input, tensorIn(slot)] as const);
  const executable = executableOf(definition.text);
  for (const [, tensor] of tensors) tensor.retain();
  return { definition, executable, frozen: new Map(tensors) };
}

async function unload({ executable, frozen }: Program): Promise<void> {
  await runsAreOver;
  for (const tensor of frozen.values()) tensor.release();
  client().unload(executable);
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
        await client().api.whenOver(event);
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
  const uses = new Map<readonly bigint[], number>();
  for (const input of inputs) uses.set(input, (uses.get(input) ?? 0) + 1);
  // Memory is given away where it is the state's alone.
  const isGiven = ({ input, state }: Parameter, index: number): boolean =>
    request.inputs[input] === request.states[state!] && !tensors[index]!.isShared && uses.get(inputs[index]!) === 1;
  const kept = parameters.flatMap((parameter, index) =>
    parameter.state === undefined || isGiven(parameter, index) ? [] : [index],
  );
  const outputCount = outputs.length + (checks.length > 0 ? 1 : 0);
  const { outputs: buffers, events: ends } = client().execute(executable, inputs, { outputCount, kept });
  events.push(...ends);
  const read = (tensor: DeviceTensor): (() => TypedArray) => {
    const { values, events: copied } = tensor.beginRead();
    events.push(...copied);
    return values;
  };
  const written = outputs.map((type, index) => DeviceTensor.onDevices(client(), buffers[index]!, type));
  written.forEach((tensor, index) => {
    setSlot(index < resultCount ? results[index]! : request.states[index - resultCount]!, tensor);
  });
  const small = written
    .slice(0, resultCount)
    .map((tensor, index) => (byteSizeOf(outputs[index]!) <= smallBytes ? read(tensor) : undefined));
  const values = (): RunReply[number] => small.map((read) => read?.());
  if (checks.length === 0) return { values, outcome: undefined };
  const tensor = DeviceTensor.onDevices(client(), buffers.at(-1)!, { shape: [], dtype: 'int32', sharding: [] });
  return { values, outcome: { values: read(tensor), tensor } };
}

/** Frees everything: memory of a device is not freed by the end of a thread. */
async function end(): Promise<void> {
  await runsAreOver;
  for (const slot of [...slots.keys()]) setSlot(slot, undefined);
  started?.destroy();
  started = undefined;
}

function describe(): PjrtFacts {
  const { api, platform, platformVersion } = client();
  return {
    platform,
    platformVersion,
    apiVersion: api.version,
    attributes: api.attributes(),
    devices: client().devices(),
  };
}

serve<PjrtLoadRequest, Program>(control, {
  upload: (slot, type, data) => setSlot(slot, DeviceTensor.onHost(client, data, type)),
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
