/** Rules of operations that combine or rank the elements of an axis. */
import type { DType, ReduceKind, Value, ValueType } from '../../../ir/graph.js';
import type { OperationRules, Rule } from '../dialect.js';
import { tensorType } from '../literals.js';
import type { ModuleWriter } from '../module-writer.js';

const largestInteger = 2 ** 31 - 1;

/** How each kind combines two elements, and the number that changes nothing. */
const reductions: Record<ReduceKind, { readonly operation: string; readonly neutral: (dtype: DType) => number }> = {
  sum: { operation: 'add', neutral: () => 0 },
  product: { operation: 'multiply', neutral: () => 1 },
  max: { operation: 'maximum', neutral: (dtype) => (dtype === 'float32' ? -Infinity : -largestInteger - 1) },
  min: { operation: 'minimum', neutral: (dtype) => (dtype === 'float32' ? Infinity : largestInteger) },
};

/** Combines the elements along axes. The extreme values keep a NaN, wherever it stands. */
function reduced(w: ModuleWriter, kind: ReduceKind, name: string, type: ValueType, axes: readonly number[]): string {
  const { operation, neutral } = reductions[kind];
  const numbers = { axes, initial: neutral(type.dtype) };
  const isExtreme = (kind === 'max' || kind === 'min') && type.dtype === 'float32';
  if (!isExtreme) return w.reduce(operation, name, type, numbers);
  if (w.isPartitioned) return extremeOfParts(w, operation, name, type, numbers);
  const [number, truth] = (['float32', 'bool'] as const).map((dtype) => tensorType({ shape: [], dtype }));
  // XLA on a CPU passes over a NaN in the second operand of a maximum or minimum.
  const body = [
    `%extreme = stablehlo.${operation} %a, %b : ${number}`,
    `%isNaN = stablehlo.compare NE, %b, %b, FLOAT : (${number}, ${number}) -> ${truth}`,
    `%result = stablehlo.select %isNaN, %b, %extreme : ${truth}, ${number}`,
  ];
  return w.reduce(body, name, type, numbers);
}

/**
 * Returns extreme values, and NaN where there is one, by operations with which devices can combine
 * what each of them has found; they take no body of several operations.
 */
function extremeOfParts(
  w: ModuleWriter,
  operation: string,
  name: string,
  type: ValueType,
  { axes, initial }: { readonly axes: readonly number[]; readonly initial: number },
): string {
  const integers = { shape: type.shape, dtype: 'int32' } as const;
  const left = type.shape.filter((_, axis) => !axes.includes(axis));
  const result = { shape: left, dtype: type.dtype };
  const counts = { shape: left, dtype: 'int32' } as const;
  const isNaN = w.compare('NE', name, name, type);
  const numbers = w.select(isNaN, w.splat(initial, type), name, type);
  const marks = w.select(isNaN, w.splat(1, integers), w.splat(0, integers), integers);
  const hasNaN = w.compare(
    'GT',
    w.reduce('maximum', marks, integers, { axes, initial: 0 }),
    w.splat(0, counts),
    counts,
  );
  return w.select(hasNaN, w.splat(NaN, result), w.reduce(operation, numbers, type, { axes, initial }), result);
}

/** Returns the range `from` to `to` of an axis. */
function range(w: ModuleWriter, name: string, type: ValueType, axis: number, [from, to]: readonly number[]): string {
  return w.slice(name, type, {
    start: type.shape.map((_, index) => (index === axis ? from! : 0)),
    limit: type.shape.map((size, index) => (index === axis ? to! : size)),
    strides: type.shape.map(() => 1),
  });
}

/**
 * Returns the first place of the extreme value. As in a loop that keeps the best element so far, a
 * NaN at the first place stays the best, and any other is passed over.
 */
const argReduce: Rule<'arg_reduce'> = (w, { attributes: { kind, axis }, operands, results }) => {
  const x = operands[0]!;
  const y = results[0]!;
  const isFloat = x.dtype === 'float32';
  const integers = { shape: x.shape, dtype: 'int32' } as const;
  const conditions = { shape: x.shape, dtype: 'bool' } as const;
  const isNaN = w.compare('NE', w.of(x), w.of(x), x);
  const worst = w.splat(reductions[kind].neutral(x.dtype), x);
  const values = isFloat ? w.select(isNaN, worst, w.of(x), x) : w.of(x);
  const best = reduced(w, kind, values, x, [axis]);
  const others = x.shape.map((_, index) => index).filter((index) => index !== axis);
  const isBest = w.compare('EQ', values, w.broadcast(best, { shape: y.shape, dtype: x.dtype }, x, others), x);
  const places = w.select(isBest, w.iota(axis, integers), w.splat(largestInteger, integers), integers);
  const place = reduced(w, 'min', places, integers, [axis]);
  if (!isFloat) return place;
  const first = { shape: x.shape.map((size, index) => (index === axis ? 1 : size)), dtype: 'bool' } as const;
  const startsWithNaN = w.reshape(range(w, isNaN, conditions, axis, [0, 1]), first, { shape: y.shape, dtype: 'bool' });
  return w.select(startsWithNaN, w.splat(0, y), place, y);
};

