/** Rules of operations that work element by element, constants and conversions. */
import type { CompareDirection, DType } from '../../ir/graph.js';
import { splatOf, type BinaryName, type UnaryName } from '../../ir/graph.js';
import type { OperationRules, Rule } from '../dialect.js';
import { initializerData } from '../float16.js';
import type { ModelWriter } from '../model-writer.js';

/** ONNX's numbers of element types, as `Cast` takes them. */
export const castTo = { float32: 1, int32: 6, int64: 7, bool: 9, float16: 10, bfloat16: 16 } as const satisfies Record<
  DType | 'int64',
  number
>;

/** Returns the rule of an operator of one operand. */
const unary =
  (opType: string): Rule<UnaryName> =>
  (w, { operands }) =>
    w.emit(opType, [w.full(operands[0]!)]);

/** Returns the rule of an operator of two operands, which broadcasts by itself. */
export const binary =
  (opType: string, attributes = {}): Rule<BinaryName> =>
  (w, { operands, results }) =>
    w.emit(opType, w.broadcasting(operands, results[0]!), attributes);

/** Multiplies without a look at where the operands come from. */
export const multiply = binary('Mul');

/** Takes the larger of two numbers. */
const maximum: Rule<'maximum'> = (w, operation) => {
  const { operands, results } = operation;
  const zero = operands.findIndex((operand) => splatOf(operand) === 0);
  // ONNX Runtime fuses Relu with the product before it.
  if (zero >= 0 && results[0]!.dtype === 'float32') return w.emit('Relu', [w.full(operands[1 - zero]!)]);
  return binary('Max')(w, operation);
};

/** Divides, or takes the remainder; dividing integers by 0 or -1 would end the process. */
const division =
  (opType: 'Div' | 'Mod', attributes = {}): Rule<BinaryName> =>
  (w, operation) => {
    const { operands, results } = operation;
    const divisor = splatOf(operands[1]!);
    const isSafe = divisor !== undefined && divisor !== 0 && divisor !== -1;
    if (results[0]!.dtype === 'float32' || isSafe) return binary(opType, attributes)(w, operation);
    const [x, y] = w.broadcasting(operands, results[0]!) as [string, string];
    const [zero, one, minusOne] = [0, 1, -1].map((number) => w.scalar(number, 'int32')) as [string, string, string];
    const isSpecial = w.emit('Or', [w.emit('Equal', [y, zero]), w.emit('Equal', [y, minusOne])]);
    const safe = w.emit(opType, [x, w.emit('Where', [isSpecial, one, y])], attributes);
    // x / 0 is 0 and x / -1 is -x; both remainders are 0.
    return w.emit('Where', [isSpecial, opType === 'Div' ? w.emit('Mul', [x, y]) : zero, safe]);
  };

/**
 * Computes e^x - 1, whose difference loses the digits of small results: near 0 it is written as
 * 2 t / (1 - t) with t = tanh(x / 2).
 */
const exponentialMinusOne: Rule<UnaryName> = (w, { operands }) => {
  const x = w.full(operands[0]!);
  const [half, one] = [w.scalar(0.5, 'float32'), w.scalar(1, 'float32')];
  const t = w.emit('Tanh', [w.emit('Mul', [x, half])]);
  const near = w.emit('Div', [w.emit('Add', [t, t]), w.emit('Sub', [one, t])]);
  const far = w.emit('Sub', [w.emit('Exp', [x]), one]);
  return w.emit('Where', [w.emit('Less', [w.emit('Abs', [x]), half]), near, far]);
};

/**
 * Computes log(1 + x), where the sum u = 1 + x loses the digits of a small x: what it lost, divided
 * by u, is the first term of the rest (Kahan).
 */
const logPlusOne: Rule<UnaryName> = (w, { operands }) => {
  const x = w.full(operands[0]!);
  const one = w.scalar(1, 'float32');
  const u = w.emit('Add', [x, one]);
  const rest = w.emit('Div', [w.emit('Sub', [x, w.emit('Sub', [u, one])]), u]);
  const log = w.emit('Log', [u]);
  // It is NaN, and nothing was lost, at -1 and infinity.
  const isRest = w.emit('Less', [w.emit('Abs', [rest]), one]);
  return w.emit('Where', [isRest, w.emit('Add', [log, rest]), log]);
};

const convert: Rule<'convert'> = (w, { attributes: { dtype }, operands }) =>
  w.emit('Cast', [w.full(operands[0]!)], { to: castTo[dtype] });

/**
 * Converts floats to integers by way of 64 bits, of which JavaScript keeps the lower half. ONNX
 * Runtime would skip a conversion that nothing is done with.
 */
const wrappingConvert: Rule<'convert'> = (w, operation) => {
  const { attributes, operands } = operation;
  if (operands[0]!.dtype !== 'float32' || attributes.dtype !== 'int32') return convert(w, operation);
  const end = w.initializer('end_of_32_bits', () => ({ shape: [], type: 'int64', data: BigInt64Array.of(2n ** 32n) }));
  const lower = w.emit('Mod', [w.emit('Cast', [w.full(operands[0]!)], { to: castTo.int64 }), end]);
  return w.emit('Cast', [lower], { to: castTo.int32 });
};

