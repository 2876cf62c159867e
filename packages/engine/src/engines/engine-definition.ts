import type { Backend } from '../backend/backend.js';

/** Names of the engines, in the order of the automatic choice. */
export const engineNames = ['tensorflow-gpu', 'onnx', 'tensorflow', 'webgpu', 'webgl', 'cpu'] as const;

/** Name of an engine. */
export type EngineName = (typeof engineNames)[number];

/** Whether an engine works on this machine, and why not. */
export type Probe =
  | {
      readonly available: true;
      readonly description: string;
      /** Threads of a runtime that has been loaded with them and cannot change them any more. */
      readonly threads?: number;
    }
  | { readonly available: false; readonly why: string; readonly fix: string };

/** An engine that `useEngine` can choose; one row of the table of a platform. */
export interface EngineDefinition {
  /**
   * Finds out whether the engine works here.
   * @param threads  threads for a runtime that is loaded to find out; @default its own choice
   */
  probe(threads?: number): Promise<Probe>;
  /** TensorFlow.js backend that runs eager operations while the engine is in use. */
  readonly eagerBackend: string;
  /** Starts the backend of an engine that compiles; an eager engine has none. */
  startBackend?(options: { readonly threads: number }): Promise<Backend>;
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
