/**
 * The intermediate representation: single assignment, static shapes, explicit broadcasts, about 45 primitives close to
 * StableHLO, and composites with a body. Nothing here knows TensorFlow.js or ONNX; lowerings read it.
 */

export type DType = 'float32' | 'int32' | 'bool';
export type TypedArray = Float32Array | Int32Array | Uint8Array;

export type UnaryName =
  | 'negate'
  | 'exponential'
  | 'log'
  | 'log_plus_one'
  | 'sqrt'
  | 'rsqrt'
  | 'abs'
  | 'sign'
  | 'floor'
  | 'ceil'
  | 'round_nearest_even'
  | 'tanh'
  | 'logistic'
  | 'erf'
  | 'sine'
  | 'cosine'
  | 'not'
  | 'is_nan';
export type BinaryName =
  'add' | 'subtract' | 'multiply' | 'divide' | 'maximum' | 'minimum' | 'power' | 'remainder' | 'and' | 'or';
export type CompareDirection = 'EQ' | 'NE' | 'LT' | 'LE' | 'GT' | 'GE';
export type ReduceKind = 'sum' | 'max' | 'min' | 'product';

/** Values of a constant: one number repeated, or all of them in row-major order. */
export type ConstantData = { readonly splat: number } | { readonly data: TypedArray };

/**
 * Order of axes of image, kernel and result. `channels_last`: [B, H, W, C], [KH, KW, C, O], [B, H', W', O];
 * `channels_first`: [B, C, H, W], [O, C, KH, KW], [B, O, H', W'].
 */
export type ConvolutionLayout = 'channels_last' | 'channels_first';

export interface ConvolutionAttributes {
  readonly layout: ConvolutionLayout;
  /** Zero rows and columns added around the (dilated) image: top, left, bottom, right; negative crops. */
  readonly padding: readonly [number, number, number, number];
  readonly strides: readonly [number, number];
  /** Distance between image rows and columns (a fractionally strided convolution). */
  readonly lhsDilation: readonly [number, number];
  /** Distance between kernel rows and columns. */
  readonly rhsDilation: readonly [number, number];
}

/** Attributes of each operation; operands are positional. */
export interface OperationAttributes {
  constant: { readonly value: ConstantData };
  convert: { readonly dtype: DType };
  compare: { readonly direction: CompareDirection };
  /** (condition, onTrue, onFalse), all of one shape. */
  select: object;
  /** Operand axis i becomes result axis `dimensions[i]`; an operand axis of size 1 is repeated. */
  broadcast_in_dim: { readonly dimensions: readonly number[] };
  reshape: object;
  transpose: { readonly permutation: readonly number[] };
  reverse: { readonly axes: readonly number[] };
  /** Reduced axes are removed. */
  reduce: { readonly kind: ReduceKind; readonly axes: readonly number[] };
  /** Index of the first extreme value along an axis, int32. */
  arg_reduce: { readonly kind: 'max' | 'min'; readonly axis: number };
  /** Result axes: batch, free axes of the left, free axes of the right. */
  dot_general: {
    readonly lhsBatch: readonly number[];
    readonly rhsBatch: readonly number[];
    readonly lhsContract: readonly number[];
    readonly rhsContract: readonly number[];
  };
  /** Image and kernel; the kernel is not flipped. */
  convolution: ConvolutionAttributes;
  /** Result: leading axes of the operand, axes of the int32 indices, trailing axes of the operand. */
  gather: { readonly axis: number };
  /** (base, int32 indices, updates): adds each update row to the base row that its index names. */
  scatter_add: object;
  slice: { readonly start: readonly number[]; readonly limit: readonly number[]; readonly strides: readonly number[] };
  pad: { readonly low: readonly number[]; readonly high: readonly number[]; readonly value: number };
  concatenate: { readonly axis: number };
  /** Results: values and int32 indices of the k largest along the last axis, in descending order where `isSorted`. */
  top_k: { readonly k: number; readonly isSorted: boolean };
  cumulative_sum: { readonly axis: number; readonly exclusive: boolean; readonly reverse: boolean };
  /** A named operation made of others; a lowering may map it to one kernel or inline `body`. */
  composite: {
    readonly name: string;
    readonly attributes: Readonly<Record<string, number | string | boolean>>;
    readonly body: Graph;
  };
}
type Attributes = OperationAttributes & { readonly [K in UnaryName | BinaryName]: object };
export type OperationName = keyof Attributes;

/** The only definition of a name. */
export interface Value {
  readonly id: number;
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** The operation that computes it; none for an input. */
  readonly producer?: Operation;
}

/** One operation of a kind `K`. */
export interface OperationOf<K extends OperationName> {
  readonly kind: K;
  readonly operands: readonly Value[];
  readonly attributes: Attributes[K];
  readonly results: readonly Value[];
}
/** Discriminated by `kind`. */
export type Operation = { [K in OperationName]: OperationOf<K> }[OperationName];

export interface Graph {
  readonly inputs: readonly Value[];
  readonly operations: readonly Operation[];
  readonly outputs: readonly Value[];
}

const unaryNames: ReadonlySet<string> = new Set<UnaryName>([
  'negate',
  'exponential',
  'log',
  'log_plus_one',
  'sqrt',
  'rsqrt',
  'abs',
  'sign',
  'floor',
  'ceil',
  'round_nearest_even',
  'tanh',
  'logistic',
  'erf',
  'sine',
  'cosine',
  'not',
  'is_nan',
]);
const binaryNames: ReadonlySet<string> = new Set<BinaryName>([
  'add',
  'subtract',
  'multiply',
  'divide',
  'maximum',
  'minimum',
  'power',
  'remainder',
  'and',
  'or',
]);

export const isUnary = (operation: Operation): operation is OperationOf<UnaryName> => unaryNames.has(operation.kind);
export const isBinary = (operation: Operation): operation is OperationOf<BinaryName> => binaryNames.has(operation.kind);

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, dimension) => size * dimension, 1);
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((dimension, axis) => dimension === b[axis]);
}

/** The repeated number of a constant of one value, or undefined. */
export function splatOf(value: Value): number | undefined {
  const { producer } = value;
  if (producer?.kind !== 'constant') return undefined;
  const { value: constant } = producer.attributes;
  return 'splat' in constant ? constant.splat : undefined;
}

/** A typed array of a dtype: its values, or `length` zeros. */
export function typedArray(dtype: DType, values: ArrayLike<number> | number): TypedArray {
  const make = { float32: Float32Array, int32: Int32Array, bool: Uint8Array }[dtype];
  return typeof values === 'number' ? new make(values) : make.from(values);
}
