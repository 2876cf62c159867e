/** Messages between the main thread and a worker that owns a runtime and all tensors on it. */
import type { TypedArray } from '../ir/graph.js';
import type { TensorType } from './backend.js';
import type { ControlMemory } from './worker-control.js';

/** Loads a program; a backend adds what its runtime needs. */
export interface LoadRequest {
  readonly kind: 'load';
  /** Number by which other requests know the program. */
  readonly program: number;
  readonly definition: {
    /** Name of the program, for messages. */
    readonly name: string;
  };
}

/** Runs a program once for each entry of `results`. */
export interface RunRequest {
  readonly kind: 'run';
  readonly program: number;
  /** A slot for each graph input; -1 for one that a run does not read. */
  readonly inputs: readonly number[];
  /** A new slot for each result, run by run. */
  readonly results: readonly (readonly number[])[];
  /** Slot of each state. */
  readonly states: readonly number[];
}

/** A request to the worker. Tensors are known by the numbers of their slots. */
export type WorkerRequest<Load extends LoadRequest> =
  | {
      readonly kind: 'upload';
      readonly slot: number;
      readonly tensor: TensorType;
      /** @default zeros */
      readonly data?: TypedArray;
    }
  | { readonly kind: 'free'; readonly slot: number }
  | { readonly kind: 'copy'; readonly from: number; readonly to: number }
  | { readonly kind: 'read'; readonly slot: number }
  /**
   * As `read`, for a main thread that waits without its event loop; `control[0]` is the outcome.
   */
  | { readonly kind: 'readInto'; readonly slot: number; readonly control: ControlMemory; readonly target: Uint8Array }
  | Load
  | { readonly kind: 'unload'; readonly program: number }
  | RunRequest
  /** Asks for a description of the runtime and its devices. */
  | { readonly kind: 'describe' }
  /** Frees everything, after all requests before it. */
  | { readonly kind: 'end' };

/** A request with the number by which its reply is known. */
export interface RequestMessage<Load extends LoadRequest> {
  readonly id: number;
  readonly request: WorkerRequest<Load>;
}

/** Reply to a `run`: values of small results, run by run; the others stay on the engine. */
export type RunReply = readonly (readonly (TypedArray | undefined)[])[];

/** What went wrong in the worker; the main thread makes an error of it. */
export interface WorkerFailure {
  /** @default that the runtime does its work */
  readonly expected?: string | undefined;
  readonly got: string;
  readonly fix?: string | undefined;
}

/** Reply to a request. */
export type ReplyMessage =
  { readonly id: number; readonly value: unknown } | { readonly id: number; readonly failure: WorkerFailure };
