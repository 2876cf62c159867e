import { GraphBuilder } from '../ir/builder.js';
import type { Graph, Value } from '../ir/graph.js';

/**
 * Returns the graph with composites replaced by their bodies, except those whose name `keep`
 * accepts.
 */
export function inlineComposites(graph: Graph, keep: (name: string) => boolean = () => false): Graph {
  const builder = new GraphBuilder();
  const place = (source: Graph, inputs: readonly Value[]): Value[] => {
    const values = new Map<Value, Value>();
    source.inputs.forEach((input, index) => values.set(input, inputs[index]!));
    for (const operation of source.operations) {
      const operands = operation.operands.map((operand) => values.get(operand)!);
      const results =
        operation.kind === 'composite' && !keep(operation.attributes.name)
          ? place(operation.attributes.body, operands)
          : builder.append(operation.kind, operands, operation.attributes, operation.results);
      operation.results.forEach((result, index) => values.set(result, results[index]!));
    }
    return source.outputs.map((output) => values.get(output)!);
  };
  const inputs = graph.inputs.map(({ shape, dtype }) => builder.input(shape, dtype));
  return builder.finish(place(graph, inputs));
}
