import { GraphBuilder } from '../ir/builder.js';
import { splatOf, type Graph, type Operation, type OperationAttributes, type Value } from '../ir/graph.js';
import { simpler } from './simplify-rules.js';

/**
 * Visits every operation once, in program order: folds constants of one value, removes operations
 * that change nothing, moves broadcasts and transposes behind elementwise operations, and gives
 * equal operations one result. Operations that no output needs are dropped. No rewrite changes a
 * finite result by more than rounding, and most change nothing at all.
 *
 * Each body of a composite is simplified separately: what a composite computes again on purpose, to
 * save memory, is not merged with the first computation.
 */
export function simplify(graph: Graph, firstId = 0): Graph {
  const builder = new GraphBuilder(firstId);
  const replacement = new Map<Value, Value>();
  const known = new Map<string, readonly Value[]>();
  for (const input of graph.inputs) replacement.set(input, builder.input(input.shape, input.dtype));

  for (const operation of graph.operations) {
    const operands = operation.operands.map((operand) => replacement.get(operand)!);
    const key = keyOf(operation, operands);
    const results =
      (key === undefined ? undefined : known.get(key)) ??
      simpler(builder, operation, operands) ??
      append(builder, operation, operands);
    if (key !== undefined) known.set(key, results);
    operation.results.forEach((result, index) => replacement.set(result, results[index]!));
  }
  const outputs = graph.outputs.map((output) => replacement.get(output)!);
  return removeDead({ inputs: builder.inputs, operations: builder.operations, outputs });
}

function append(builder: GraphBuilder, operation: Operation, operands: readonly Value[]): readonly Value[] {
  return operation.kind === 'composite'
    ? builder.composite(simplifyBody(operation.attributes), operands)
    : builder.append(operation.kind, operands, operation.attributes, operation.results);
}

function simplifyBody(attributes: OperationAttributes['composite']): OperationAttributes['composite'] {
  const { body } = attributes;
  return { ...attributes, body: simplify(body, body.inputs[0]?.id) };
}

/** Formats a number so that 0 and -0 differ. */
const numberText = (value: number): string => (Object.is(value, -0) ? '-0' : String(value));

/** Formats attributes so that all numbers differ; plain JSON knows neither infinities nor -0. */
function attributeText(attributes: object): string {
  return JSON.stringify(attributes, (_, value: unknown) => (typeof value === 'number' ? numberText(value) : value));
}

/**
 * Returns a text that is equal for operations with equal results, or undefined where comparing
 * would cost more than it saves.
 */
function keyOf(operation: Operation, operands: readonly Value[]): string | undefined {
  const result = operation.results[0]!;
  const type = `${result.dtype}${result.shape.join('x')}`;
  const names = operands.map((operand) => {
    const splat = splatOf(operand);
    return splat === undefined ? operand.id : `splat ${numberText(splat)} ${operand.dtype}${operand.shape.join('x')}`;
  });
  if (operation.kind === 'constant') {
    const { value } = operation.attributes;
    if ('data' in value && value.data.length > 64) return undefined;
    return `constant ${type} ${'splat' in value ? `splat ${numberText(value.splat)}` : Array.from(value.data, numberText).join()}`;
  }
  // Two composites of one name may differ in their bodies.
  if (operation.kind === 'composite') return undefined;
  return `${operation.kind} ${names.join()} ${attributeText(operation.attributes)} ${type}`;
}

/**
 * Drops operations that no output needs. Inputs stay, since their order is the calling convention.
 */
function removeDead(graph: Graph): Graph {
  const needed = new Set<Value>(graph.outputs);
  const kept: Operation[] = [];
  for (const operation of [...graph.operations].reverse()) {
    if (!operation.results.some((result) => needed.has(result))) continue;
    kept.push(operation);
    for (const operand of operation.operands) needed.add(operand);
  }
  return { ...graph, operations: kept.reverse() };
}
