import { CompileError } from '../../errors.js';
import { runPasses } from '../../passes/pipeline.js';
import type { TracedFunction } from '../../trace/trace.js';
import { standardOnnx } from '../dialects/standard-onnx.js';
import { lowerToOnnx, passesFor } from '../lower.js';
import type { OnnxModel, OnnxNode } from '../proto.js';
import type { OnnxInput } from './export-onnx.js';

/** An input with its name. */
export type NamedInput = readonly [name: string, type: OnnxInput];

/** A model whose sizes are numbers, or names where they follow the batch. */
export type SymbolicModel = OnnxModel<number | string>;

/** What a model is made with besides the traced function. */
interface ModelNames {
  readonly inputs: readonly NamedInput[];
  /** Names of the captured tensors, in order. */
  readonly weightNames: readonly string[];
  /** Batch size of the trace. */
  readonly batch: number;
  /** Name of the function, for messages. */
  readonly where: string;
}

/**
 * A file holds no memory to save, so that bodies of composites may be merged with what surrounds
 * them.
 */
const exportPasses = passesFor(standardOnnx, { mergesBodies: true });

/**
 * Makes the model of a function that was traced with one batch size, with a name for every size
 * that follows the batch. The weights have no values yet.
 */
export function symbolicModel(traced: TracedFunction, names: ModelNames): SymbolicModel {
  const { inputs, weightNames, batch, where } = names;
  const outputs = outputNames(traced, where);
  const batchInput = inputs.findIndex(([, { shape }]) => shape[0] === 'batch');
  const lowered = lowerToOnnx(runPasses(traced.graph, exportPasses), standardOnnx, {
    frozen: new Set(weightNames.map((_, index) => inputs.length + index)),
    batch: { size: batch, input: batchInput < 0 ? undefined : batchInput },
  });
  const named = renamed({ ...lowered, nodes: withoutUnreadOutputs(lowered) }, inputs, weightNames, outputs);
  assertDistinct(where, [
    ...inputs.map(([input]) => input),
    ...named.initializers.map(({ name }) => name),
    ...named.nodes.flatMap((node) => node.outputs),
  ]);
  const symbolic = (size: number): number | string => {
    if (size === 0 || size % batch !== 0) return size;
    return size === batch ? 'batch' : `${size / batch}*batch`;
  };
  return {
    ...named,
    // Inputs that nothing reads are listed as well: they are the interface of the function.
    inputs: inputs.map(([name, { shape, dtype }]) => ({ name, shape, dtype })),
    outputs: lowered.outputs.map(({ shape, dtype }, index) => ({
      name: outputs[index]!,
      shape: shape.map(symbolic),
      dtype,
    })),
  };
}

/** Gives inputs, weights and outputs the names that the caller knows. */
function renamed(
  { nodes, initializers }: OnnxModel,
  inputs: readonly NamedInput[],
  weightNames: readonly string[],
  outputs: readonly string[],
): Pick<OnnxModel, 'nodes' | 'initializers'> {
  const names = new Map<string, string>([
    ...[...inputs.map(([input]) => input), ...weightNames].map((name, index) => [`input${index}`, name] as const),
    ...outputs.map((name, index) => [`output${index}`, name] as const),
  ]);
  const nameOf = (name: string): string => names.get(name) ?? name;
  return {
    nodes: nodes.map((node) => ({ ...node, inputs: node.inputs.map(nameOf), outputs: node.outputs.map(nameOf) })),
    initializers: initializers.map((tensor) => ({ ...tensor, name: nameOf(tensor.name) })),
  };
}

/** Names of the outputs, in the order of the graph's outputs. */
function outputNames({ resultTemplate, assigned }: TracedFunction, where: string): string[] {
  if (assigned.length > 0) {
    throw new CompileError({
      where,
      expected: 'a function that assigns no variable',
      got: `${assigned.length} assignments`,
      fix: 'A file has no state: return the new value.',
    });
  }
  const record = 'record' in resultTemplate ? Object.entries(resultTemplate.record) : [];
  const tensors = record.filter(([, item]) => 'tensor' in item);
  if (record.length === 0 || tensors.length < record.length) {
    throw new CompileError({ where, expected: 'a plain object of tensors as its result', got: 'something else' });
  }
  return tensors.map(([output]) => output);
}

/**
 * Drops statistics of layer norm that nothing reads; not every runtime computes these optional
 * outputs.
 */
function withoutUnreadOutputs({ nodes, outputs }: OnnxModel): OnnxNode[] {
  const read = new Set([...nodes.flatMap(({ inputs }) => inputs), ...outputs.map(({ name }) => name)]);
  return nodes.map((node) => {
    if (node.opType !== 'LayerNormalization') return node;
    const used = node.outputs.findLastIndex((output, index) => index === 0 || read.has(output));
    return { ...node, outputs: node.outputs.slice(0, used + 1) };
  });
}

function assertDistinct(where: string, names: readonly string[]): void {
  const seen = new Set<string>();
  for (const each of names) {
    if (seen.has(each)) {
      throw new CompileError({
        where,
        expected: 'names of inputs, outputs and variables that differ from each other and from t0, t1, ...',
        got: `"${each}" twice`,
        fix: 'Rename it.',
      });
    }
    seen.add(each);
  }
}
