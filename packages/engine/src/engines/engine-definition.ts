import type { Backend } from '../backend/backend.js';
import type { NarrowType } from '../ir/graph.js';
import type { Mesh } from '../mesh.js';
import type { NarrowMethod } from '../passes/narrow-products.js';
import type { ProcessesOptions } from '../pjrt/processes/linked-process.js';

/** Names of the engines, in the order of the automatic choice. */
export const engineNames = [
  'pjrt',
  'tensorflow-gpu',
  'onnx',
  'tensorflow',
  'onnx-cuda',
  'onnx-webgpu',
  'webgpu',
  'webgl',
  'cpu',
] as const;

/** Name of an engine. */
export type EngineName = (typeof engineNames)[number];

/** Whether an engine works on this machine, and why not. */
export type Probe =
  | {
      readonly available: true;
      readonly description: string;
      /** Why the automatic choice passes over the engine; undefined where it does not. */
      readonly notAutomatic?: string | undefined;
      /** Threads of a runtime that has been loaded with them and cannot change them any more. */
      readonly threads?: number;
    }
  | { readonly available: false; readonly why: string; readonly fix: string };

/** A device that an engine computes on. */
export interface EngineDevice {
  /** Name of the product, or of its kind. */
  readonly name: string;
  /** Memory in use, where the engine tells. */
  readonly usedBytes?: number | undefined;
  /** The most memory that was in use at once, where the engine tells. */
  readonly peakBytes?: number | undefined;
  /** Memory that can be used, where the engine tells. */
  readonly limitBytes?: number | undefined;
}

/** What an engine says of itself once it is started. */
export interface EngineDetails {
  /** Versions of the runtime. */
  readonly versions: string;
  readonly devices: readonly EngineDevice[];
}

/** What the backend of an engine is started with. */
export interface StartBackendOptions {
  readonly threads: number;
  readonly mesh: Mesh;
  /** For an engine that takes a mesh. @default this process is alone */
  readonly processes?: ProcessesOptions | undefined;
}

/** Options of `serveDevices`. */
export interface ServeDevicesOptions extends Omit<ProcessesOptions, 'onStop'> {
  /**
   * When it aborts, process 0 is asked to stop (`onStop`), and the devices are lent until it does.
   * Before the process has joined, it gives up. @default never
   */
  readonly signal?: AbortSignal;
}

/** An engine that `useEngine` can choose; one row of the table of a platform. */
export interface EngineDefinition {
  /**
   * Finds out whether the engine works here.
   * @param threads  threads for a runtime that is loaded to find out; @default its own choice
   */
  probe(threads?: number): Promise<Probe>;
  /** TensorFlow.js backend that runs eager operations while the engine is in use. */
  readonly eagerBackend: string;
  /** Narrow types in which the engine computes matrix products and convolutions. @default none */
  readonly narrow?: Readonly<Partial<Record<NarrowType, NarrowMethod>>>;
  /** Whether one program can run on several devices. @default false */
  readonly takesMesh?: boolean;
  /** Starts the backend of an engine that compiles; an eager engine has none. */
  startBackend?(options: StartBackendOptions): Promise<Backend>;
  /** Lends the devices of a process to process 0 of a run; see `serveDevices`. */
  serveDevices?(options: ServeDevicesOptions): Promise<void>;
  /**
   * Describes an engine whose devices show only when it is started: the backend that is in use, or
   * else one that is started for it and ended again. It rejects with the reason why none starts.
   */
  describe?(running: Backend | undefined): Promise<EngineDetails>;
}

/** The machine and its runtime, as `doctor` reports them. */
export interface SystemFacts {
  /** Name and version of the JavaScript runtime. */
  readonly runtime: string;
  readonly platform: string;
  readonly processor: string;
  readonly cores: number;
  /** Memory in gigabytes; undefined where the runtime does not tell. */
  readonly memoryGigabytes: number | undefined;
}

/**
 * The JavaScript runtime around the engines. A bundler for browsers takes the implementation that
 * reaches nothing of Node (the import `#platform` of package.json).
 */
export interface Platform {
  readonly engines: Readonly<Record<EngineName, EngineDefinition>>;
  /** The engine that everyone should have here, whose absence is worth a warning. */
  readonly expectedEngine: EngineName;
  availableThreads(): Promise<number>;
  describeSystem(): Promise<SystemFacts>;
  /** Prints a line for the person who runs the program. */
  warn(text: string): void;
}

/** Returns an engine that never works here. */
export function absentEngine(eagerBackend: string, why: string, fix: string): EngineDefinition {
  return { eagerBackend, probe: async () => ({ available: false, why, fix }) };
}

/** Returns the first line of an error's message. */
export function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
}
