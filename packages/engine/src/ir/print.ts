import { sizeOf, type Graph, type Operation, type Value } from './graph.js';

const typeOf = ({ shape, dtype }: Value): string => `${dtype}[${shape.join('x')}]`;

function attributeText(operation: Operation): string {
  if (operation.kind === 'composite') {
    const { name, attributes } = operation.attributes;
    return ` "${name}" ${JSON.stringify(attributes)}`;
  }
  if (operation.kind === 'constant') {
    const { value } = operation.attributes;
    if ('splat' in value) return ` ${value.splat}`;
    const shown = [...value.data.slice(0, 4)].join(', ');
    return ` (${shown}${sizeOf(operation.results[0]!.shape) > 4 ? ', …' : ''})`;
  }
  const entries = Object.entries(operation.attributes);
  return entries.length ? ` {${entries.map(([key, value]) => `${key}: ${JSON.stringify(value)}`).join(', ')}}` : '';
}

/**
 * Formats a graph as text: one operation per line, the bodies of composites indented below them.
 */
export function printGraph(graph: Graph, indent = ''): string {
  const lines = [`${indent}(${graph.inputs.map((input) => `%${input.id}: ${typeOf(input)}`).join(', ')}) {`];
  for (const operation of graph.operations) {
    const results = operation.results.map((value) => `%${value.id}`).join(', ');
    const operands = operation.operands.map((value) => `%${value.id}`).join(', ');
    const types = operation.results.map(typeOf).join(', ');
    lines.push(`${indent}  ${results} = ${operation.kind}(${operands})${attributeText(operation)} : ${types}`);
    if (operation.kind === 'composite') lines.push(printGraph(operation.attributes.body, `${indent}    `));
  }
  lines.push(`${indent}  return ${graph.outputs.map((output) => `%${output.id}`).join(', ')}`, `${indent}}`);
  return lines.join('\n');
}
