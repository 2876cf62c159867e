import type * as tf from '@tensorflow/tfjs-core';
import type { Graph, TypedArray, Value } from '../ir/graph.js';
import { channelsFirst } from '../passes/channels-first.js';
import { inlineComposites } from '../passes/inline-composites.js';
import { simplify } from '../passes/simplify.js';
import type { TracedFunction } from '../trace/trace.js';
import { fusedComposites, lowerToOnnx } from './lower.js';
import { encodeModel } from './proto.js';
import type { AdamWUpdate, ProgramDefinition, ScalarSource } from './protocol.js';

export interface OnnxProgram {
  readonly definition: ProgramDefinition;
  /** Indices of the graph inputs that a run reads; frozen and unused ones are not among them. */
  readonly needed: ReadonlySet<number>;
  readonly model: Uint8Array;
  /** The variables that the model's states are written to, in order. */
  readonly states: readonly tf.Variable[];
  /** All variables that a run changes. */
  readonly written: readonly tf.Variable[];
}

/** Makes an ONNX model of a traced function, and takes out the updates that the worker does by itself. */
export function buildProgram(
  name: string,
  traced: TracedFunction,
  frozen: ReadonlyMap<number, TypedArray> = new Map(),
): OnnxProgram {
  const { graph, updates, states } = extractUpdates(traced);
  const simple = inlineComposites(simplify(channelsFirst(graph)), (composite) => fusedComposites.has(composite));
  const model = lowerToOnnx(simple, frozen);
  const inputs = model.inputs.map(({ name: input, shape, dtype }) => ({
    index: Number(input.slice('input'.length)),
    shape,
    dtype,
  }));
  return {
    needed: new Set([...inputs.map(({ index }) => index), ...updates.flatMap(inputsOf)]),
    definition: {
      name,
      inputs,
      outputs: model.outputs.map(({ shape, dtype }) => ({ shape, dtype })),
      resultCount: traced.resultCount,
      stateCount: states.length,
      updates,
    },
    model: encodeModel(model),
    states,
    written: traced.assigned,
  };
}

/** The graph inputs that an update reads. */
function inputsOf(update: AdamWUpdate): number[] {
  const { parameter, firstMoment, secondMoment, learningRate, gradientScale, correction1, correction2 } = update;
  const scalars = [learningRate, gradientScale, correction1, correction2];
  return [
    parameter,
    firstMoment,
    secondMoment,
    ...scalars.flatMap((scalar) => ('input' in scalar ? [scalar.input] : [])),
  ];
}

/**
 * Takes AdamW updates whose results do nothing but replace the variables that they read out of the graph. The graph
 * then returns their gradients.
 */
function extractUpdates(traced: TracedFunction): { graph: Graph; updates: AdamWUpdate[]; states: tf.Variable[] } {
  const { graph, argumentCount, captures, assigned, resultCount } = traced;
  const inputIndex = new Map(graph.inputs.map((input, index) => [input, index]));
  const uses = new Map<Value, number>();
  for (const value of [...graph.operations.flatMap(({ operands }) => operands), ...graph.outputs]) {
    uses.set(value, (uses.get(value) ?? 0) + 1);
  }
  const target = new Map(graph.outputs.slice(resultCount).map((value, index) => [value, assigned[index]!]));
  const source = (value: Value): tf.Tensor | undefined => captures[inputIndex.get(value)! - argumentCount]?.tensor;

  const scratch: Value[] = [];
  const extracted = new Set<tf.Variable>();
  const pending: ((scratchStart: number) => AdamWUpdate)[] = [];
  const operations = graph.operations.filter((operation) => {
    if (operation.kind !== 'composite' || operation.attributes.name !== 'adamw') return true;
    const [parameter, gradient, first, second, ...numbers] = operation.operands as [Value, Value, Value, Value];
    const inPlace = [parameter, first, second].every((operand, index) => {
      const result = operation.results[index]!;
      return uses.get(result) === 1 && target.get(result) !== undefined && target.get(result) === source(operand);
    });
    if (!inPlace) return true;
    for (const result of operation.results) extracted.add(target.get(result)!);
    const keep = (value: Value): number => {
      const known = scratch.indexOf(value);
      return known < 0 ? scratch.push(value) - 1 : known;
    };
    const gradientAt = keep(gradient);
    const scalars = numbers.map((value: Value) => {
      const input = inputIndex.get(value);
      return input === undefined ? { scratch: keep(value) } : { input };
    });
    pending.push((scratchStart) => {
      const [learningRate, gradientScale, correction1, correction2] = scalars.map((scalar): ScalarSource =>
        'input' in scalar ? { input: scalar.input! } : { output: scratchStart + scalar.scratch },
      ) as [ScalarSource, ScalarSource, ScalarSource, ScalarSource];
      return {
        attributes: operation.attributes.attributes as unknown as AdamWUpdate['attributes'],
        parameter: inputIndex.get(parameter)!,
        firstMoment: inputIndex.get(first)!,
        secondMoment: inputIndex.get(second)!,
        gradient: scratchStart + gradientAt,
        learningRate,
        gradientScale,
        correction1,
        correction2,
      };
    });
    return false;
  });
  const states = assigned.filter((variable) => !extracted.has(variable));
  const stateValues = graph.outputs.slice(resultCount).filter((_, index) => !extracted.has(assigned[index]!));
  const outputs = [...graph.outputs.slice(0, resultCount), ...stateValues, ...scratch];
  const scratchStart = resultCount + states.length;
  return {
    graph: { ...graph, operations, outputs },
    updates: pending.map((make) => make(scratchStart)),
    states,
  };
}
