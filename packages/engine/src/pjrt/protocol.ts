/** What the main thread and the worker that owns a PJRT plug-in tell each other. */
import type { TensorType } from '../backend/backend.js';
import type { ControlMemory } from '../backend/worker-control.js';
import type { LoadRequest } from '../backend/worker-protocol.js';
import type { Mesh } from '../mesh.js';
import type { DeviceFacts, ProcessPlace } from './pjrt-client.js';
import type { BlockingEnd } from './processes/blocking-port.js';
import type { Sharding } from './sharding/sharding.js';

/** A tensor that a module takes or returns. */
export interface PlacedType extends TensorType {
  /** How it lies on the devices. */
  readonly sharding: Sharding;
}

/** A parameter of a module's function. */
export interface Parameter extends PlacedType {
  /** Index of the graph input. */
  readonly input: number;
  /** Index of the state whose old value it is; its memory is given to the new one. */
  readonly state: number | undefined;
}

/**
 * How a module is called. Its outputs are the results, then the new values of the states, then the
 * outcome of the checks where there are any.
 */
export interface PjrtProgram {
  readonly name: string;
  /** The module, in StableHLO's text form. */
  readonly text: string;
  readonly parameters: readonly Parameter[];
  readonly outputs: readonly PlacedType[];
  readonly resultCount: number;
  /** What each check means; the outcome is 0 or the number of one that has failed, from 1. */
  readonly checks: readonly string[];
}

/** Loads a program. */
export interface PjrtLoadRequest extends LoadRequest {
  readonly definition: PjrtProgram;
  /** Slots of graph inputs whose values stay the same for the program. */
  readonly frozen: readonly { readonly input: number; readonly slot: number }[];
}

/** The plug-in and its devices. */
export interface PjrtFacts {
  readonly platform: string;
  readonly platformVersion: string;
  /** Version of the PJRT C API. */
  readonly apiVersion: { readonly major: number; readonly minor: number };
  /** What the plug-in says about itself, such as its versions of XLA and StableHLO. */
  readonly attributes: string;
  readonly devices: readonly DeviceFacts[];
}

/** What the worker of process 0 is started with, where there are several. */
export interface ConductorData {
  readonly place: ProcessPlace;
  /** Line to the thread that talks to the other processes. */
  readonly link: BlockingEnd;
}

/** What the worker is started with. */
export interface PjrtWorkerOptions {
  /** File of the plug-in. */
  readonly plugin: string;
  /** Whether the plug-in computes on the CPU. */
  readonly isCpu: boolean;
  /** The devices of each program. */
  readonly mesh: Mesh;
  /** Folder of compiled programs; undefined for none. */
  readonly cacheFolder: string | undefined;
  /** Among several processes: that of process 0. @default this process is alone */
  readonly conductor?: ConductorData | undefined;
  /** Of the `WorkerControl` that both threads share. */
  readonly control: ControlMemory;
}
