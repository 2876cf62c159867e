import type { OperationName, OperationOf } from '../../ir/graph.js';
import type { ModuleWriter } from './module-writer.js';

/**
 * Translates an operation of the kind `K`: writes StableHLO and returns the names of the results.
 */
export type Rule<K extends OperationName> = (
  writer: ModuleWriter,
  operation: OperationOf<K>,
) => string | readonly string[];

/** One rule for every operation: a missing row is a compile-time error. */
export type OperationRules = { readonly [K in OperationName]: Rule<K> };

/** Translates a composite: returns the names of its results. */
export type CompositeRule = Rule<'composite'>;
