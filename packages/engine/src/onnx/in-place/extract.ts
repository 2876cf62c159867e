import type { Program } from '../../backend/backend.js';
import type { Graph, Operation, OperationOf, Value } from '../../ir/graph.js';
import type { InPlaceUpdate, OperandSource } from '../protocol.js';
import { inPlaceKernels } from './kernels.js';

/** A program without the composites that the worker runs in place after the graph. */
export interface InPlace {
  /** Outputs: results, new values of `states`, then what the updates read. */
  readonly graph: Graph;
  readonly updates: readonly InPlaceUpdate[];
  /** Indices of the program's states that the graph still assigns. */
  readonly states: readonly number[];
}

type Composite = OperationOf<'composite'>;

/**
 * Takes composites with an in-place kernel out of a program's graph, where their results do nothing
 * but replace the states that the composites read. The graph returns their other operands instead.
 */
export function extractInPlace(program: Pick<Program, 'graph' | 'resultCount' | 'stateInputs'>): InPlace {
  const { graph, resultCount } = program;
  const replacedStates = statesReplacedBy(program);
  const taken = graph.operations.filter((operation): operation is Composite => replacedStates.has(operation));
  const inputIndex = new Map(graph.inputs.map((input, index) => [input, index]));
  const changed = new Set(taken.flatMap((composite) => replacedOperands(composite)));

  const extracted = new Set([...replacedStates.values()].flat());
  const stateValues = graph.outputs.slice(resultCount);
  const states = [...stateValues.keys()].filter((state) => !extracted.has(state));
  const outputs = [...graph.outputs.slice(0, resultCount), ...states.map((state) => stateValues[state]!)];

  // What updates read besides inputs comes last among the outputs.
  const scratch: Value[] = [];
  const source = (composite: Composite, operand: Value): OperandSource => {
    const input = inputIndex.get(operand);
    // A state that another update has changed by then comes out of the graph, with its old value.
    if (input !== undefined && (!changed.has(operand) || replacedOperands(composite).includes(operand))) {
      return { input };
    }
    const known = scratch.indexOf(operand);
    return { output: outputs.length + (known < 0 ? scratch.push(operand) - 1 : known) };
  };
  const updates = taken.map((composite): InPlaceUpdate => {
    const { operands, attributes } = composite;
    return {
      kernel: attributes.name,
      attributes: attributes.attributes,
      sources: operands.map((operand) => source(composite, operand)),
      shapes: operands.map(({ shape }) => shape),
    };
  });
  const operations = graph.operations.filter((operation) => !replacedStates.has(operation));
  return { graph: { ...graph, operations, outputs: [...outputs, ...scratch] }, updates, states };
}

/** The operands whose memory the results of a composite replace. */
function replacedOperands({ attributes, operands }: Composite): Value[] {
  return inPlaceKernels[attributes.name]!.replaces.map((operand) => operands[operand]!);
}

/** Composites that can run in place, with the indices of the states that they replace. */
function statesReplacedBy({
  graph,
  resultCount,
  stateInputs,
}: Pick<Program, 'graph' | 'resultCount' | 'stateInputs'>): ReadonlyMap<Operation, readonly number[]> {
  const uses = new Map<Value, number>();
  for (const value of [...graph.operations.flatMap(({ operands }) => operands), ...graph.outputs]) {
    uses.set(value, (uses.get(value) ?? 0) + 1);
  }
  const stateOf = new Map(graph.outputs.slice(resultCount).map((value, state) => [value, state]));
  const inputOfState = (state: number | undefined): Value | undefined => {
    const input = state === undefined ? undefined : stateInputs[state];
    return input === undefined ? undefined : graph.inputs[input];
  };
  const found = new Map<Operation, readonly number[]>();
  for (const operation of graph.operations) {
    if (operation.kind !== 'composite' || !Object.hasOwn(inPlaceKernels, operation.attributes.name)) continue;
    const replaced = replacedOperands(operation);
    const states = operation.results.map((result) => (uses.get(result) === 1 ? stateOf.get(result) : undefined));
    if (replaced.every((operand, index) => operand === inputOfState(states[index]))) {
      found.set(operation, states as number[]);
    }
  }
  return found;
}
