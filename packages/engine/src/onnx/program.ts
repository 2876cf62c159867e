import type * as tf from '@tensorflow/tfjs-core';
import { channelsFirst } from '../passes/channels-first.js';
import { inlineComposites } from '../passes/inline-composites.js';
import { simplify } from '../passes/simplify.js';
import type { TracedFunction } from '../trace/trace.js';
import { extractInPlace } from './in-place.js';
import { fusedComposites, lowerToOnnx } from './lower.js';
import { encodeModel } from './proto.js';
import type { AdamWUpdate, ProgramDefinition, RowWrite } from './protocol.js';

export interface OnnxProgram {
  readonly definition: ProgramDefinition;
  /** Indices of the graph inputs that a run reads; frozen and unused ones are not among them. */
  readonly needed: ReadonlySet<number>;
  /** Indices of the frozen graph inputs that the model has as initializers. */
  readonly initializers: readonly number[];
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
  frozen: ReadonlySet<number> = new Set(),
): OnnxProgram {
  const { graph, updates, writes, states } = extractInPlace(traced);
  const simple = inlineComposites(simplify(channelsFirst(graph)), (composite) => fusedComposites.has(composite));
  const model = lowerToOnnx(simple, frozen);
  const indexOf = (input: string): number => Number(input.slice('input'.length));
  const inputs = model.inputs.map(({ name: input, shape, dtype }) => ({ index: indexOf(input), shape, dtype }));
  const external = model.initializers.filter(({ data }) => data === 'external');
  return {
    initializers: external.map(({ name: input }) => indexOf(input)),
    needed: new Set([
      ...inputs.map(({ index }) => index),
      ...updates.flatMap(inputsOfUpdate),
      ...writes.flatMap(inputsOfWrite),
    ]),
    definition: {
      name,
      inputs,
      outputs: model.outputs.map(({ shape, dtype }) => ({ shape, dtype })),
      resultCount: traced.resultCount,
      stateCount: states.length,
      updates,
      writes,
    },
    model: encodeModel(model),
    states,
    written: traced.assigned,
  };
}

/** The graph inputs that an update reads. */
function inputsOfUpdate(update: AdamWUpdate): number[] {
  const { parameter, firstMoment, secondMoment, learningRate, gradientScale, correction1, correction2 } = update;
  const scalars = [learningRate, gradientScale, correction1, correction2];
  return [
    parameter,
    firstMoment,
    secondMoment,
    ...scalars.flatMap((scalar) => ('input' in scalar ? [scalar.input] : [])),
  ];
}

/** The graph inputs that a write of rows reads. */
function inputsOfWrite({ state, position }: RowWrite): number[] {
  return 'input' in position ? [state, position.input] : [state];
}
