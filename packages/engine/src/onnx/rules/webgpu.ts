/**
 * Rules of operations that ONNX Runtime has no kernel for on WebGPU, or one that computes something
 * else. There are none for 64-bit integers, and few for booleans.
 */
import { isFloat, typedArray, type DType, type Value } from '../../ir/graph.js';
import type { OperationRules, Rule } from '../dialect.js';
import type { ModelWriter } from '../model-writer.js';
import { barrier } from './composite.js';
import { binary, castTo, compare } from './elementwise.js';
import { areInRange, movementRules } from './movement.js';
import { standardProduct, uprightMatrices, type WriteProduct } from './product.js';
import { reduceRule, writeReduction } from './reduction.js';

const not = (w: ModelWriter, x: string): string => w.emit('Not', [x]);
const or = (w: ModelWriter, x: string, y: string): string => not(w, w.emit('And', [not(w, x), not(w, y)]));
const isNumber = (w: ModelWriter, x: string): string => w.emit('Equal', [x, x]);
const isNaN = (w: ModelWriter, x: string): string => not(w, isNumber(w, x));
const cast = (w: ModelWriter, x: string, dtype: DType): string => w.emit('Cast', [x], { to: castTo[dtype] });
const where = (w: ModelWriter, condition: string, onTrue: string, onFalse: string): string =>
  w.emit('Where', [condition, onTrue, onFalse]);

/** Returns the name of a vector of whole numbers along an axis of a tensor of some rank. */
function wholeNumbers(w: ModelWriter, values: readonly number[], rank = 1, axis = 0): string {
  const shape = Array.from({ length: rank }, (_, at) => (at === axis ? values.length : 1));
  return w.initializer(`whole_${values.join('_')}_${shape.join('_')}`, () => ({
    shape,
    type: 'int32',
    data: typedArray('int32', values),
  }));
}

/** Writes an operation of booleans as one of whole numbers. */
const byWholeNumbers = (w: ModelWriter, x: Value, write: (name: string) => string): string =>
  x.dtype === 'bool' ? cast(w, write(cast(w, w.full(x), 'int32')), 'bool') : write(w.full(x));

const negate: Rule<'negate'> = (w, { operands: [x] }) =>
  x!.dtype === 'int32' ? w.emit('Sub', [w.scalar(0, 'int32'), w.full(x!)]) : w.emit('Neg', [w.full(x!)]);

const abs: Rule<'abs'> = (w, { operands: [x] }) => {
  const name = w.full(x!);
  if (x!.dtype !== 'int32') return w.emit('Abs', [name]);
  return w.emit('Max', [name, w.emit('Sub', [w.scalar(0, 'int32'), name])]);
};

/** The sign of NaN is 0. */
const sign: Rule<'sign'> = (w, { operands: [x] }) => {
  const { dtype } = x!;
  const [name, zero] = [w.full(x!), w.scalar(0, dtype)];
  const [above, below] = [w.emit('Greater', [name, zero]), w.emit('Less', [name, zero])];
  return w.emit('Sub', [cast(w, above, dtype), cast(w, below, dtype)]);
};

/** Rounds to the nearest whole number, and halves to the even one. */
const round: Rule<'round_nearest_even'> = (w, { operands: [x] }) => {
  const [name, half, one] = [w.full(x!), w.scalar(0.5, 'float32'), w.scalar(1, 'float32')];
  const floor = w.emit('Floor', [name]);
  const above = w.emit('Add', [floor, one]);
  const rest = w.emit('Sub', [name, floor]);
  const halves = w.emit('Mul', [floor, half]);
  const even = where(w, w.emit('Equal', [w.emit('Floor', [halves]), halves]), floor, above);
  const notHalf = where(w, w.emit('Less', [rest, half]), floor, above);
  const rounded = where(w, w.emit('Equal', [rest, half]), even, notHalf);
  // Infinity leaves no rest.
  return where(w, isNumber(w, rest), rounded, name);
};

const byWholeNumber = (w: ModelWriter, opType: 'Div' | 'Mod', [x, y]: readonly [string, string]): string => {
  const zero = w.scalar(0, 'int32');
  const isZero = w.emit('Equal', [y, zero]);
  const divisor = where(w, isZero, w.scalar(1, 'int32'), y);
  const quotient = w.emit('Div', [x, divisor]);
  const result = opType === 'Div' ? quotient : w.emit('Sub', [x, w.emit('Mul', [quotient, divisor])]);
  return where(w, isZero, zero, result);
};

