import type { GraphBuilder } from '../ir/builder.js';
import type { Graph, NarrowType, OperationOf, Value } from '../ir/graph.js';
import { mapOperations } from './map-operations.js';

/** Type in which matrix products and convolutions are computed. */
export type Precision = 'float32' | NarrowType;

/**
 * How an engine computes products in a narrow type: `native`, with operands and result of that
 * type, or `rounded`, in float32 with operands and result that are rounded to it, which is not
 * faster.
 */
export type NarrowMethod = 'native' | 'rounded';

type Product = OperationOf<'dot_general'> | OperationOf<'convolution'>;

/**
 * Computes the products of float32 in a narrow type: matrix products and convolutions of the
 * forward pass and of all gradients, apart from those that are marked as exact. Everything else,
 * and the inputs and outputs of the graph, stay float32. The marks are removed.
 */
export function narrowProducts(graph: Graph, precision: Precision, method: NarrowMethod = 'native'): Graph {
  return mapOperations(graph, (b, operation, operands) => {
    if (operation.kind !== 'dot_general' && operation.kind !== 'convolution') return undefined;
    const isNarrowed = precision !== 'float32' && !operation.attributes.exact && operands[0]!.dtype === 'float32';
    if (!isNarrowed) return operation.attributes.exact ? [product(b, operation, operands)] : undefined;
    if (method === 'rounded') {
      const rounded = operands.map((operand) => b.reducePrecision(operand, precision));
      return [b.reducePrecision(product(b, operation, rounded), precision)];
    }
    const narrow = operands.map((operand) => b.convert(operand, precision));
    return [b.convert(product(b, operation, narrow), 'float32')];
  });
}

/** Appends a product of other operands, whose type is that of the result. */
function product(b: GraphBuilder, operation: Product, operands: readonly Value[]): Value {
  const { exact: _, ...attributes } = operation.attributes;
  const { shape } = operation.results[0]!;
  return b.append(operation.kind, operands, attributes, [{ shape, dtype: operands[0]!.dtype }])[0]!;
}