/** Computes 1 / (1 + e^-x), as ONNX Runtime's Sigmoid is 0 for all numbers below -18. */
const fullLogistic: Rule<'logistic'> = (w, { operands }) => {
  const power = w.emit('Exp', [w.emit('Neg', [w.full(operands[0]!)])]);
  return w.emit('Reciprocal', [w.emit('Add', [power, w.scalar(1, 'float32')])]);
};

/** The sign of NaN is 0 in TensorFlow.js. */
const sign: Rule<'sign'> = (w, operation) => {
  const [x] = operation.operands;
  const result = unary('Sign')(w, operation) as string;
  if (x!.dtype !== 'float32') return result;
  return w.emit('Where', [w.emit('IsNaN', [w.full(x!)]), w.scalar(0, 'float32'), result]);
};

const compareOperators: Record<CompareDirection, string> = {
  EQ: 'Equal',
  NE: 'Equal',
  LT: 'Less',
  LE: 'LessOrEqual',
  GT: 'Greater',
  GE: 'GreaterOrEqual',
};

/** Compares two tensors. */
export const compare: Rule<'compare'> = (w, { attributes: { direction }, operands, results }) => {
  const name = w.emit(compareOperators[direction], w.broadcasting(operands, results[0]!));
  return direction === 'NE' ? w.emit('Not', [name]) : name;
};

/**
 * Writes the choice between two numbers as arithmetic on the condition, which takes a third of the
 * time of ONNX Runtime's Where; undefined where float32 would round it.
 */
function chooseNumber(w: ModelWriter, condition: string, onTrue: number, onFalse: number): string | undefined {
  const difference = Math.fround(onTrue - onFalse);
  const isExact = Number.isFinite(difference) && Math.fround(difference + onFalse) === onTrue;
  // A sum cannot keep the sign of a zero.
  if (!isExact || Object.is(onTrue, -0) || Object.is(onFalse, -0)) return undefined;
  const one = w.emit('Cast', [condition], { to: castTo.float32 });
  const scaled = difference === 1 ? one : w.emit('Mul', [one, w.scalar(difference, 'float32')]);
  return onFalse === 0 ? scaled : w.emit('Add', [scaled, w.scalar(onFalse, 'float32')]);
}

const select: Rule<'select'> = (w, { operands, results }) => {
  const [onTrueNumber, onFalseNumber] = [splatOf(operands[1]!), splatOf(operands[2]!)];
  if (results[0]!.dtype === 'float32' && onTrueNumber !== undefined && onFalseNumber !== undefined) {
    const chosen = chooseNumber(w, w.full(operands[0]!), onTrueNumber, onFalseNumber);
    if (chosen !== undefined) return chosen;
  }
  const [condition, onTrue, onFalse] = w.broadcasting(operands, results[0]!) as [string, string, string];
  if (results[0]!.dtype !== 'bool') return w.emit('Where', [condition, onTrue, onFalse]);
  // Where takes no booleans.
  const chosen = w.emit('And', [condition, onTrue]);
  return w.emit('Or', [chosen, w.emit('And', [w.emit('Not', [condition]), onFalse])]);
};

const reducePrecision: Rule<'reduce_precision'> = (w, { attributes: { dtype }, operands }) =>
  w.emit('Cast', [w.emit('Cast', [w.full(operands[0]!)], { to: castTo[dtype] })], { to: castTo.float32 });

const constant: Rule<'constant'> = (w, { attributes: { value }, results }) => {
  const { id, shape, dtype } = results[0]!;
  if ('splat' in value) return undefined; // written where it is used
  return w.initializer(`constant${id}`, () => ({ shape, type: dtype, data: initializerData(dtype, value.data) }));
};

/** Rules of the elementwise operations except `multiply`, which may become part of a product. */
export const elementwiseRules = {
  constant,
  convert,
  reduce_precision: reducePrecision,
  compare,
  select,
  negate: unary('Neg'),
  exponential: unary('Exp'),
  exponential_minus_one: exponentialMinusOne,
  log: unary('Log'),
  log_plus_one: logPlusOne,
  sqrt: unary('Sqrt'),
  rsqrt: (w, { operands }) => w.emit('Reciprocal', [w.emit('Sqrt', [w.full(operands[0]!)])]),
  abs: unary('Abs'),
  sign,
  floor: unary('Floor'),
  ceil: unary('Ceil'),
  round_nearest_even: unary('Round'),
  tanh: unary('Tanh'),
  logistic: unary('Sigmoid'),
  erf: unary('Erf'),
  sine: unary('Sin'),
  cosine: unary('Cos'),
  not: unary('Not'),
  is_nan: unary('IsNaN'),
  add: binary('Add'),
  subtract: binary('Sub'),
  divide: division('Div'),
  maximum,
  minimum: binary('Min'),
  power: binary('Pow'),
  remainder: division('Mod', { fmod: 1 }),
  and: binary('And'),
  or: binary('Or'),
} satisfies Partial<OperationRules>;

/** Rules that are exact where ONNX Runtime's own operators are not, at the price of more nodes. */
export const exactRules = {
  convert: wrappingConvert,
  logistic: fullLogistic,
} satisfies Partial<OperationRules>;
