import * as tf from '@tensorflow/tfjs-core';
import { platform } from '#platform';
import { Device } from './backend/device.js';
import {
  engineNames,
  firstLine,
  type EngineName,
  type Probe,
  type ServeDevicesOptions,
} from './engines/engine-definition.js';
import { mendPadding } from './eager/explicit-padding.js';
import { EngineError } from './errors.js';
import { registerGradients } from './gradients.js';
import type { ProcessesOptions } from './pjrt/processes/linked-process.js';
import { describeMesh, deviceCountOf, resolveMesh, type Mesh, type MeshOptions } from './mesh.js';

/** Report that a function is being compiled, or has been. */
export interface CompileEvent {
  /** Name of the function. */
  readonly name: string;
  readonly phase: 'start' | 'done';
  /** Time of tracing, lowering and loading together, on `done`. */
  readonly milliseconds?: number;
}

/** Options of {@link useEngine}. */
export interface EngineOptions {
  /** @default 'auto': the first of `engineNames` that works here */
  readonly name?: EngineName | 'auto';
  /**
   * Threads of the processor, for engines that compute in a native library; what computes on a GPU
   * or in JavaScript decides by itself.
   * @default the number of cores
   */
  readonly threads?: number;
  /**
   * Devices of each program, for the engine `pjrt`: batches are sharded over them, and weights
   * where it says so. The numbers are those of one device, to the order of additions.
   * @default one device
   */
  readonly mesh?: MeshOptions | undefined;
  /**
   * In process 0 of a run of several: the mesh has devices of all of them, which the others lend by
   * `serveDevices`. What is put on their devices, or read from there, goes over the network.
   * @default this process is alone
   */
  readonly processes?: ProcessesOptions | undefined;
  /**
   * Called before and after each compilation.
   * @default prints a line for compilations that take more than half a second
   */
  readonly onCompile?: (event: CompileEvent) => void;
}

interface EngineFacts {
  readonly name: EngineName;
  /** Reason of the choice. */
  readonly reason: string;
  readonly threads: number;
  readonly mesh: Mesh;
  /** Processes that the devices are of. */
  readonly processes: number;
  /** Runtime with versions. */
  readonly description: string;
}

/** An engine that compiles functions for a backend of its own. */
export interface CompiledEngine extends EngineFacts {
  readonly kind: 'compiled';
  /** Memory of the backend, as TensorFlow.js sees it. */
  readonly device: Device;
  readonly onCompile: (event: CompileEvent) => void;
}

/** An engine that runs functions as they are, on a TensorFlow.js backend. */
interface EagerEngine extends EngineFacts {
  readonly kind: 'eager';
}

/** The engine that runs compiled functions. */
export type Engine = CompiledEngine | EagerEngine;

/** Describes an engine in a line: its name, threads, devices where there are several, runtime. */
export function formatEngine({ name, threads, mesh, processes, description }: Engine): string {
  const several = processes > 1 ? `${processes} processes` : '';
  return [name, `${threads} threads`, several, describeMesh(mesh)].filter(Boolean).join(', ') + ` (${description})`;
}

/**
 * Finds out whether an engine works here, and why not.
 * @param threads  threads for a runtime that is loaded to find out; @default its own choice
 */
export function probeEngine(name: EngineName, threads?: number): Promise<Probe> {
  return platform.engines[name].probe(threads);
}

let running: Engine | undefined;
let starting: Promise<Engine> | undefined;

/** Returns the engine in use; undefined where none was started. */
export function currentEngine(): Engine | undefined {
  return running;
}

/** Returns the engine in use; starts the automatic choice where there is none. */
export function startedEngine(): Promise<Engine> {
  return running ? Promise.resolve(running) : (starting ??= useEngine());
}

/**
 * Chooses the engine for every compiled function from now on. Without this call, the first call of
 * a compiled function chooses automatically. Where the automatic choice is plain JavaScript, a
 * warning says once a process what is missing and how to get it.
 * @throws {EngineError} when the engine that was asked for by name cannot be used, with how to get
 *   it
 */