const divide: Rule<'divide'> = (w, operation) => {
  const { operands, results } = operation;
  if (results[0]!.dtype !== 'int32') return binary('Div')(w, operation);
  return byWholeNumber(w, 'Div', w.broadcasting(operands, results[0]!) as [string, string]);
};

/**
 * Computes the remainder of magnitudes from the quotient, which may be one too large or too small,
 * with the sign of the dividend. Where it has more than 24 bits, digits are lost.
 */
const remainder: Rule<'remainder'> = (w, { operands, results }) => {
  const [x, y] = w.broadcasting(operands, results[0]!) as [string, string];
  if (results[0]!.dtype === 'int32') return byWholeNumber(w, 'Mod', [x, y]);
  const [a, b] = [w.emit('Abs', [x]), w.emit('Abs', [y])];
  const product = w.emit('Mul', [w.emit('Floor', [w.emit('Div', [a, b])]), b]);
  const rest = w.emit('Sub', [a, product]);
  const zero = w.scalar(0, 'float32');
  const notNegative = where(w, w.emit('Less', [rest, zero]), w.emit('Add', [rest, b]), rest);
  const below = w.emit('GreaterOrEqual', [notNegative, b]);
  const inRange = where(w, below, w.emit('Sub', [notNegative, b]), notNegative);
  const magnitude = where(w, w.emit('Less', [a, b]), a, inRange);
  return where(w, w.emit('Less', [x, zero]), w.emit('Neg', [magnitude]), magnitude);
};

/** Keeps the lower 32 bits of large floats, as in JavaScript; NaN and infinities become 0. */
const convert: Rule<'convert'> = (w, { attributes: { dtype }, operands: [x] }) => {
  const name = w.full(x!);
  if (x!.dtype !== 'float32' || dtype !== 'int32') return cast(w, name, dtype);
  const [half, whole] = [w.scalar(2 ** 31, 'float32'), w.scalar(2 ** 32, 'float32')];
  const magnitude = w.emit('Abs', [name]);
  const times = w.emit('Floor', [w.emit('Div', [name, whole])]);
  const lower = w.emit('Sub', [name, w.emit('Mul', [times, whole])]);
  const signed = where(w, w.emit('GreaterOrEqual', [lower, half]), w.emit('Sub', [lower, whole]), lower);
  const isFinite = w.emit('Less', [magnitude, w.scalar(Infinity, 'float32')]);
  const far = where(w, isFinite, signed, w.scalar(0, 'float32'));
  return cast(w, where(w, w.emit('Less', [magnitude, half]), name, far), 'int32');
};

const compareOnDevice: Rule<'compare'> = (w, operation) => {
  const { operands, results, attributes } = operation;
  if (operands[0]!.dtype !== 'bool') return compare(w, operation);
  const names = w.broadcasting(operands, results[0]!).map((name) => cast(w, name, 'int32'));
  const isEqual = w.emit('Equal', names);
  return attributes.direction === 'NE' ? not(w, isEqual) : isEqual;
};

/** Takes elements at constant places along the axes of whole numbers, which have no Slice. */
function takeAlong(w: ModelWriter, x: string, places: readonly (readonly number[] | undefined)[]): string {
  return places.reduce(
    (taken, along, axis) => (along ? w.emit('Gather', [taken, wholeNumbers(w, along)], { axis }) : taken),
    x,
  );
}

const slice: Rule<'slice'> = (w, operation) => {
  const { attributes, operands, results } = operation;
  const [x] = operands as [Value];
  if (isFloat(x.dtype)) return movementRules.slice(w, operation);
  const { start, strides } = attributes;
  return takeAlong(
    w,
    w.full(x),
    results[0]!.shape.map((size, axis) =>
      size === x.shape[axis] ? undefined : Array.from({ length: size }, (_, at) => start[axis]! + at * strides[axis]!),
    ),
  );
};

const reverse: Rule<'reverse'> = (w, operation) => {
  const { attributes, operands } = operation;
  const [x] = operands as [Value];
  if (isFloat(x.dtype)) return movementRules.reverse(w, operation);
  return takeAlong(
    w,
    w.full(x),
    x.shape.map((size, axis) =>
      attributes.axes.includes(axis) ? Array.from({ length: size }, (_, at) => size - 1 - at) : undefined,
    ),
  );
};

