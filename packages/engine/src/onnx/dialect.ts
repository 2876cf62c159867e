import type { OperationName, OperationOf } from '../ir/graph.js';
import type { ModelWriter } from './model-writer.js';
import type { OnnxHeader } from './proto.js';

/**
 * Translates an operation of the kind `K`: emits ONNX nodes and returns the names of the results,
 * or undefined where the operation is written by the operations that use it.
 */
export type Rule<K extends OperationName> = (
  writer: ModelWriter,
  operation: OperationOf<K>,
) => string | readonly string[] | undefined;

/** One rule for every operation: a missing row is a compile-time error. */
export type OperationRules = { readonly [K in OperationName]: Rule<K> };

/** Translates a composite as one operator: returns the names of its results. */
export type CompositeRule = (
  writer: ModelWriter,
  operation: OperationOf<'composite'>,
  operands: readonly string[],
) => readonly string[];

/** The ONNX that a kind of runtime understands. */
export interface Dialect {
  /** Name of the dialect, for messages. */
  readonly name: string;
  /** Versions of the file format and of the operators. */
  readonly header: OnnxHeader;
  /** How each operation is written. */
  readonly operations: OperationRules;
  /** Composites that are written as operators, by name; all others must be inlined first. */
  readonly composites: Readonly<Record<string, CompositeRule>>;
}
