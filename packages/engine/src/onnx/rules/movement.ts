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

/** Whether indices are constants that are all in range. */
export function areInRange(indices: Value, size: number): boolean {
  const { producer } = indices;
  if (producer?.kind !== 'constant') return false;
  const { value } = producer.attributes;
  return ('splat' in value ? [value.splat] : [...value.data]).every((index) => index >= 0 && index < size);
}

/** Gathers; an index below 0 would count from the end, and becomes one that is refused. */
const gather: Rule<'gather'> = (w, { attributes: { axis }, operands }) => {
  const [x, indices] = operands as [Value, Value];
  const size = x.shape[axis]!;
  const places = w.full(indices);
  const refused = (): string => w.emit('Less', [places, w.scalar(0, 'int32')]);
  const checked = areInRange(indices, size) ? places : w.emit('Where', [refused(), w.scalar(size, 'int32'), places]);
  return w.emit('Gather', [w.full(x), checked], { axis });
};

/**
 * ScatterElements instead of ScatterND, which with several threads loses updates of the same row.
 * An index out of range adds 0 to the first row.
 */
const scatterAdd: Rule<'scatter_add'> = (w, { operands }) => {
  const [base, indices, updates] = operands as [Value, Value, Value];
  const size = base.shape[0]!;
  const columnShape = [-1, ...updates.shape.slice(1).map(() => 1)];
  const column = (name: string): string => w.emit('Reshape', [name, w.integers(columnShape)]);
  let [rows, added] = [w.full(indices), w.full(updates)];
  if (!areInRange(indices, size)) {
    const [zero, end] = [w.scalar(0, 'int32'), w.scalar(size, 'int32')];
    const isRow = w.emit('And', [w.emit('GreaterOrEqual', [rows, zero]), w.emit('Less', [rows, end])]);
    rows = w.emit('Where', [isRow, rows, zero]);
    added = w.emit('Where', [column(isRow), added, w.scalar(0, updates.dtype)]);
  }
  const places = w.expand(column(w.emit('Cast', [rows], { to: castTo.int64 })), [], updates.shape);
  return w.emit('ScatterElements', [w.full(base), places, added], { axis: 0, reduction: 'add' });
};

/** Rules of the operations that move elements. */
export const movementRules = {
  broadcast_in_dim: () => undefined, // written where it is used
  reshape: (w, { operands, results }) => w.reshape(w.full(operands[0]!), results[0]!.shape),
  transpose: (w, { attributes: { permutation }, operands }) =>
    w.emit('Transpose', [w.full(operands[0]!)], { perm: permutation }),
  reverse: (w, { attributes: { axes }, operands }) => writeReverse(w, operands[0]!, axes),
  gather,
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