export async function useEngine(options: EngineOptions = {}): Promise<Engine> {
  const { name = 'auto', threads, processes } = options;
  if (name !== 'auto' && !engineNames.includes(name)) {
    throw new EngineError({
      where: 'useEngine',
      expected: `one of auto, ${engineNames.join(', ')}`,
      got: `"${String(name)}"`,
      fix: 'Run `doctor()` to see which engines work here.',
    });
  }
  if (threads !== undefined && (!Number.isInteger(threads) || threads < 1)) {
    throw new EngineError({
      where: 'useEngine',
      expected: 'threads to be a whole number of at least 1',
      got: String(threads),
    });
  }
  if (processes && processes.place.rank !== 0) {
    throw new EngineError({
      where: 'useEngine',
      expected: 'process 0 of the run',
      got: `process ${processes.place.rank}`,
      fix: 'The others call serveDevices({ place }), and process 0 alone runs the program.',
    });
  }
  const previous = running;
  running = await startChosen(name, options);
  starting = undefined;
  if (previous?.kind === 'compiled') await retire(previous);
  return running;
}

/**
 * Lends the devices of this process to process 0 of a run, which has called {@link useEngine} with
 * a mesh and `processes`; resolves when that has called {@link endEngine}.
 * @throws {EngineError} when the process cannot join, when its devices fail, and when another
 *   process is lost
 */
export async function serveDevices(options: ServeDevicesOptions): Promise<void> {
  const { pjrt } = platform.engines;
  if (options.place.rank === 0 || !pjrt.serveDevices) {
    throw new EngineError({
      where: 'serveDevices',
      expected: 'a process of Node other than process 0',
      got: pjrt.serveDevices ? 'process 0' : 'a browser',
      fix: 'Process 0 calls useEngine({ mesh, processes }) and runs the program.',
    });
  }
  await requireEngine('pjrt', 'serveDevices');
  await pjrt.serveDevices(options);
}

/** Options of {@link endEngine}. */
export interface EndEngineOptions {
  /** Why the program fails; its tensors are lost then. @default it does not fail */
  readonly failure?: string;
}

/**
 * Ends the engine in use; its tensors go on on TensorFlow.js. Among several processes this ends the
 * run for all: the others return from {@link serveDevices}, or throw where the program fails.
 * Without this call they lose process 0 when it ends.
 */
export async function endEngine({ failure }: EndEngineOptions = {}): Promise<void> {
  const previous = running;
  running = undefined;
  if (previous?.kind !== 'compiled') return;
  if (failure === undefined) await retire(previous);
  else await previous.device.terminate(failure);
}

/** Starts the engine that was asked for, or the automatic choice. */
function startChosen(name: EngineName | 'auto', options: EngineOptions): Promise<Engine> {
  const devices = deviceCountOf(resolveMesh(options.mesh));
  const able = engineNames.filter((each) => platform.engines[each].takesMesh);
  const processes = options.processes?.place.processes ?? 1;
  if (devices < processes) {
    throw new EngineError({
      where: 'useEngine',
      expected: `a mesh with devices of all ${processes} processes`,
      got: `a mesh of ${devices}`,
      fix: 'Say how many devices all processes have together: --devices N, or mesh: { data: N }.',
    });
  }
  if (name === 'auto') {
    return devices === 1 ? startFirst(options) : startNamed(able[0]!, options, 'it computes on several devices');
  }
  if (devices > 1 && !able.includes(name)) {
    throw new EngineError({
      where: 'useEngine',
      expected: `an engine of several devices for a mesh of ${devices} (${able.join(', ')})`,
      got: `"${name}"`,
      fix: `Choose the engine "${able[0]}", or one device.`,
    });
  }
  return startNamed(name, options);
}

/** What a probe finds out of an engine that works. */
type WorkingProbe = Probe & { readonly available: true };

/**
 * Finds out about an engine that must work here.
 * @throws {EngineError} saying why it does not, and how to get it
 */
export async function requireEngine(name: EngineName, where: string, threads?: number): Promise<WorkingProbe> {
  const probe = await probeEngine(name, threads);
  if (probe.available) return probe;
  throw new EngineError({ where, expected: `the engine "${name}" to work here`, got: probe.why, fix: probe.fix });
}

