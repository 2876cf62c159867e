/** Rules of operations that move elements and compute nothing. */
import type { Value } from '../../ir/graph.js';
import type { OperationRules, Rule } from '../dialect.js';
import type { ModelWriter } from '../model-writer.js';
import { castTo } from './elementwise.js';

/** Emits a Slice along some axes of a value. */
function writeSlice(
  w: ModelWriter,
  x: Value,
  range: {
    readonly start: readonly number[];
    readonly limit: readonly number[];
    readonly axes: readonly number[];
    readonly strides: readonly number[];
  },
): string {
  const bounds = [range.start, range.limit, range.axes, range.strides];
  return w.emit('Slice', [w.full(x), ...bounds.map((values) => w.integers(values))]);
}

/** Emits a Slice that reverses some axes of a value. */
export function writeReverse(w: ModelWriter, x: Value, axes: readonly number[]): string {
  const [start, limit] = [axes.map(() => -1), axes.map(() => -(2 ** 31))];
  return writeSlice(w, x, { start, limit, axes, strides: start });
}

const slice: Rule<'slice'> = (w, { attributes: { start, limit, strides }, operands }) => {
  const [x] = operands as [Value];
  const axes = start.flatMap((from, axis) =>
    from === 0 && limit[axis] === x.shape[axis] && strides[axis] === 1 ? [] : [axis],
  );
  const pick = (values: readonly number[]): number[] => axes.map((axis) => values[axis]!);
  return writeSlice(w, x, { start: pick(start), limit: pick(limit), axes, strides: pick(strides) });
};

const pad: Rule<'pad'> = (w, { attributes: { low, high, value }, operands }) => {
  const [x] = operands as [Value];
  return w.emit('Pad', [w.full(x), w.integers([...low, ...high]), w.scalar(value, x.dtype)]);
};

/**
 * ScatterElements instead of ScatterND, which with several threads loses updates of the same row.
 */
const scatterAdd: Rule<'scatter_add'> = (w, { operands }) => {
  const [base, indices, updates] = operands as [Value, Value, Value];
  const rows = w.emit('Cast', [w.full(indices)], { to: castTo.int64 });
  const column = w.emit('Reshape', [rows, w.integers([-1, ...updates.shape.slice(1).map(() => 1)])]);
  const places = w.expand(column, [], updates.shape);
  return w.emit('ScatterElements', [w.full(base), places, w.full(updates)], { axis: 0, reduction: 'add' });
};

/** Rules of the operations that move elements. */
export const movementRules = {
  broadcast_in_dim: () => undefined, // written where it is used
  reshape: (w, { operands, results }) => w.reshape(w.full(operands[0]!), results[0]!.shape),
  transpose: (w, { attributes: { permutation }, operands }) =>
    w.emit('Transpose', [w.full(operands[0]!)], { perm: permutation }),
  reverse: (w, { attributes: { axes }, operands }) => writeReverse(w, operands[0]!, axes),
  gather: (w, { attributes: { axis }, operands }) =>
    w.emit('Gather', [w.full(operands[0]!), w.full(operands[1]!)], { axis }),
  scatter_add: scatterAdd,
  slice,
  pad,
  concatenate: (w, { attributes: { axis }, operands }) =>
    w.emit(
      'Concat',
      operands.map((operand) => w.full(operand)),
      { axis },
    ),
} satisfies Partial<OperationRules>;
