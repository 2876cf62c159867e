/** What the main thread and the worker that owns ONNX Runtime tell each other. */
import type { TensorType } from '../backend/backend.js';
import type { ControlMemory } from '../backend/worker-control.js';
import type { LoadRequest } from '../backend/worker-protocol.js';
import type { KernelAttributes } from './in-place/kernel.js';

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
  /** Indices of the program's states that the model assigns, in order. */
  readonly states: readonly number[];
  readonly updates: readonly InPlaceUpdate[];
}

/** Loads a program. */
export interface OnnxLoadRequest extends LoadRequest {
  readonly definition: ProgramDefinition;
  readonly model: Uint8Array;
  /** Slots of the values of graph inputs that are initializers of the model. */
  readonly initializers: readonly { readonly index: number; readonly slot: number }[];
}

/** Execution providers of ONNX Runtime that engines are made of. */
export type OnnxProvider = 'cpu' | 'webgpu' | 'cuda';

/** What the worker is started with. */
export interface OnnxWorkerOptions {
  readonly provider: OnnxProvider;
  readonly threads: number;
  /** Of the `WorkerControl` that both threads share. */
  readonly control: ControlMemory;
}
