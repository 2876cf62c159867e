/**
 * Intermediate representation of traced functions: single assignment, static shapes, explicit
 * broadcasts, some fifty primitives close to StableHLO, and composites with a body. Nothing here
 * knows TensorFlow.js or a runtime; lowerings read the graph.
 */

/** Element types that hold fewer digits than float32; values between operations only have them. */
export type NarrowType = 'bfloat16' | 'float16';

/** Element types of tensors in host memory, and of the inputs and outputs of programs. */
export type HostType = 'float32' | 'int32' | 'bool';

/** Element types of values. */
export type DType = HostType | NarrowType;

/** Values of a tensor in host memory; booleans are bytes. */
export type TypedArray = Float32Array | Int32Array | Uint8Array;

/** Names of the elementwise operations of one operand. */
const unaryNames = [
  'negate',
  'exponential',
  'exponential_minus_one',
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
] as const;

/** Name of an elementwise operation of one operand. */
export type UnaryName = (typeof unaryNames)[number];

/**
 * Names of the elementwise operations of two operands. Integers are divided towards zero, and
 * quotient and remainder of a division by 0 are 0.
 */
const binaryNames = [
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
] as const;

/** Name of an elementwise operation of two operands. */
export type BinaryName = (typeof binaryNames)[number];

/** Comparison of two numbers, named as in StableHLO. */
export type CompareDirection = 'EQ' | 'NE' | 'LT' | 'LE' | 'GT' | 'GE';

/** Ways to combine the elements of an axis. */
export type ReduceKind = 'sum' | 'max' | 'min' | 'product';

/** Values of a constant: one repeated number, or all values in row-major order. */
export type ConstantData = { readonly splat: number } | { readonly data: TypedArray };

/**
 * Order of the axes of image, kernel and result. `channels_last`: [B, H, W, C], [KH, KW, C, O], [B,
 * H', W', O]; `channels_first`: [B, C, H, W], [O, C, KH, KW], [B, O, H', W'].
 */
export type ConvolutionLayout = 'channels_last' | 'channels_first';

/** Attributes of a convolution with two spatial axes. */
export interface ConvolutionAttributes extends Exactness {
  /** Order of the axes. */
  readonly layout: ConvolutionLayout;
  /**
   * Zero rows and columns added around the (dilated) image: top, left, bottom, right. Negative
   * numbers crop.
   */
  readonly padding: readonly [number, number, number, number];
  /** Distance between the places of the kernel: rows, columns. */
  readonly strides: readonly [number, number];
  /**
   * Distance between image rows and columns (greater than 1 in a fractionally strided convolution).
   */
  readonly lhsDilation: readonly [number, number];
  /** Distance between kernel rows and columns. */
  readonly rhsDilation: readonly [number, number];
}

/** Attribute of products, which the pass `narrowProducts` reads and removes. */
export interface Exactness {
  /** Whether a product stays float32 whatever the precision of the others is. @default false */
  readonly exact?: true;
}

