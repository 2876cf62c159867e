import type { TypedArray } from '../../ir/graph.js';

/** Attributes of a composite. */
export type KernelAttributes = Readonly<Record<string, number | string | boolean>>;

/**
 * Runs a composite on arrays in place, after the graph has run. ONNX Runtime promises no in-place
 * update: a state that goes in and comes out of a graph takes two copies. A kernel spares the
 * second copy and passes over memory once.
 */
export interface InPlaceKernel {
  /** For each result of the composite, the index of the operand whose memory receives it. */
  readonly replaces: readonly number[];
  /** Whether it is faster where what it replaces lies in WebAssembly's memory; it need not. */
  readonly prefersWasmMemory?: boolean;
  /** Computes the composite on the values of its operands. */
  run(
    operands: readonly TypedArray[],
    composite: { readonly attributes: KernelAttributes; readonly shapes: readonly (readonly number[])[] },
  ): void;
}
