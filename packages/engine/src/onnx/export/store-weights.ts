import { CompileError } from '../../errors.js';
import type { HostType, TypedArray } from '../../ir/graph.js';
import { toFloat16 } from '../float16.js';
import type { OnnxNode, OnnxTensor } from '../proto.js';
import { castTo } from '../rules/elementwise.js';
import type { SymbolicModel } from './symbolic-model.js';

/**
 * Returns the model with its weights. Weights that are stored in half precision are converted by a
 * node of their own.
 * @throws {CompileError} for a weight that half precision cannot hold
 */
export function storeWeights(
  model: SymbolicModel,
  values: ReadonlyMap<string, TypedArray>,
  { isHalf, where }: { readonly isHalf: boolean; readonly where: string },
): SymbolicModel {
  const widened = new Map<string, string>();
  const initializers = model.initializers.map((tensor): OnnxTensor => {
    const data = values.get(tensor.name);
    if (!data) return tensor;
    const stored = typed(tensor, data);
    if (!isHalf || tensor.type !== 'float32' || tensor.shape.length < 2) return { ...tensor, data: stored };
    widened.set(tensor.name, `${tensor.name}.float32`);
    return { ...tensor, type: 'float16', data: halfPrecision(stored as Float32Array, tensor.name, where) };
  });
  const casts = [...widened].map(([input, output]): OnnxNode => ({
    opType: 'Cast',
    domain: '',
    inputs: [input],
    outputs: [output],
    attributes: { to: castTo.float32 },
  }));
  const nodes = model.nodes.map((node) => ({
    ...node,
    inputs: node.inputs.map((input) => widened.get(input) ?? input),
  }));
  return { ...model, initializers, nodes: [...casts, ...nodes] };
}

function halfPrecision(values: Float32Array, name: string, where: string): Uint16Array {
  const bits = toFloat16(values);
  // A weight that is infinite itself passes.
  const lost = values.findIndex((value, index) => Number.isFinite(value) && (bits[index]! & 0x7fff) === 0x7c00);
  if (lost < 0) return bits;
  throw new CompileError({
    where,
    expected: 'weights that float16 can hold, below 65520',
    got: `${values[lost]} in ${name}`,
    fix: "Store them as 'float32'.",
  });
}

/**
 * Returns the values as an array of the tensor's type: TensorFlow.js may keep integers in a float
 * tensor.
 */
function typed({ type }: OnnxTensor, data: TypedArray): TypedArray {
  const make = { float32: Float32Array, int32: Int32Array, bool: Uint8Array }[type as HostType];
  return data instanceof make ? data : make.from(data);
}
