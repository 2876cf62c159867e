import * as tf from '@tensorflow/tfjs-core';
import { CompileError } from './errors.js';
import type { DType, TypedArray } from './ir/graph.js';
import { toFloat16 } from './onnx/float16.js';
import { lowerToOnnx, standardComposites } from './onnx/lower.js';
import { encodeModel, type OnnxModel, type OnnxNode, type OnnxTensor } from './onnx/proto.js';
import { channelsFirst } from './passes/channels-first.js';
import { inlineComposites } from './passes/inline-composites.js';
import { simplify } from './passes/simplify.js';
import { trace, type TracedFunction } from './trace/trace.js';

/** The version of the standard's operators that {@link exportOnnx} writes; its files need no others. */
export const standardOpset = 17;
/** The version of the file format that came with it. */
const irVersion = 8;

/**
 * A function is traced with each of these batch sizes, and what comes out must be the same up to multiples of them: so it is
 * right for every batch. Primes, far from the sizes of models.
 */
const batchSizes = [7919, 7927] as const;

/** What protobuf can hold, and so every runtime reads. */
const maximumBytes = 2 ** 31 - 1;

/** What goes into a function: `'batch'`, as the first size only, stands for any number of examples. */
export interface OnnxInput {
  readonly shape: readonly (number | 'batch')[];
  readonly dtype: 'float32' | 'int32' | 'bool';
}

