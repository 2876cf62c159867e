/** Kernels that work element by element, and kernels that make constants. */
import type { GraphBuilder } from '../ir/builder.js';
import {
  typedArray,
  type BinaryName,
  type CompareDirection,
  type DType,
  type UnaryName,
  type Value,
} from '../ir/graph.js';
import { rangeValues } from '../range-values.js';
import { like, tableOf, type KernelTable } from './kernel-table.js';

const unary: Record<string, UnaryName> = {
  Neg: 'negate',
  Exp: 'exponential',
  Expm1: 'exponential_minus_one',
  Log: 'log',
  Log1p: 'log_plus_one',
  Sqrt: 'sqrt',
  Rsqrt: 'rsqrt',
  Abs: 'abs',
  Sign: 'sign',
  Floor: 'floor',
  Ceil: 'ceil',
  Round: 'round_nearest_even',
  Tanh: 'tanh',
  Sigmoid: 'logistic',
  Erf: 'erf',
  Sin: 'sine',
  Cos: 'cosine',
  LogicalNot: 'not',
  IsNan: 'is_nan',
};

const binary: Record<string, BinaryName> = {
  Add: 'add',
  Sub: 'subtract',
  Multiply: 'multiply',
  RealDiv: 'divide',
  Maximum: 'maximum',
  Minimum: 'minimum',
  Pow: 'power',
  LogicalAnd: 'and',
  LogicalOr: 'or',
};

const comparisons: Record<string, CompareDirection> = {
  Equal: 'EQ',
  NotEqual: 'NE',
  Less: 'LT',
  LessEqual: 'LE',
  Greater: 'GT',
  GreaterEqual: 'GE',
};

/** Returns an operand of a comparison; only numbers have an order. */
const comparable = (b: GraphBuilder, x: Value): Value => (x.dtype === 'bool' ? b.convert(x, 'int32') : x);

const activations: KernelTable = {
  Relu: (b, { x }) => b.binary('maximum', x!, like(b, x!, 0)),
  Relu6: (b, { x }) => b.binary('minimum', b.binary('maximum', x!, like(b, x!, 0)), like(b, x!, 6)),
  LeakyRelu: (b, { x }, { alpha }: { alpha?: number }) =>
    b.select(b.compare('GE', x!, like(b, x!, 0)), x!, b.binary('multiply', x!, like(b, x!, alpha ?? 0))),
  Elu: (b, { x }) => b.select(b.compare('GE', x!, like(b, x!, 0)), x!, b.unary('exponential_minus_one', x!)),
  EluGrad: (b, { dy, y }) =>
    b.select(b.compare('GE', y!, like(b, y!, 0)), dy!, b.binary('multiply', dy!, b.binary('add', y!, like(b, y!, 1)))),
  Step: (b, { x }, { alpha }: { alpha?: number }) =>
    b.select(b.compare('GT', x!, like(b, x!, 0)), like(b, x!, 1), like(b, x!, alpha ?? 0)),
  // max(x, 0) + log1p(exp(-|x|)) is the same value without overflow.
  Softplus: (b, { x }) =>
    b.binary(
      'add',
      b.binary('maximum', x!, like(b, x!, 0)),
      b.unary('log_plus_one', b.unary('exponential', b.unary('negate', b.unary('abs', x!)))),
    ),
  ClipByValue: (b, { x }, { clipValueMin, clipValueMax }: { clipValueMin?: number; clipValueMax?: number }) =>
    b.binary('minimum', b.binary('maximum', x!, like(b, x!, clipValueMin!)), like(b, x!, clipValueMax!)),
};

const arithmetic: KernelTable = {
  Cast: (b, { x }, { dtype }: { dtype?: DType }) =>
    dtype === 'bool' ? b.compare('NE', x!, like(b, x!, 0)) : b.convert(x!, dtype ?? 'float32'),
  Square: (b, { x }) => b.binary('multiply', x!, x!),
  Reciprocal: (b, { x }) => b.binary('divide', like(b, x!, 1), x!),
  SquaredDifference: (b, inputs) => {
    const difference = b.binary('subtract', inputs['a']!, inputs['b']!);
    return b.binary('multiply', difference, difference);
  },
  FloorDiv: (b, inputs) => floorDivide(b, inputs['a']!, inputs['b']!),
  Mod: (b, inputs) => modulo(b, inputs['a']!, inputs['b']!),
  IsFinite: (b, { x }) => againstInfinity(b, 'LT', x!),
  IsInf: (b, { x }) => againstInfinity(b, 'EQ', x!),
  Select: (b, { condition, t, e }) => b.select(condition!, t!, e!),
  AddN: (b, inputs) => Object.values(inputs).reduce((sum, x) => b.binary('add', sum, x)),
  ZerosLike: (b, { x }) => like(b, x!, 0),
  OnesLike: (b, { x }) => like(b, x!, 1),
  Identity: (_, { x }) => x!,
};