/** Sorts in descending order, NaN first and the smaller index first among equals. */
const topK: Rule<'top_k'> = (w, { attributes: { k }, operands }) => {
  const x = operands[0]!;
  const axis = x.shape.length - 1;
  const integers = { shape: x.shape, dtype: 'int32' } as const;
  const [number, index, truth] = (['float32', 'int32', 'bool'] as const).map((dtype) =>
    tensorType({ shape: [], dtype: dtype === 'float32' ? x.dtype : dtype }),
  ) as [string, string, string];
  const kind = x.dtype === 'float32' ? 'FLOAT' : 'SIGNED';
  const compare = (direction: string, a: string, b: string): string =>
    `stablehlo.compare ${direction}, ${a}, ${b}, ${kind} : (${number}, ${number}) -> ${truth}`;
  const region = [
    `^bb0(%a: ${number}, %b: ${number}, %i: ${index}, %j: ${index}):`,
    `%larger = ${compare('GT', '%a', '%b')}`,
    `%isNaN = ${compare('NE', '%a', '%a')}`,
    `%isNumber = ${compare('EQ', '%b', '%b')}`,
    `%before = stablehlo.and %isNaN, %isNumber : ${truth}`,
    `%result = stablehlo.or %larger, %before : ${truth}`,
    `stablehlo.return %result : ${truth}`,
  ].join('\n      ');
  const types = `${tensorType(x)}, ${tensorType(integers)}`;
  const [values, places] = w.emitMany(
    2,
    `"stablehlo.sort"(${w.of(x)}, ${w.iota(axis, integers)}) <{dimension = ${axis} : i64, is_stable = true}> ({ ${region} }) : (${types}) -> (${types})`,
  );
  return [range(w, values!, x, axis, [0, k]), range(w, places!, integers, axis, [0, k])];
};

/** A sum over windows that end, or begin, at each place. */
const cumulativeSum: Rule<'cumulative_sum'> = (w, { attributes: { axis, exclusive, reverse }, operands }) => {
  const x = operands[0] as Value;
  const size = x.shape[axis]!;
  if (size === 0) return w.of(x);
  const perAxis = (value: number, other: number): number[] =>
    x.shape.map((_, index) => (index === axis ? value : other));
  // An exclusive sum is the sum of all before: the window reaches one element less far.
  const [far, near] = exclusive ? [size, -1] : [size - 1, 0];
  const padding = x.shape.map((_, index) => (index === axis ? (reverse ? [near, far] : [far, near]) : [0, 0]));
  const pairs = padding.map(([low, high]) => `[${low}, ${high}]`).join(', ');
  const attributes = [
    `padding = dense<[${pairs}]> : tensor<${x.shape.length}x2xi64>`,
    `window_dimensions = array<i64: ${perAxis(size, 1).join(', ')}>`,
    `window_strides = array<i64: ${x.shape.map(() => 1).join(', ')}>`,
  ];
  const scalar = tensorType({ shape: [], dtype: x.dtype });
  const region = w.region(x.dtype, [`%result = stablehlo.add %a, %b : ${scalar}`]);
  const types = `(${tensorType(x)}, ${scalar}) -> ${tensorType(x)}`;
  return w.emit(
    `"stablehlo.reduce_window"(${w.of(x)}, ${w.scalar(0, x.dtype)}) <{${attributes.join(', ')}}> ${region} : ${types}`,
  );
};

/** Rules of the reductions, of ranking and of cumulative sums. */
export const reductionRules = {
  reduce: (w, { attributes: { kind, axes }, operands: [x] }) => reduced(w, kind, w.of(x!), x!, axes),
  arg_reduce: argReduce,
  top_k: topK,
  cumulative_sum: cumulativeSum,
} satisfies Partial<OperationRules>;
