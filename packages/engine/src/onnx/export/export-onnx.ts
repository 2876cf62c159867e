import type * as tf from '@tensorflow/tfjs-core';
import { CompileError } from '../../errors.js';
import type { HostType, TypedArray } from '../../ir/graph.js';
import { releaseCaptures, trace, type TracedFunction } from '../../trace/trace.js';
import { standardOnnx, standardOpset } from '../dialects/standard-onnx.js';
import { encodeModel } from '../proto.js';
import { assertSameModel } from './assert-same-model.js';
import { storeWeights } from './store-weights.js';
import { symbolicModel, type NamedInput, type SymbolicModel } from './symbolic-model.js';

/**
 * Batch sizes with which a function is traced. What comes out must be equal up to multiples of
 * them, so that it is right for every batch. They are primes, far from the sizes of models.
 */
const batchSizes = [7919, 7927] as const;

/** Largest file that protobuf, and so every runtime, can hold. */
const maximumBytes = 2 ** 31 - 1;

/** Type of an input. `'batch'`, as the first size only, stands for any number of examples. */
export interface OnnxInput {
  readonly shape: readonly (number | 'batch')[];
  readonly dtype: 'float32' | 'int32' | 'bool';
}

/** Options of {@link exportOnnx}. */
export interface ExportOnnxOptions<Name extends string = string> {
  /** Name of the function in messages. @default 'function' */
  readonly name?: string;
  /** Inputs by name, in order. */
  readonly inputs: Readonly<Record<Name, OnnxInput>>;
  /**
   * Names of the variables that the function reads, which become the names of the file's weights.
   * @default 'captured0', ...
   */
  readonly variables?: ReadonlyMap<string, tf.Variable>;
  /**
   * How weights are stored. `float16` halves the file: matrices, tables and kernels are stored in
   * half precision and converted once, when the file is loaded; vectors stay in float32, in which
   * everything is computed.
   * @default 'float32'
   */
  readonly weights?: 'float32' | 'float16';
  /** Notes in the file, for people and programs. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Name and type of an input or output. Sizes that follow the batch are names: `batch`, or a
 * multiple such as `4*batch`.
 */
export interface OnnxPort {
  readonly name: string;
  readonly dtype: 'float32' | 'int32' | 'bool';
  readonly shape: readonly (number | string)[];
}

/** An ONNX file. */
export interface ExportedOnnx {
  readonly bytes: Uint8Array;
  /** Version of the standard's operators in the file. */
  readonly opset: number;
  readonly inputs: readonly OnnxPort[];
  readonly outputs: readonly OnnxPort[];
}

/**
 * Writes a function of tensors as a standard ONNX file for any runtime: operators of the default
 * domain alone, weights as named initializers, any batch size. Everything that the function reads
 * is stored with its present values. The rules of `compile` hold; besides, the results may depend
 * on the number of examples in their sizes only.
 * @param fn  inputs by name to outputs by name; called while it is traced, with shapes only
 * @throws {CompileError} for what cannot be written: an operation that cannot be compiled, assigned
 *   variables, a result that depends on the batch in another way, more than 2 GiB, weights that
 *   float16 cannot hold
 */
export async function exportOnnx<Name extends string>(
  fn: (inputs: Record<Name, tf.Tensor>) => Readonly<Record<string, tf.Tensor>>,
  options: ExportOnnxOptions<Name>,
): Promise<ExportedOnnx> {
  const { name = 'function', inputs, variables = new Map<string, tf.Variable>(), weights, metadata } = options;
  const entries: readonly NamedInput[] = Object.entries<OnnxInput>(inputs);
  checkInputs(name, entries);
  const traces: TracedFunction[] = [];
  try {
    for (const batch of batchSizes) traces.push(traceWith(fn, entries, batch, name));
    const [first, second] = traces as [TracedFunction, TracedFunction];
    const weightNames = namesOfCaptures(first, variables);
    const model = symbolicModel(first, { inputs: entries, weightNames, batch: batchSizes[0], where: name });
    const other = symbolicModel(second, { inputs: entries, weightNames, batch: batchSizes[1], where: name });
    assertSameModel(model, other, { where: name, batchSizes });
    const values = new Map<string, TypedArray>();
    for (const [index, { tensor }] of first.captures.entries()) {
      values.set(weightNames[index]!, await tensor.data<HostType>());
    }
    const filled = storeWeights(model, values, { isHalf: weights === 'float16', where: name });
    assertFitsFile(filled, weights, name);
    const bytes = encodeModel(filled, standardOnnx.header, metadata);
    return { bytes, opset: standardOpset, inputs: model.inputs, outputs: model.outputs };
  } finally {
    traces.forEach(releaseCaptures);
  }
}

function checkInputs(where: string, inputs: readonly NamedInput[]): void {
  for (const [input, { shape }] of inputs) {
    if (shape.lastIndexOf('batch') > 0) {
      throw new CompileError({
        where: `${where}, input ${input}`,
        expected: "'batch' as the first size only",
        got: `[${shape.join(', ')}]`,
        fix: 'Transpose inside the function.',
      });
    }
  }
}

function traceWith<Name extends string>(
  fn: (inputs: Record<Name, tf.Tensor>) => unknown,
  inputs: readonly NamedInput[],
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

/** Names of everything that the function has read, in order. */
function namesOfCaptures({ captures }: TracedFunction, variables: ReadonlyMap<string, tf.Variable>): string[] {
  const names = new Map([...variables].map(([name, variable]): [tf.Tensor, string] => [variable, name]));
  return captures.map(({ tensor }, index) => names.get(tensor) ?? `captured${index}`);
}

function assertFitsFile({ initializers }: SymbolicModel, weights: ExportOnnxOptions['weights'], where: string): void {
  const size = initializers.reduce((total, { data }) => total + (data === 'external' ? 0 : data.byteLength), 0);
  if (size <= maximumBytes) return;
  throw new CompileError({
    where,
    expected: `at most ${maximumBytes} bytes of weights, which is what one ONNX file holds`,
    got: String(size),
    fix: weights === 'float16' ? 'Export the model in parts.' : "Store them as 'float16'.",
  });
}