const transpose: Rule<'transpose'> = (w, { attributes: { permutation }, operands }) =>
  byWholeNumbers(w, operands[0]!, (name) => w.emit('Transpose', [name], { perm: permutation }));

const pad: Rule<'pad'> = (w, { attributes: { low, high, value }, operands }) => {
  const [x] = operands as [Value];
  const number = w.scalar(value, x.dtype === 'bool' ? 'int32' : x.dtype);
  return byWholeNumbers(w, x, (name) => w.emit('Pad', [name, w.integers([...low, ...high]), number]));
};

const concatenate: Rule<'concatenate'> = (w, { attributes: { axis }, operands, results }) => {
  const names = operands.map((operand) => w.full(operand));
  if (results[0]!.dtype !== 'bool') return w.emit('Concat', names, { axis });
  return cast(
    w,
    w.emit(
      'Concat',
      names.map((name) => cast(w, name, 'int32')),
      { axis },
    ),
    'bool',
  );
};

/** The device reports no index out of range: what it names is NaN, 0 or false. */
const gather: Rule<'gather'> = (w, { attributes: { axis }, operands, results }) => {
  const [x, indices] = operands as [Value, Value];
  const [{ dtype, shape }, size] = [results[0]!, x.shape[axis]!];
  const places = w.full(indices);
  if (areInRange(indices, size)) return w.emit('Gather', [w.full(x), places], { axis });
  const isInside = inside(w, places, size);
  const safe = where(w, isInside, places, w.scalar(0, 'int32'));
  const gathered = w.emit('Gather', [w.full(x), safe], { axis });
  const trailing = shape.length - axis - indices.shape.length;
  const column = w.reshape(isInside, [...indices.shape, ...Array.from({ length: trailing }, () => 1)]);
  if (dtype === 'bool') return w.emit('And', [column, gathered]);
  return where(w, column, gathered, w.scalar(dtype === 'float32' ? NaN : 0, dtype));
};

/** Whether indices are in a range of some size. */
function inside(w: ModelWriter, indices: string, size: number): string {
  const isAbove = w.emit('GreaterOrEqual', [indices, w.scalar(0, 'int32')]);
  return w.emit('And', [isAbove, w.emit('Less', [indices, w.scalar(size, 'int32')])]);
}

/** An index out of range adds 0 to the first row. */
const scatterAdd: Rule<'scatter_add'> = (w, { operands }) => {
  const [base, indices, updates] = operands as [Value, Value, Value];
  const size = base.shape[0]!;
  const columnShape = [indices.shape[0]!, ...updates.shape.slice(1).map(() => 1)];
  let [rows, added] = [w.full(indices), w.full(updates)];
  if (!areInRange(indices, size)) {
    const isRow = inside(w, rows, size);
    rows = where(w, isRow, rows, w.scalar(0, 'int32'));
    added = where(w, w.reshape(isRow, columnShape), added, w.scalar(0, updates.dtype));
  }
  const places = w.expand(w.reshape(rows, columnShape), columnShape, updates.shape);
  return w.emit('ScatterElements', [w.full(base), places, added], { axis: 0, reduction: 'add' });
};

/** Finds where the extreme value of an axis comes first, among the elements that are free. */
function firstExtreme(
  w: ModelWriter,
  {
    x,
    kind,
    axis,
    shape,
    free,
  }: { x: string; kind: 'max' | 'min'; axis: number; shape: readonly number[]; free?: string },
): string {
  const reduce = (opType: string, name: string): string => w.emit(opType, [name, w.integers([axis])], { keepdims: 1 });
  const extreme = reduce(kind === 'max' ? 'ReduceMax' : 'ReduceMin', x);
  const isExtreme = w.emit('Equal', [x, extreme]);
  const candidates = free === undefined ? isExtreme : w.emit('And', [isExtreme, free]);
  const size = shape[axis]!;
  const numbers = wholeNumbers(w, [...Array(size).keys()], shape.length, axis);
  return reduce('ReduceMin', where(w, candidates, numbers, w.scalar(size, 'int32')));
}