/** Compares the magnitude of a number with infinity. */
function againstInfinity(b: GraphBuilder, direction: CompareDirection, x: Value): Value {
  const magnitude = b.unary('abs', b.convert(x, 'float32'));
  return b.compare(direction, magnitude, like(b, magnitude, Infinity));
}

/** Whether a remainder is not 0 and has another sign than its divisor. */
function hasOtherSign(b: GraphBuilder, rest: Value, divisor: Value): Value {
  // As integers, since booleans are not compared.
  const isNegative = (x: Value): Value => b.convert(b.compare('LT', x, like(b, x, 0)), 'int32');
  const isOther = b.compare('NE', isNegative(rest), isNegative(divisor));
  return b.binary('and', b.compare('NE', rest, like(b, rest, 0)), isOther);
}

/**
 * TensorFlow.js gives a remainder the sign of the divisor, the primitive that of the dividend. The
 * remainder of the sum would lose what is small beside the divisor.
 */
function modulo(b: GraphBuilder, dividend: Value, divisor: Value): Value {
  const rest = b.binary('remainder', dividend, divisor);
  return b.select(hasOtherSign(b, rest, divisor), b.binary('add', rest, divisor), rest);
}

function floorDivide(b: GraphBuilder, dividend: Value, divisor: Value): Value {
  const quotient = b.binary('divide', dividend, divisor);
  // TensorFlow.js returns integers for floats too.
  if (dividend.dtype === 'float32') return b.convert(b.unary('floor', quotient), 'int32');
  // Integer division rounds towards zero; the quotient steps down where the remainder has the other
  // sign.
  const rest = b.binary('remainder', dividend, divisor);
  return b.binary('subtract', quotient, b.convert(hasOtherSign(b, rest, divisor), 'int32'));
}

type RangeAttributes = { start?: number; stop?: number; step?: number; dtype?: 'float32' | 'int32' };
type OneHotAttributes = { depth?: number; onValue?: number; offValue?: number; dtype?: DType };

const constants: KernelTable = {
  Fill: (b, _, { shape, value, dtype }: { shape?: number[]; value?: number; dtype?: DType }) =>
    b.splat(value!, shape, dtype ?? 'float32'),
  Range: (b, _, { start, stop, step, dtype }: RangeAttributes) => {
    const type = dtype ?? 'float32';
    const values = rangeValues(start!, stop!, step!, type);
    return b.values(values, [values.length], type);
  },
  OneHot: (b, { indices }, { depth, onValue, offValue, dtype }: OneHotAttributes) => {
    const type = dtype ?? 'int32';
    const shape = [...indices!.shape, depth!];
    const classes = b.values(typedArray('int32', [...Array(depth).keys()]), [depth!], 'int32');
    const hit = b.compare('EQ', b.reshape(indices!, [...indices!.shape, 1]), classes);
    return b.select(hit, b.splat(onValue ?? 1, shape, type), b.splat(offValue ?? 0, shape, type));
  },
};

/** Operations that integers have as well as floats. */
const ofIntegers: ReadonlySet<UnaryName> = new Set<UnaryName>(['negate', 'abs', 'sign', 'not']);

/**
 * Writes an operation of one operand. TensorFlow.js computes those that integers lack in floats and
 * cuts the digits off.
 */
function unaryOf(b: GraphBuilder, kind: UnaryName, x: Value): Value {
  if (x.dtype === 'float32' || ofIntegers.has(kind)) return b.unary(kind, x);
  const result = b.unary(kind, b.convert(x, 'float32'));
  return result.dtype === 'float32' ? b.convert(result, x.dtype) : result;
}

/** Kernels that work element by element, and kernels that make constants. */
export const elementwiseKernels: KernelTable = {
  ...tableOf(
    unary,
    (kind) =>
      (b, { x }) =>
        unaryOf(b, kind, x!),
  ),
  ...tableOf(binary, (kind) => (b, inputs) => b.binary(kind, inputs['a']!, inputs['b']!)),
  ...tableOf(
    comparisons,
    (direction) => (b, inputs) => b.compare(direction, comparable(b, inputs['a']!), comparable(b, inputs['b']!)),
  ),
  ...arithmetic,
  ...activations,
  ...constants,
};