export interface ExportOnnxOptions<Name extends string = string> {
  /** What messages call the function. @default 'function' */
  readonly name?: string;
  /** Inputs by name, in order. */
  readonly inputs: Readonly<Record<Name, OnnxInput>>;
  /** Names of the variables that the function reads: the names of the file's weights. @default 'captured0', ... */
  readonly variables?: ReadonlyMap<string, tf.Variable>;
  /**
   * How weights are stored. `float16` halves the file: matrices, tables and kernels are stored in half precision and
   * converted once, when the file is loaded; vectors stay as they are, and everything is computed in float32.
   * @default 'float32'
   */
  readonly weights?: 'float32' | 'float16';
  /** Notes in the file, for people and programs. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Name and type of an input or output: sizes that follow the batch are names, `batch` or a multiple such as `4*batch`. */
export interface OnnxPort {
  readonly name: string;
  readonly dtype: 'float32' | 'int32' | 'bool';
  readonly shape: readonly (number | string)[];
}

/** An ONNX file. */
export interface ExportedOnnx {
  readonly bytes: Uint8Array;
  readonly opset: number;
  readonly inputs: readonly OnnxPort[];
  readonly outputs: readonly OnnxPort[];
}

/**
 * A function of tensors as a standard ONNX file, for any runtime: operators of the default domain alone, weights as named
 * initializers, any batch size. What the function reads is stored with the values that it has now. The same rules as for `compile`
 * hold; and its result must not depend on how many examples there are but by their number.
 * @param fn  inputs by name to outputs by name; called while it is traced, with shapes only
 * @throws {CompileError} for what cannot be written: an operation that cannot be compiled, assigned variables, a result that
 * depends on the batch in another way, more than 2 GiB, weights that float16 cannot hold
 */
export async function exportOnnx<Name extends string>(
  fn: (inputs: Record<Name, tf.Tensor>) => Readonly<Record<string, tf.Tensor>>,
  options: ExportOnnxOptions<Name>,
): Promise<ExportedOnnx> {
  const { name = 'function', inputs, variables = new Map<string, tf.Variable>(), weights, metadata } = options;
  const entries: readonly Input[] = Object.entries<OnnxInput>(inputs);
  checkInputs(name, entries);
  const traces: TracedFunction[] = [];
  try {
    for (const batch of batchSizes) traces.push(traceWith(fn, entries, batch, name));
    const [first, second] = traces as [TracedFunction, TracedFunction];
    const weightNames = namesOfCaptures(first, variables);
    const model = standardModel(first, entries, weightNames, batchSizes[0], name);
    assertSameModel(name, model, standardModel(second, entries, weightNames, batchSizes[1], name));
    const values = new Map<string, TypedArray>();
    for (const [index, { tensor }] of first.captures.entries()) {
      values.set(weightNames[index]!, await tensor.data<DType>());
    }
    const filled = withWeights(model, values, weights === 'float16', name);
    const size = filled.initializers.reduce(
      (total, { data }) => total + (data === 'external' ? 0 : data.byteLength),
      0,
    );
    if (size > maximumBytes) {
      throw new CompileError({
        where: name,
        expected: `at most ${maximumBytes} bytes of weights, which is what one ONNX file holds`,
        got: String(size),
        fix: weights === 'float16' ? 'Export the model in parts.' : "Store them as 'float16'.",
      });
    }
    const bytes = encodeModel(filled, { irVersion, operators: [{ domain: '', version: standardOpset }], metadata });
    return { bytes, opset: standardOpset, inputs: model.inputs, outputs: model.outputs };
  } finally {
    for (const { tensor } of traces.flatMap(({ captures }) => captures)) {
      if (!(tensor instanceof tf.Variable)) tensor.dispose();
    }
  }
}

type Input = readonly [name: string, type: OnnxInput];
type SymbolicModel = OnnxModel<number | string>;

function checkInputs(where: string, inputs: readonly Input[]): void {
  for (const [input, { shape }] of inputs) {
    if (shape.lastIndexOf('batch') > 0) {
      throw new CompileError({
        where: `${where}, input ${input}`,
        expected: "'batch' as the first size only",
        got: `[${shape.join(', ')}]`,
      });
    }
  }
}

function traceWith<Name extends string>(
  fn: (inputs: Record<Name, tf.Tensor>) => unknown,
  inputs: readonly Input[],
  batch: number,
  name: string,
): TracedFunction {
  const types = inputs.map(([, { shape, dtype }]) => ({
    shape: shape.map((size) => (size === 'batch' ? batch : size)),
    dtype,
  }));
  const record = Object.fromEntries(inputs.map(([input], index) => [input, { tensor: index }]));
  return trace(fn, types, { list: [{ record }] }, name);
}

/** Of everything that the function read, in order. */
function namesOfCaptures({ captures }: TracedFunction, variables: ReadonlyMap<string, tf.Variable>): string[] {
  const names = new Map([...variables].map(([name, variable]): [tf.Tensor, string] => [variable, name]));
  return captures.map(({ tensor }, index) => names.get(tensor) ?? `captured${index}`);
}

/** What was traced with one batch size, with every size that follows the batch written as such; weights have no values yet. */
function standardModel(
  traced: TracedFunction,
  inputs: readonly Input[],
  weightNames: readonly string[],
  batch: number,
  where: string,
): SymbolicModel {
  const outputs = outputNames(traced, where);
  // Once more after inlining: bodies of composites meet what is around them.
  const graph = simplify(
    inlineComposites(simplify(channelsFirst(traced.graph)), (composite) => standardComposites.has(composite)),
  );
  const frozen = new Set(weightNames.map((_, index) => inputs.length + index));
  const batchInput = inputs.findIndex(([, { shape }]) => shape[0] === 'batch');
  const lowered = lowerToOnnx(graph, frozen, { batch, batchInput: batchInput < 0 ? undefined : batchInput });
  const names = new Map<string, string>([
    ...[...inputs.map(([input]) => input), ...weightNames].map((name, index) => [`input${index}`, name] as const),
    ...outputs.map((name, index) => [`output${index}`, name] as const),
  ]);
  const nameOf = (name: string): string => names.get(name) ?? name;
  const nodes = withoutUnreadOutputs(lowered).map((node) => ({
    ...node,
    inputs: node.inputs.map(nameOf),
    outputs: node.outputs.map(nameOf),
  }));
  const initializers = lowered.initializers.map((tensor) => ({ ...tensor, name: nameOf(tensor.name) }));
  assertDistinct(where, [
    ...inputs.map(([input]) => input),
    ...initializers.map(({ name }) => name),
    ...nodes.flatMap((node) => node.outputs),
  ]);
  const symbolic = (size: number): number | string => {
    if (size === 0 || size % batch !== 0) return size;
    return size === batch ? 'batch' : `${size / batch}*batch`;
  };
  return {
    nodes,
    initializers,
    // Those that nothing reads as well: they are the function's interface.
    inputs: inputs.map(([name, { shape, dtype }]) => ({ name, shape, dtype })),
    outputs: lowered.outputs.map(({ shape, dtype }, index) => ({
      name: outputs[index]!,
      shape: shape.map(symbolic),
      dtype,
    })),
  };
}

/** The outputs' names, in the order of the graph's outputs. */
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

/** Layer norm has its statistics as optional outputs, which not every runtime computes. */
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

/** Throws where the batch shows in anything but sizes. */
function assertSameModel(where: string, a: SymbolicModel, b: SymbolicModel): void {
  const text = ({ opType, inputs, outputs, attributes }: OnnxNode): string =>
    `${outputs.join()} = ${opType}(${inputs.join()}) ${JSON.stringify(attributes)}`;
  const refuse = (what: string): never => {
    throw new CompileError({
      where,
      expected: 'a function that does the same for every batch size',
      got: `one that depends on it in ${what}`,
      fix: `No constant, index or mean may be over the batch. (It was tried with ${batchSizes.join(' and ')} examples: a size of the model that is a multiple of one of them is taken for the batch too.)`,
    });
  };
  const at = Array.from({ length: Math.max(a.nodes.length, b.nodes.length) }).findIndex(
    (_, index) => !a.nodes[index] || !b.nodes[index] || text(a.nodes[index]) !== text(b.nodes[index]),
  );
  if (at >= 0) refuse(`the operator ${a.nodes[at] ? text(a.nodes[at]) : 'after the last'}`);
  const others = new Map(b.initializers.map((tensor) => [tensor.name, tensor]));
  for (const tensor of a.initializers) {
    if (!sameTensor(tensor, others.get(tensor.name))) refuse(`the constant ${tensor.name} [${tensor.shape.join()}]`);
  }
  const ports = (model: SymbolicModel): string => JSON.stringify([model.inputs, model.outputs]);
  if (ports(a) !== ports(b)) refuse('the shape of a result');
}

function sameTensor(a: OnnxTensor, b: OnnxTensor | undefined): boolean {
  if (!b || a.type !== b.type || a.shape.join() !== b.shape.join() || a.data.length !== b.data.length) return false;
  for (let index = 0; index < a.data.length; index++) if (!Object.is(a.data[index], b.data[index])) return false;
  return true;
}

/** The model with its weights; those that are stored in half precision are converted by a node of their own. */
function withWeights(
  model: SymbolicModel,
  values: ReadonlyMap<string, TypedArray>,
  half: boolean,
  where: string,
): SymbolicModel {
  const widened = new Map<string, string>();
  const initializers = model.initializers.map((tensor): OnnxTensor => {
    const data = values.get(tensor.name);
    if (!data) return tensor;
    if (!half || tensor.type !== 'float32' || tensor.shape.length < 2) return { ...tensor, data: typed(tensor, data) };
    const floats = typed(tensor, data) as Float32Array;
    const bits = toFloat16(floats);
    // Infinities of the weight itself would pass.
    const lost = floats.findIndex((value, index) => Number.isFinite(value) && (bits[index]! & 0x7fff) === 0x7c00);
    if (lost >= 0) {
      throw new CompileError({
        where,
        expected: 'weights that float16 can hold, below 65520',
        got: `${floats[lost]} in ${tensor.name}`,
        fix: "Store them as 'float32'.",
      });
    }
    widened.set(tensor.name, `${tensor.name}.float32`);
    return { ...tensor, type: 'float16', data: bits };
  });
  const casts = [...widened].map(([input, output]): OnnxNode => ({
    opType: 'Cast',
    domain: '',
    inputs: [input],
    outputs: [output],
    attributes: { to: 1 },
  }));
  const nodes = model.nodes.map((node) => ({
    ...node,
    inputs: node.inputs.map((input) => widened.get(input) ?? input),
  }));
  return { ...model, initializers, nodes: [...casts, ...nodes] };
}

/** TensorFlow.js casts lazily: a float tensor may still hold integers. */
function typed({ type }: OnnxTensor, data: TypedArray): TypedArray {
  const make = { float32: Float32Array, int32: Int32Array, bool: Uint8Array }[type as DType];
  return data instanceof make ? data : make.from(data);
}