/** NaN is passed over, unless it comes first: then nothing is more extreme. */
const argReduce: Rule<'arg_reduce'> = (w, { attributes: { kind, axis }, operands }) => {
  const [operand] = operands as [Value];
  const { shape, dtype } = operand;
  let x = w.full(operand);
  if (dtype === 'bool') x = cast(w, x, 'int32');
  if (dtype === 'float32') {
    const [first, later] = kind === 'max' ? [Infinity, -Infinity] : [-Infinity, Infinity];
    const ranks = shape.map((size, at) => (at === axis ? size : 1));
    const instead = w.initializer(`instead_of_nan_${kind}_${ranks.join('_')}`, () => ({
      shape: ranks,
      type: 'float32',
      data: Float32Array.from({ length: shape[axis]! }, (_, at) => (at === 0 ? first : later)),
    }));
    x = where(w, isNumber(w, x), x, instead);
  }
  return w.emit('Squeeze', [firstExtreme(w, { x, kind, axis, shape }), w.integers([axis])]);
};

/** Indices are found one by one: the kernel gives them in 64 bits. */
const topK: Rule<'top_k'> = (w, { attributes: { k }, operands, results }) => {
  const [operand] = operands as [Value];
  const { shape, dtype } = operand;
  const axis = shape.length - 1;
  const x = w.full(operand);
  const indices: string[] = [];
  const isRead = w.usersOf(results[1]!).length > 0 || w.isOutput(results[1]!);
  if (dtype === 'float32' && !isRead) {
    const [values, unread] = [w.freshName(), w.freshName()];
    w.emitNode({ opType: 'TopK', inputs: [x, w.integers([k])], outputs: [values, unread], attributes: { sorted: 1 } });
    return [values, unread];
  }
  const values: string[] = [];
  const numbers = wholeNumbers(w, [...Array(shape[axis]).keys()], shape.length, axis);
  const least = w.scalar(dtype === 'float32' ? -Infinity : -(2 ** 31), dtype);
  let free: string | undefined;
  let rest = x;
  for (let rank = 0; rank < k; rank++) {
    const index = firstExtreme(w, { x: rest, kind: 'max', axis, shape, ...(free !== undefined && { free }) });
    const isTaken = w.emit('Equal', [numbers, index]);
    const value = where(w, isTaken, x, w.scalar(0, dtype));
    values.push(w.emit('ReduceSum', [value, w.integers([axis])], { keepdims: 1 }));
    indices.push(index);
    rest = where(w, isTaken, least, rest);
    const isLeft = not(w, isTaken);
    free = free === undefined ? isLeft : w.emit('And', [free, isLeft]);
  }
  return [w.emit('Concat', values, { axis }), w.emit('Concat', indices, { axis })];
};

/** A matrix product; one of whole numbers is a sum of products. */
export const deviceProduct: WriteProduct = (w, product) => {
  if (isFloat(product.dtype)) return standardProduct(w, product);
  const [left, right] = uprightMatrices(w, product);
  const { batchAxes, scale, dtype } = product;
  const column = w.emit('Unsqueeze', [left, w.integers([batchAxes + 2])]);
  const row = w.emit('Unsqueeze', [right, w.integers([batchAxes])]);
  const sum = w.emit('ReduceSum', [w.emit('Mul', [column, row]), w.integers([batchAxes + 1])], { keepdims: 0 });
  return scale === 1 ? sum : w.emit('Mul', [sum, w.scalar(scale, dtype)]);
};

/** A barrier between operations; see the composite's rule for the CPU. */
export const deviceBarrier = barrier({
  element: (w, name, dtype) => {
    const flat = w.emit('Reshape', [name, w.integers([-1])]);
    const first = w.emit('Gather', [flat, wholeNumbers(w, [0])], { axis: 0 });
    return dtype === 'bool' ? first : cast(w, first, 'bool');
  },
  or,
});

/** Rules that take the place of those for the CPU. */
export const deviceRules = {
  negate,
  abs,
  sign,
  round_nearest_even: round,
  divide,
  maximum: binary('Max'), // Relu makes 0 of NaN
  remainder,
  convert,
  compare: compareOnDevice,
  select: (w, { operands, results }) => w.emit('Where', w.broadcasting(operands, results[0]!)),
  or: (w, { operands, results }) => or(w, ...(w.broadcasting(operands, results[0]!) as [string, string])),
  is_nan: (w, { operands }) => isNaN(w, w.full(operands[0]!)),
  reduce: reduceRule(writeReduction, isNaN),
  arg_reduce: argReduce,
  top_k: topK,
  slice,
  reverse,
  transpose,
  pad,
  concatenate,
  gather,
  scatter_add: scatterAdd,
} satisfies Partial<OperationRules>;