/** Attributes of each operation that is not elementwise; operands are positional. */
export interface OperationAttributes {
  constant: { readonly value: ConstantData };
  /**
   * A float32 becomes the nearest number of a narrow type, of two equally near ones the even one,
   * and an infinity where it is too large. A float becomes the integer towards zero, modulo 2^32 as
   * in JavaScript; NaN and infinities become 0.
   */
  convert: { readonly dtype: DType };
  /** Rounds a float32 as `convert` to the narrow type does; the result is float32. */
  reduce_precision: { readonly dtype: NarrowType };
  compare: { readonly direction: CompareDirection };
  /** (condition, onTrue, onFalse), all of one shape. */
  select: object;
  /** Operand axis i becomes result axis `dimensions[i]`; an operand axis of size 1 is repeated. */
  broadcast_in_dim: { readonly dimensions: readonly number[] };
  reshape: object;
  transpose: { readonly permutation: readonly number[] };
  reverse: { readonly axes: readonly number[] };
  /** Reduced axes are removed. The largest and the smallest of numbers with a NaN is NaN. */
  reduce: { readonly kind: ReduceKind; readonly axes: readonly number[] };
  /** Index of the first extreme value along an axis, int32. */
  arg_reduce: { readonly kind: 'max' | 'min'; readonly axis: number };
  /** Result axes: batch, free axes of the left, free axes of the right. */
  dot_general: Exactness & {
    readonly lhsBatch: readonly number[];
    readonly rhsBatch: readonly number[];
    readonly lhsContract: readonly number[];
    readonly rhsContract: readonly number[];
  };
  /** Image and kernel; the kernel is not flipped. */
  convolution: ConvolutionAttributes;
  /**
   * Result: leading axes of the operand, axes of the int32 indices, trailing axes of the operand.
   * An index out of range is an error where the runtime can report one; it never counts from the
   * end.
   */
  gather: { readonly axis: number };
  /**
   * (base, int32 indices, updates): adds each update row to the base row that its index names, and
   * drops updates whose index is out of range.
   */
  scatter_add: object;
  slice: { readonly start: readonly number[]; readonly limit: readonly number[]; readonly strides: readonly number[] };
  pad: { readonly low: readonly number[]; readonly high: readonly number[]; readonly value: number };
  concatenate: { readonly axis: number };
  /**
   * Results: values and int32 indices of the k largest elements of the last axis, in descending
   * order where `isSorted`.
   */
  top_k: { readonly k: number; readonly isSorted: boolean };
  cumulative_sum: { readonly axis: number; readonly exclusive: boolean; readonly reverse: boolean };
  /** A named group of operations; a lowering may map it to one kernel or inline `body`. */
  composite: {
    readonly name: string;
    readonly attributes: Readonly<Record<string, number | string | boolean>>;
    readonly body: Graph;
  };
}
/** Attributes of every operation. */
type Attributes = OperationAttributes & { readonly [K in UnaryName | BinaryName]: object };

/** Name of an operation. */
export type OperationName = keyof Attributes;

/** Shape and dtype of a value. */
export interface ValueType {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** Tensor of a graph, defined once. */
export interface Value extends ValueType {
  /** Number of the value within its graph, for printing and comparing. */
  readonly id: number;
  /** Operation that computes the value; undefined for an input. */
  readonly producer?: Operation;
}

/** Operation of the kind `K`. */
export interface OperationOf<K extends OperationName> {
  readonly kind: K;
  readonly operands: readonly Value[];
  readonly attributes: Attributes[K];
  readonly results: readonly Value[];
}
/** Any operation, discriminated by `kind`. */
export type Operation = { [K in OperationName]: OperationOf<K> }[OperationName];

/** Operations in program order: every operand is an input or a result of an earlier operation. */
export interface Graph {
  readonly inputs: readonly Value[];
  readonly operations: readonly Operation[];
  readonly outputs: readonly Value[];
}

const unarySet: ReadonlySet<string> = new Set(unaryNames);
const binarySet: ReadonlySet<string> = new Set(binaryNames);

/** Whether an operation is elementwise with one operand. */
export const isUnary = (operation: Operation): operation is OperationOf<UnaryName> => unarySet.has(operation.kind);

/** Whether an operation is elementwise with two operands. */
export const isBinary = (operation: Operation): operation is OperationOf<BinaryName> => binarySet.has(operation.kind);

/** Returns the number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, dimension) => size * dimension, 1);
}

/** Whether two shapes are equal. */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((dimension, axis) => dimension === b[axis]);
}

/** Returns the number that a constant repeats, or undefined for any other value. */
export function splatOf(value: Value): number | undefined {
  const { producer } = value;
  if (producer?.kind !== 'constant') return undefined;
  const { value: constant } = producer.attributes;
  return 'splat' in constant ? constant.splat : undefined;
}

/** Whether a type is narrower than float32. */
export const isNarrow = (dtype: DType): dtype is NarrowType => dtype === 'bfloat16' || dtype === 'float16';

/** Whether a type holds fractions. */
export const isFloat = (dtype: DType): boolean => dtype === 'float32' || isNarrow(dtype);

/** Typed arrays of values in host memory; those of narrow types are float32 there. */
const arrayTypes = {
  float32: Float32Array,
  int32: Int32Array,
  bool: Uint8Array,
  bfloat16: Float32Array,
  float16: Float32Array,
} as const satisfies Record<DType, unknown>;

/** Returns a typed array of the dtype: a copy of `values`, or that many zeros for a number. */
export function typedArray(dtype: DType, values: ArrayLike<number> | number): TypedArray {
  const make = arrayTypes[dtype];
  return typeof values === 'number' ? new make(values) : make.from(values);
}
