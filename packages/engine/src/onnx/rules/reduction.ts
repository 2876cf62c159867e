/** Rules of operations that combine or rank the elements of an axis. */
import type { ReduceKind } from '../../ir/graph.js';
import type { OperationRules, Rule } from '../dialect.js';
import type { ModelWriter } from '../model-writer.js';
import { castTo } from './elementwise.js';

/** ONNX's operators of the reductions. */
const reduceOperators: Record<ReduceKind, string> = {
  sum: 'ReduceSum',
  max: 'ReduceMax',
  min: 'ReduceMin',
  product: 'ReduceProd',
};

/** Emits an operator that reduces some axes of a tensor. */
type WriteReduction = (w: ModelWriter, opType: string, x: string, axes: readonly number[]) => string;

/** Emits a node that asks which elements are NaN. */
type WriteIsNaN = (w: ModelWriter, x: string) => string;

/**
 * Returns the rule of reductions. ONNX's largest and smallest element may pass over a NaN,
 * depending on its place; a sum of magnitudes is NaN where, and only where, one element is.
 */
export function reduceRule(
  write: WriteReduction,
  writeIsNaN: WriteIsNaN = (w, x) => w.emit('IsNaN', [x]),
): Rule<'reduce'> {
  return (w, { attributes: { kind, axes }, operands }) => {
    const x = w.full(operands[0]!);
    const reduced = write(w, reduceOperators[kind], x, axes);
    if (operands[0]!.dtype !== 'float32' || kind === 'sum' || kind === 'product') return reduced;
    const magnitudes = write(w, 'ReduceL1', x, axes);
    return w.emit('Where', [writeIsNaN(w, magnitudes), magnitudes, reduced]);
  };
}

/** Reduces as all operators do since opset 18: the axes are an input. */
export const writeReduction: WriteReduction = (w, opType, x, axes) =>
  w.emit(opType, [x, w.integers(axes)], { keepdims: 0 });

const reduce = reduceRule(writeReduction);

const argReduce: Rule<'arg_reduce'> = (w, { attributes: { kind, axis }, operands }) => {
  const opType = kind === 'max' ? 'ArgMax' : 'ArgMin';
  return w.emit('Cast', [w.emit(opType, [w.full(operands[0]!)], { axis, keepdims: 0 })], { to: castTo.int32 });
};

const topK: Rule<'top_k'> = (w, { attributes: { k, isSorted }, operands }) => {
  const [values, indices] = [w.freshName(), w.freshName()];
  const inputs = [w.full(operands[0]!), w.integers([k])];
  w.emitNode({ opType: 'TopK', inputs, outputs: [values, indices], attributes: { sorted: isSorted ? 1 : 0 } });
  return [values, w.emit('Cast', [indices], { to: castTo.int32 })];
};

const cumulativeSum: Rule<'cumulative_sum'> = (w, { attributes: { axis, exclusive, reverse }, operands }) => {
  const at = w.initializer(`axis_${axis}`, () => ({
    shape: [],
    type: 'int64',
    data: BigInt64Array.of(BigInt(axis)),
  }));
  return w.emit('CumSum', [w.full(operands[0]!), at], { exclusive: Number(exclusive), reverse: Number(reverse) });
};

/** Rules of the reductions, of ranking and of cumulative sums. */
export const reductionRules = {
  reduce,
  arg_reduce: argReduce,
  top_k: topK,
  cumulative_sum: cumulativeSum,
} satisfies Partial<OperationRules>;
