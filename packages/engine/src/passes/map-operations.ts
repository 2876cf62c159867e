import { GraphBuilder } from '../ir/builder.js';
import type { Graph, Operation, Value } from '../ir/graph.js';

/** Returns the results of a replacement, or undefined to keep the operation. */
type Rewrite = (
  builder: GraphBuilder,
  operation: Operation,
  operands: readonly Value[],
) => readonly Value[] | undefined;

/** Returns the graph with operations replaced by `rewrite`, in the bodies of composites too. */
export function mapOperations(graph: Graph, rewrite: Rewrite, firstId = 0): Graph {
  const builder = new GraphBuilder(firstId);
  const values = new Map<Value, Value>();
  for (const input of graph.inputs) values.set(input, builder.input(input.shape, input.dtype));
  for (const operation of graph.operations) {
    const operands = operation.operands.map((operand) => values.get(operand)!);
    const results = rewrite(builder, operation, operands) ?? keep(builder, operation, operands, rewrite);
    operation.results.forEach((result, index) => values.set(result, results[index]!));
  }
  return builder.finish(graph.outputs.map((output) => values.get(output)!));
}

function keep(
  builder: GraphBuilder,
  operation: Operation,
  operands: readonly Value[],
  rewrite: Rewrite,
): readonly Value[] {
  if (operation.kind !== 'composite') {
    return builder.append(operation.kind, operands, operation.attributes, operation.results);
  }
  const { body } = operation.attributes;
  return builder.composite(
    { ...operation.attributes, body: mapOperations(body, rewrite, body.inputs[0]?.id) },
    operands,
  );
}
