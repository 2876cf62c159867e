/**
 * Rules of operations that work element by element, constants and conversions. Where StableHLO
 * leaves a result open or defines another one than TensorFlow.js, the rule makes up for it.
 */
import {
  splatOf,
  type BinaryName,
  type NarrowType,
  type UnaryName,
  type Value,
  type ValueType,
} from '../../../ir/graph.js';
import type { OperationRules, Rule } from '../dialect.js';
import { tensorType } from '../literals.js';
import type { ModuleWriter } from '../module-writer.js';

const unary =
  (name: string): Rule<UnaryName> =>
  (w, { operands: [x], results: [y] }) =>
    w.elementwise(name, [w.of(x!)], y!);

const binary =
  (name: string): Rule<BinaryName> =>
  (w, { operands: [a, b], results: [y] }) =>
    w.elementwise(name, [w.of(a!), w.of(b!)], y!);

/** The sign of NaN is 0, and so is that of both zeros. */
const sign: Rule<'sign'> = (w, { operands, results }) => {
  const [x, type] = [w.of(operands[0]!), results[0]!];
  const zero = w.splat(0, type);
  const isNegative = w.compare('LT', x, zero, type);
  const isPositive = w.compare('GT', x, zero, type);
  return w.select(isPositive, w.splat(1, type), w.select(isNegative, w.splat(-1, type), zero, type), type);
};

const erf: Rule<'erf'> = (w, { operands: [x], results: [y] }) =>
  w.emit(`"chlo.erf"(${w.of(x!)}) : (${tensorType(x!)}) -> ${tensorType(y!)}`);

const isNaN: Rule<'is_nan'> = (w, { operands: [x] }) => w.compare('NE', w.of(x!), w.of(x!), x!);

/** The quotient and the remainder of an integer and zero are 0. */
const integersByZero =
  (name: 'divide' | 'remainder'): Rule<'divide' | 'remainder'> =>
  (w, operation) => {
    const [, b] = operation.operands;
    const type = operation.results[0]!;
    const computed = binary(name)(w, operation) as string;
    if (type.dtype !== 'int32') return computed;
    const zero = w.splat(0, type);
    return w.select(w.compare('EQ', w.of(b!), zero, type), zero, computed, type);
  };

/** XLA on a CPU passes over a NaN in the second operand of a maximum or minimum. */
const extreme =
  (name: 'maximum' | 'minimum'): Rule<'maximum' | 'minimum'> =>
  (w, { operands, results }) => {
    const type = results[0]!;
    const [a, b] = (splatOf(operands[0]!) === undefined ? operands : [...operands].reverse()) as [Value, Value];
    const computed = w.elementwise(name, [w.of(a), w.of(b)], type);
    if (type.dtype !== 'float32' || splatOf(b) !== undefined) return computed;
    return w.select(w.compare('NE', w.of(b), w.of(b), type), w.of(b), computed, type);
  };

/** In JavaScript, 1 and -1 to an infinite power, and 1 to the power NaN, are NaN. */
const power: Rule<'power'> = (w, operation) => {
  const type = operation.results[0]!;
  const computed = binary('power')(w, operation) as string;
  if (type.dtype !== 'float32') return computed;
  const [base, exponent] = operation.operands.map((operand) => w.of(operand)) as [string, string];
  const conditions = { shape: type.shape, dtype: 'bool' } as const;
  const isOne = w.compare('EQ', w.elementwise('abs', [base], type), w.splat(1, type), type);
  const isUndefined = w.elementwise('and', [isOne, notFinite(w, exponent, type)], conditions);
  return w.select(isUndefined, w.splat(NaN, type), computed, type);
};

function notFinite(w: ModuleWriter, x: string, type: ValueType): string {
  const conditions = { shape: type.shape, dtype: 'bool' } as const;
  return w.elementwise('not', [w.convert('is_finite', x, type, conditions)], conditions);
}

/**
 * Converts as JavaScript does: towards zero, modulo 2^32, and what is not finite becomes 0.
 */
function floatToInteger(w: ModuleWriter, x: string, { shape }: ValueType): string {
  const [floats, integers] = [{ shape, dtype: 'float32' } as const, { shape, dtype: 'int32' } as const];
  const [half, whole] = [2 ** 31, 2 ** 32];
  const rest = w.elementwise('remainder', [x, w.splat(whole, floats)], floats);
  const isLarge = w.compare('GE', rest, w.splat(half, floats), floats);
  const lowered = w.elementwise('subtract', [rest, w.splat(whole, floats)], floats);
  const below = w.select(isLarge, lowered, rest, floats);
  const isSmall = w.compare('LT', below, w.splat(-half, floats), floats);
  const raised = w.elementwise('add', [below, w.splat(whole, floats)], floats);
  const within = w.select(isSmall, raised, below, floats);
  const finite = w.select(notFinite(w, x, floats), w.splat(0, floats), within, floats);
  return w.convert('convert', finite, floats, integers);
}

const convert: Rule<'convert'> = (w, { operands: [x], results: [y] }) => {
  const [from, to] = [x!, y!];
  if (to.dtype === 'bool') return w.compare('NE', w.of(from), w.splat(0, from), from);
  if (from.dtype === 'float32' && to.dtype === 'int32') return floatToInteger(w, w.of(from), from);
  return w.convert('convert', w.of(from), from, to);
};

/** Bits of exponent and fraction. */
const formats: Record<NarrowType, string> = { bfloat16: 'e8m7', float16: 'e5m10' };

const reducePrecision: Rule<'reduce_precision'> = (w, { attributes: { dtype }, operands: [x] }) =>
  w.emit(`stablehlo.reduce_precision ${w.of(x!)}, format = ${formats[dtype]} : ${tensorType(x!)}`);

const constant: Rule<'constant'> = (w, { attributes: { value }, results: [y] }) =>
  'splat' in value ? w.splat(value.splat, y!) : w.constant(value.data, y!);

/** Rules of the elementwise operations. */
export const elementwiseRules = {
  constant,
  convert,
  reduce_precision: reducePrecision,
  compare: (w, { attributes: { direction }, operands: [a, b] }) => w.compare(direction, w.of(a!), w.of(b!), a!),
  select: (w, { operands: [condition, a, b], results: [y] }) => w.select(w.of(condition!), w.of(a!), w.of(b!), y!),
  negate: unary('negate'),
  exponential: unary('exponential'),
  exponential_minus_one: unary('exponential_minus_one'),
  log: unary('log'),
  log_plus_one: unary('log_plus_one'),
  sqrt: unary('sqrt'),
  rsqrt: unary('rsqrt'),
  abs: unary('abs'),
  sign,
  floor: unary('floor'),
  ceil: unary('ceil'),
  round_nearest_even: unary('round_nearest_even'),
  tanh: unary('tanh'),
  logistic: unary('logistic'),
  erf,
  sine: unary('sine'),
  cosine: unary('cosine'),
  not: unary('not'),
  is_nan: isNaN,
  add: binary('add'),
  subtract: binary('subtract'),
  multiply: binary('multiply'),
  divide: integersByZero('divide'),
  maximum: extreme('maximum'),
  minimum: extreme('minimum'),
  power,
  remainder: integersByZero('remainder'),
  and: binary('and'),
  or: binary('or'),
} satisfies Partial<OperationRules>;