/** Starts an engine that was asked for by name. */
async function startNamed(name: EngineName, options: EngineOptions, reason = 'asked for by name'): Promise<Engine> {
  return start(name, await requireEngine(name, 'useEngine', options.threads), reason, options);
}

/** An engine that does not work here. */
interface MissingEngine {
  readonly name: EngineName;
  readonly why: string;
  readonly fix: string;
}

/** Starts the first engine that works here. */
async function startFirst(options: EngineOptions): Promise<Engine> {
  const missing: MissingEngine[] = [];
  for (const name of engineNames) {
    const probe = await probeEngine(name, options.threads);
    if (!probe.available) {
      missing.push({ name, why: probe.why, fix: probe.fix });
      continue;
    }
    if (probe.notAutomatic !== undefined) {
      missing.push({ name, why: probe.notAutomatic, fix: `Choose the engine "${name}" by name.` });
      continue;
    }
    const whys = missing.map((each) => `${each.name}: ${each.why}`).join('; ');
    const reason = `first that works here${whys && ` (${whys})`}`;
    try {
      const engine = await start(name, probe, reason, options);
      if (name === 'cpu') warnOfPlainJavaScript(missing);
      return engine;
    } catch (error) {
      if (name === 'cpu') throw error; // the last one
      missing.push({ name, why: firstLine(error), fix: 'Run `doctor()` to see which engines work here.' });
    }
  }
  // cpu always works
  throw new EngineError({ where: 'useEngine', expected: 'an engine', got: 'none' });
}

let warned = false;

/** Says once a process what is missing when the automatic choice is the slowest engine. */
function warnOfPlainJavaScript(missing: readonly MissingEngine[]): void {
  const expected = missing.find(({ name }) => name === platform.expectedEngine);
  if (warned || !expected) return;
  warned = true;
  const { name, why, fix } = expected;
  platform.warn(
    `vitvq: everything is computed in plain JavaScript, many times slower than on the engine "${name}", ` +
      `which does not work here: ${why}. Remedy: ${fix}`,
  );
}

/** Starts an engine that a probe has found to work. */
async function start(
  name: EngineName,
  { description, threads: fixed }: WorkingProbe,
  reason: string,
  options: EngineOptions,
): Promise<Engine> {
  registerGradients();
  if (fixed !== undefined && options.threads !== undefined && options.threads !== fixed) {
    throw new EngineError({
      where: 'useEngine',
      expected: `threads to be ${fixed}, with which "${name}" was loaded in this process`,
      got: String(options.threads),
      fix: 'Choose the engine with its threads before anything else loads it.',
    });
  }
  const threads = fixed ?? options.threads ?? (await platform.availableThreads());
  const definition = platform.engines[name];
  await useBackend(definition.eagerBackend);
  const mesh = resolveMesh(options.mesh);
  const { processes } = options;
  const backend = await definition.startBackend?.({ threads, mesh, processes });
  const facts = { name, description, reason, threads, mesh, processes: processes?.place.processes ?? 1 };
  if (!backend) return { kind: 'eager', ...facts };
  const onCompile = options.onCompile ?? reportSlowCompilation;
  return { kind: 'compiled', ...facts, device: new Device(backend), onCompile };
}

async function useBackend(name: string): Promise<void> {
  // The cpu backend would print advice to install tfjs-node at its first use; `doctor` reports that
  // better.
  if (name === 'cpu') Object.assign(tf.findBackend('cpu'), { firstUse: false });
  if (!(await tf.setBackend(name))) {
    throw new EngineError({
      where: 'useEngine',
      expected: `the TensorFlow.js backend "${name}" to start`,
      got: 'a failure',
      fix: 'The message of TensorFlow.js above has the cause; another engine may work.',
    });
  }
  mendPadding(name);
}

/** Moves every tensor of an engine to the active backend and ends the engine. */
async function retire(engine: CompiledEngine): Promise<void> {
  try {
    await engine.device.evacuate(tf.backend());
  } finally {
    await engine.device.terminate();
  }
}

function reportSlowCompilation({ name, phase, milliseconds = 0 }: CompileEvent): void {
  if (phase === 'done' && milliseconds > 500) {
    platform.warn(`vitvq: compiled ${name} in ${(milliseconds / 1000).toFixed(1)} s`);
  }
}
