/** Rules of operations that move elements and compute nothing but sums of rows. */
import type { Value } from '../../../ir/graph.js';
import type { OperationRules, Rule } from '../dialect.js';
import { tensorType } from '../literals.js';

const list = (numbers: readonly number[]): string => `[${numbers.join(', ')}]`;

/**
 * An index outside of the axis fails a check. Its row is NaN (0 where there is no NaN), since
 * StableHLO would take the nearest one.
 */
const gather: Rule<'gather'> = (w, { attributes: { axis }, operands, results }) => {
  const [x, indices] = operands as [Value, Value];
  const y = results[0]!;
  const rank = indices.shape.length;
  const offsets = y.shape.map((_, index) => index).filter((index) => index < axis || index >= axis + rank);
  const sizes = x.shape.map((size, index) => (index === axis ? 1 : size));
  const numbers = [
    `offset_dims = ${list(offsets)}`,
    `collapsed_slice_dims = [${axis}]`,
    `start_index_map = [${axis}]`,
    `index_vector_dim = ${rank}`,
  ];
  const attributes = [
    `dimension_numbers = #stablehlo.gather<${numbers.join(', ')}>`,
    'indices_are_sorted = false',
    `slice_sizes = array<i64: ${sizes.join(', ')}>`,
  ];
  const types = `(${tensorType(x)}, ${tensorType(indices)}) -> ${tensorType(y)}`;
  const rows = w.emit(`"stablehlo.gather"(${w.of(x)}, ${w.of(indices)}) <{${attributes.join(', ')}}> : ${types}`);
  const conditions = { shape: indices.shape, dtype: 'bool' } as const;
  const isWithin = w.elementwise(
    'and',
    [
      w.compare('GE', w.of(indices), w.splat(0, indices), indices),
      w.compare('LT', w.of(indices), w.splat(x.shape[axis]!, indices), indices),
    ],
    conditions,
  );
  const everywhere = indices.shape.map((_, index) => index);
  const isOutside = w.elementwise('not', [isWithin], conditions);
  const isFailed = rank === 0 ? isOutside : w.reduce('or', isOutside, conditions, { axes: everywhere, initial: 0 });
  w.check(isFailed, `an index of a gather is not in [0, ${x.shape[axis]! - 1}]`);
  const all = { shape: y.shape, dtype: 'bool' } as const;
  const places = indices.shape.map((_, index) => axis + index);
  const missing = w.splat(y.dtype === 'float32' ? NaN : 0, y);
  return w.select(w.broadcast(isWithin, conditions, all, places), rows, missing, y);
};

/** StableHLO passes over an update whose index is outside of the base, as TensorFlow.js does. */
const scatterAdd: Rule<'scatter_add'> = (w, { operands, results }) => {
  const [base, , updates] = operands as [Value, Value, Value];
  const windows = updates.shape.map((_, axis) => axis).slice(1);
  const numbers = [
    `update_window_dims = ${list(windows)}`,
    'inserted_window_dims = [0]',
    'scatter_dims_to_operand_dims = [0]',
    'index_vector_dim = 1',
  ];
  const attributes = [
    `scatter_dimension_numbers = #stablehlo.scatter<${numbers.join(', ')}>`,
    'indices_are_sorted = false',
    'unique_indices = false',
  ];
  const scalar = tensorType({ shape: [], dtype: base.dtype });
  const region = w.region(base.dtype, [`%result = stablehlo.add %a, %b : ${scalar}`]);
  const names = operands.map((operand) => w.of(operand)).join(', ');
  const types = `(${operands.map(tensorType).join(', ')}) -> ${tensorType(results[0]!)}`;
  return w.emit(`"stablehlo.scatter"(${names}) <{${attributes.join(', ')}}> ${region} : ${types}`);
};

const pad: Rule<'pad'> = (w, { attributes: { low, high, value }, operands: [x], results: [y] }) => {
  const number = w.scalar(value, x!.dtype);
  const amounts = `low = ${list(low)}, high = ${list(high)}, interior = ${list(low.map(() => 0))}`;
  const types = `(${tensorType(x!)}, ${tensorType({ shape: [], dtype: x!.dtype })}) -> ${tensorType(y!)}`;
  return w.emit(`stablehlo.pad ${w.of(x!)}, ${number}, ${amounts} : ${types}`);
};

/** Rules of the operations that move elements. */
export const movementRules = {
  broadcast_in_dim: (w, { attributes: { dimensions }, operands: [x], results: [y] }) =>
    w.broadcast(w.of(x!), x!, y!, dimensions),
  reshape: (w, { operands: [x], results: [y] }) => w.reshape(w.of(x!), x!, y!),
  transpose: (w, { attributes: { permutation }, operands: [x], results: [y] }) =>
    w.convert('transpose', w.of(x!), x!, y!, `, dims = ${list(permutation)}`),
  reverse: (w, { attributes: { axes }, operands: [x], results: [y] }) =>
    w.emit(`stablehlo.reverse ${w.of(x!)}, dims = ${list(axes)} : ${tensorType(y!)}`),
  gather,
  scatter_add: scatterAdd,
  slice: (w, { attributes, operands: [x] }) => w.slice(w.of(x!), x!, attributes),
  pad,
  concatenate: (w, { attributes: { axis }, operands, results: [y] }) => {
    const names = operands.map((operand) => w.of(operand)).join(', ');
    return w.emit(
      `stablehlo.concatenate ${names}, dim = ${axis} : (${operands.map(tensorType).join(', ')}) -> ${tensorType(y!)}`,
    );
  },
} satisfies Partial<OperationRules>;
