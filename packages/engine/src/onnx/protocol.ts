/** Messages between the main thread and the worker that owns the ONNX Runtime sessions and all tensors on the engine. */
import type { DType, TypedArray } from '../ir/graph.js';

/** Where a number that an update needs comes from. */
export type ScalarSource = { readonly input: number } | { readonly output: number };

/**
 * One AdamW update that the worker does in place after the graph has run: it saves a second copy of parameters and
 * moments, and passes over memory once instead of a dozen times.
 */
export interface AdamWUpdate {
  readonly attributes: {
    readonly beta1: number;
    readonly beta2: number;
    readonly epsilon: number;
    readonly weightDecay: number;
  };
  /** Indices of graph inputs. */
  readonly parameter: number;
  readonly firstMoment: number;
  readonly secondMoment: number;
  /** Index of a graph output. */
  readonly gradient: number;
  readonly learningRate: ScalarSource;
  readonly gradientScale: ScalarSource;
  readonly correction1: ScalarSource;
  readonly correction2: ScalarSource;
}

/** Rows that the worker writes into a state after the graph has run, instead of a copy of the whole state with them in it. */
export interface RowWrite {
  /** Index of the graph input that is the state. */
  readonly state: number;
  /** Index of a graph output, of the state's shape but for `axis`. */
  readonly rows: number;
  /** Where on the axis the first row goes. */
  readonly position: ScalarSource;
  readonly axis: number;
  /** Of the state. */
  readonly shape: readonly number[];
  /** How many rows. */
  readonly count: number;
}

export interface TensorDescription {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** How a model is called. Its inputs are `input<i>`, its outputs `output<i>`: results, then states, then scratch. */
export interface ProgramDefinition {
  readonly name: string;
  /** The graph inputs that the model has. */
  readonly inputs: readonly (TensorDescription & { readonly index: number })[];
  readonly outputs: readonly TensorDescription[];
  readonly resultCount: number;
  readonly stateCount: number;
  readonly updates: readonly AdamWUpdate[];
  readonly writes: readonly RowWrite[];
}

export type Request =
  | { readonly kind: 'upload'; readonly slot: number; readonly tensor: TensorDescription; readonly data: TypedArray }
  | { readonly kind: 'free'; readonly slot: number }
  | { readonly kind: 'copy'; readonly from: number; readonly to: number }
  | {
      readonly kind: 'load';
      readonly program: number;
      readonly definition: ProgramDefinition;
      readonly model: Uint8Array;
      /** Slots of the values of graph inputs that the model has as initializers and does not hold. */
      readonly initializers: readonly { readonly index: number; readonly slot: number }[];
    }
  | { readonly kind: 'unload'; readonly program: number }
  | {
      readonly kind: 'run';
      readonly program: number;
      /** A slot for each graph input. */
      readonly inputs: readonly number[];
      /** A new slot for each result, of as many runs as there are to be, one after the other. */
      readonly results: readonly (readonly number[])[];
      /** The slot of each state. */
      readonly states: readonly number[];
    }
  | { readonly kind: 'read'; readonly slot: number }
  /** Like `read`, for a main thread that waits without its event loop: `control` is [state, byte length]. */
  | { readonly kind: 'readInto'; readonly slot: number; readonly control: Int32Array; readonly target: Uint8Array };

export interface RequestMessage {
  readonly id: number;
  readonly request: Request;
}

export interface RunReply {
  /** Values of small results, run by run; the others stay on the engine until they are read. */
  readonly values: readonly (readonly (TypedArray | undefined)[])[];
  readonly milliseconds: number;
}

export type ReplyMessage =
  | { readonly id: number; readonly value: RunReply | TypedArray | { milliseconds: number } | undefined }
  | { readonly id: number; readonly error: string };

export interface WorkerOptions {
  readonly threads: number;
  /** [busy, stop]: the worker is in ONNX Runtime; the process is about to end. */
  readonly control: Int32Array;
}

/** Results up to this size come back with the reply of a run, and values up to it are kept in the main thread. */
export const inlineBytes = 65_536;
