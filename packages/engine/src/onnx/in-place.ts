import type * as tf from '@tensorflow/tfjs-core';
import type { Graph, Operation, OperationOf, Value } from '../ir/graph.js';
import type { TracedFunction } from '../trace/trace.js';
import type { AdamWUpdate, RowWrite, ScalarSource } from './protocol.js';

/** A traced function without the updates that the worker does in place after the graph has run. */
export interface InPlace {
  /** Outputs: results, new values of `states`, then what the updates need. */
  readonly graph: Graph;
  readonly updates: readonly AdamWUpdate[];
  readonly writes: readonly RowWrite[];
  /** The variables that are still assigned by the graph. */
  readonly states: readonly tf.Variable[];
}

type Composite = OperationOf<'composite'>;

/**
 * Takes composites whose results do nothing but replace the variables that they read out of the graph: AdamW updates, of
 * which the graph then returns the gradients, and `write_rows`, of which it returns the rows.
 */
export function extractInPlace(traced: TracedFunction): InPlace {
  const { graph, argumentCount, captures, assigned, resultCount } = traced;
  const inputIndex = new Map(graph.inputs.map((input, index) => [input, index]));
  const uses = new Map<Value, number>();
  for (const value of [...graph.operations.flatMap(({ operands }) => operands), ...graph.outputs]) {
    uses.set(value, (uses.get(value) ?? 0) + 1);
  }
  const target = new Map(graph.outputs.slice(resultCount).map((value, index) => [value, assigned[index]!]));
  const source = (value: Value): tf.Tensor | undefined => captures[inputIndex.get(value)! - argumentCount]?.tensor;
  const replaces = (result: Value, operand: Value): boolean =>
    uses.get(result) === 1 && target.get(result) !== undefined && target.get(result) === source(operand);

  // What the graph must return besides; where that starts among its outputs is known when all updates are.
  const scratch: Value[] = [];
  const keep = (value: Value): number => {
    const known = scratch.indexOf(value);
    return known < 0 ? scratch.push(value) - 1 : known;
  };
  const scalar = (value: Value): ((start: number) => ScalarSource) => {
    const input = inputIndex.get(value);
    if (input !== undefined) return () => ({ input });
    const at = keep(value);
    return (start) => ({ output: start + at });
  };
  const extracted = new Set<tf.Variable>();
  const updates: ((start: number) => AdamWUpdate)[] = [];
  const writes: ((start: number) => RowWrite)[] = [];

  const adamW = ({ operands, attributes }: Composite): void => {
    const [parameter, gradient, first, second, ...numbers] = operands as [Value, Value, Value, Value, ...Value[]];
    const gradientAt = keep(gradient);
    const [learningRate, gradientScale, correction1, correction2] = numbers.map(scalar) as [
      Source,
      Source,
      Source,
      Source,
    ];
    updates.push((start) => ({
      attributes: attributes.attributes as unknown as AdamWUpdate['attributes'],
      parameter: inputIndex.get(parameter)!,
      firstMoment: inputIndex.get(first)!,
      secondMoment: inputIndex.get(second)!,
      gradient: start + gradientAt,
      learningRate: learningRate(start),
      gradientScale: gradientScale(start),
      correction1: correction1(start),
      correction2: correction2(start),
    }));
  };
  const rowWrite = ({ operands, attributes }: Composite): void => {
    const [state, rows, position] = operands as [Value, Value, Value];
    const [rowsAt, positionOf] = [keep(rows), scalar(position)];
    writes.push((start) => ({
      state: inputIndex.get(state)!,
      rows: start + rowsAt,
      position: positionOf(start),
      axis: attributes.attributes['axis'] as number,
      shape: state.shape,
      count: rows.shape[attributes.attributes['axis'] as number]!,
    }));
  };
  /** Which operands the results of a composite replace, and how it is taken out. */
  const kinds: Readonly<
    Record<string, { readonly replaced: readonly number[]; readonly take: (c: Composite) => void }>
  > = {
    adamw: { replaced: [0, 2, 3], take: adamW },
    write_rows: { replaced: [0], take: rowWrite },
  };
  const stays = (operation: Operation): boolean => {
    if (operation.kind !== 'composite') return true;
    const kind = kinds[operation.attributes.name];
    const { operands, results } = operation;
    if (!kind?.replaced.every((operand, index) => replaces(results[index]!, operands[operand]!))) return true;
    for (const result of results) extracted.add(target.get(result)!);
    kind.take(operation);
    return false;
  };

  const operations = graph.operations.filter(stays);
  const states = assigned.filter((variable) => !extracted.has(variable));
  const stateValues = graph.outputs.slice(resultCount).filter((_, index) => !extracted.has(assigned[index]!));
  const start = resultCount + states.length;
  return {
    graph: { ...graph, operations, outputs: [...graph.outputs.slice(0, resultCount), ...stateValues, ...scratch] },
    updates: updates.map((make) => make(start)),
    writes: writes.map((make) => make(start)),
    states,
  };
}

type Source = (start: number) => ScalarSource;
