/** Rules of operations that work element by element, constants and conversions. */
import type { CompareDirection, DType } from '../../ir/graph.js';
import { splatOf, type BinaryName, type UnaryName } from '../../ir/graph.js';
import type { OperationRules, Rule } from '../dialect.js';

/** ONNX's numbers of element types, as `Cast` takes them. */
export const castTo = { float32: 1, int32: 6, int64: 7, bool: 9 } as const satisfies Record<DType | 'int64', number>;

const unary =
  (opType: string): Rule<UnaryName> =>
  (w, { operands }) =>
    w.emit(opType, [w.full(operands[0]!)]);

const binary =
  (opType: string, attributes = {}): Rule<BinaryName> =>
  (w, { operands, results }) =>
    w.emit(opType, w.broadcasting(operands, results[0]!), attributes);

/** Multiplies without a look at where the operands come from. */
export const multiply = binary('Mul');

const maximum: Rule<'maximum'> = (w, operation) => {
  const { operands, results } = operation;
  const zero = operands.findIndex((operand) => splatOf(operand) === 0);
  // ONNX Runtime fuses Relu with the product before it.
  if (zero >= 0 && results[0]!.dtype === 'float32') return w.emit('Relu', [w.full(operands[1 - zero]!)]);
  return binary('Max')(w, operation);
};

const compareOperators: Record<CompareDirection, string> = {
  EQ: 'Equal',
  NE: 'Equal',
  LT: 'Less',
  LE: 'LessOrEqual',
  GT: 'Greater',
  GE: 'GreaterOrEqual',
};

const compare: Rule<'compare'> = (w, { attributes: { direction }, operands, results }) => {
  const name = w.emit(compareOperators[direction], w.broadcasting(operands, results[0]!));
  return direction === 'NE' ? w.emit('Not', [name]) : name;
};

const select: Rule<'select'> = (w, { operands, results }) => {
  const [condition, onTrue, onFalse] = w.broadcasting(operands, results[0]!) as [string, string, string];
  if (results[0]!.dtype !== 'bool') return w.emit('Where', [condition, onTrue, onFalse]);
  // Where takes no booleans.
  const chosen = w.emit('And', [condition, onTrue]);
  return w.emit('Or', [chosen, w.emit('And', [w.emit('Not', [condition]), onFalse])]);
};

const constant: Rule<'constant'> = (w, { attributes: { value }, results }) => {
  const { id, shape, dtype } = results[0]!;
  if ('splat' in value) return undefined; // written where it is used
  return w.initializer(`constant${id}`, () => ({ shape, type: dtype, data: value.data }));
};

/** Rules of the elementwise operations except `multiply`, which may become part of a product. */
export const elementwiseRules = {
  constant,
  convert: (w, { attributes: { dtype }, operands }) => w.emit('Cast', [w.full(operands[0]!)], { to: castTo[dtype] }),
  compare,
  select,
  negate: unary('Neg'),
  exponential: unary('Exp'),
  log: unary('Log'),
  log_plus_one: (w, { operands }) => {
    const { dtype } = operands[0]!;
    return w.emit('Log', [w.emit('Add', [w.full(operands[0]!), w.scalar(1, dtype)])]);
  },
  sqrt: unary('Sqrt'),
  rsqrt: (w, { operands }) => w.emit('Reciprocal', [w.emit('Sqrt', [w.full(operands[0]!)])]),
  abs: unary('Abs'),
  sign: unary('Sign'),
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
  divide: binary('Div'),
  maximum,
  minimum: binary('Min'),
  power: binary('Pow'),
  remainder: binary('Mod', { fmod: 1 }),
  and: binary('And'),
  or: binary('Or'),
} satisfies Partial<OperationRules>;
