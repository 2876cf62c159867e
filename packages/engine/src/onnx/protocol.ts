/**
 * Messages between the main thread and the worker that owns the ONNX Runtime sessions and all
 * tensors on the engine.
 */
import type { TensorType } from '../backend/backend.js';
import type { TypedArray } from '../ir/graph.js';
import type { KernelAttributes } from './in-place/kernel.js';
import type { ControlMemory } from '../backend/worker-control.js';

/** Where an operand of an update comes from: a graph input or an output of the model. */
export type OperandSource = { readonly input: number } | { readonly output: number };

/** A composite that the worker runs in place after the graph. */
export interface InPlaceUpdate {
  /** Name of the composite and of its kernel. */
  readonly kernel: string;
  readonly attributes: KernelAttributes;
  /** Origin of each operand. */
  readonly sources: readonly OperandSource[];
  /** Shape of each operand. */
  readonly shapes: readonly (readonly number[])[];
}

/**
 * How a model is called. Its inputs are named `input<i>` after the graph input i, its outputs
 * `output<i>`: results, then states, then what the updates read.
 */
export interface ProgramDefinition {
  readonly name: string;
  /** The graph inputs that the model has. */
  readonly inputs: readonly (TensorType & { readonly index: number })[];
  readonly outputs: readonly TensorType[];
  readonly resultCount: number;
  readonly stateCount: number;
  readonly updates: readonly InPlaceUpdate[];
}

/** A request to the worker. Tensors are known by the numbers of their slots. */
export type Request =
  | { readonly kind: 'upload'; readonly slot: number; readonly tensor: TensorType; readonly data: TypedArray }
  | { readonly kind: 'free'; readonly slot: number }
  | { readonly kind: 'copy'; readonly from: number; readonly to: number }
  | {
      readonly kind: 'load';
      readonly program: number;
      readonly definition: ProgramDefinition;
      readonly model: Uint8Array;
      /** Slots of the values of graph inputs that are initializers of the model. */
      readonly initializers: readonly { readonly index: number; readonly slot: number }[];
    }
  | { readonly kind: 'unload'; readonly program: number }
  | {
      readonly kind: 'run';
      readonly program: number;
      /** A slot for each graph input; -1 for one that a run does not read. */
      readonly inputs: readonly number[];
      /** A new slot for each result, run by run. */
      readonly results: readonly (readonly number[])[];
      /** Slot of each state. */
      readonly states: readonly number[];
    }
  | { readonly kind: 'read'; readonly slot: number }
  /**
   * As `read`, for a main thread that waits without its event loop; `control[0]` is the outcome.
   */
  | { readonly kind: 'readInto'; readonly slot: number; readonly control: ControlMemory; readonly target: Uint8Array };

/** A request with the number by which its reply is known. */
export interface RequestMessage {
  readonly id: number;
  readonly request: Request;
}

/** Reply to a `run`: values of small results, run by run; the others stay on the engine. */
export type RunReply = readonly (readonly (TypedArray | undefined)[])[];

/** Reply to a request. */
export type ReplyMessage =
  | { readonly id: number; readonly value: RunReply | TypedArray | undefined }
  | { readonly id: number; readonly error: string };

/** What the worker is started with. */
export interface WorkerOptions {
  readonly threads: number;
  /** Of the `WorkerControl` that both threads share. */
  readonly control: ControlMemory;
}
