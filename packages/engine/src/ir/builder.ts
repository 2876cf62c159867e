import {
  sameShape,
  sizeOf,
  typedArray,
  type BinaryName,
  type CompareDirection,
  type ConstantData,
  type ConvolutionAttributes,
  type DType,
  type Exactness,
  type Graph,
  type NarrowType,
  type Operation,
  type OperationAttributes,
  type OperationName,
  type ReduceKind,
  type TypedArray,
  type UnaryName,
  type Value,
} from './graph.js';

/**
 * Appends operations to a graph and infers the shape of each result. Shapes that do not fit are a
 * bug of the caller.
 */
export class GraphBuilder {
  readonly inputs: Value[] = [];
  readonly operations: Operation[] = [];
  /** Whether products that are appended are marked to stay float32. */
  isExact = false;
  #nextId: number;

  /** @param firstId  number of the first value; the body of a composite has a range of its own */
  constructor(firstId = 0) {
    this.#nextId = firstId;
  }

  /** Returns the graph with these outputs. */
  finish(outputs: readonly Value[]): Graph {
    return { inputs: this.inputs, operations: this.operations, outputs };
  }

  /** Adds an input. */
  input(shape: readonly number[], dtype: DType): Value {
    const value: Value = { id: this.#nextId++, shape, dtype };
    this.inputs.push(value);
    return value;
  }

  /**
   * Appends an operation whose result types are known. The methods below infer them and are the
   * usual way.
   */
  append<K extends OperationName>(
    kind: K,
    operands: readonly Value[],
    attributes: Extract<Operation, { kind: K }>['attributes'],
    results: readonly { shape: readonly number[]; dtype: DType }[],
  ): Value[] {
    const values: Value[] = [];
    const operation = { kind, operands, attributes, results: values } as unknown as Operation;
    for (const { shape, dtype } of results) values.push({ id: this.#nextId++, shape, dtype, producer: operation });
    this.operations.push(operation);
    return values;
  }

  /** Appends a constant. */
  constant(value: ConstantData, shape: readonly number[], dtype: DType): Value {
    return this.append('constant', [], { value }, [{ shape, dtype }])[0]!;
  }

  /** Appends a constant of one value. */
  splat(value: number, shape: readonly number[] = [], dtype: DType = 'float32'): Value {
    return this.constant({ splat: value }, shape, dtype);
  }

  /** Appends a constant; one of equal values is stored as one number. */
  values(data: TypedArray, shape: readonly number[], dtype: DType): Value {
    const first = data[0];
    if (first !== undefined && data.every((value) => value === first)) return this.splat(first, shape, dtype);
    return this.constant({ data: typedArray(dtype, data) }, shape, dtype);
  }

  /** Appends an elementwise operation of one operand. */
  unary(kind: UnaryName, x: Value): Value {
    const dtype = kind === 'is_nan' || kind === 'not' ? 'bool' : x.dtype;
    return this.append(kind, [x], {}, [{ shape: x.shape, dtype }])[0]!;
  }

  /**
   * Appends an elementwise operation of two operands, which are broadcast to their common shape.
   */
  binary(kind: BinaryName, a: Value, b: Value): Value {
    const shape = broadcastShape(a.shape, b.shape);
    return this.append(kind, [this.broadcastTo(a, shape), this.broadcastTo(b, shape)], {}, [
      { shape, dtype: a.dtype },
    ])[0]!;
  }

  /** Appends a comparison, whose operands are broadcast to their common shape. */
  compare(direction: CompareDirection, a: Value, b: Value): Value {
    const shape = broadcastShape(a.shape, b.shape);
    return this.append('compare', [this.broadcastTo(a, shape), this.broadcastTo(b, shape)], { direction }, [
      { shape, dtype: 'bool' },
    ])[0]!;
  }

  /** Appends a choice by element, whose operands are broadcast to their common shape. */
  select(condition: Value, onTrue: Value, onFalse: Value): Value {
    const shape = broadcastShape(condition.shape, broadcastShape(onTrue.shape, onFalse.shape));
    const operands = [condition, onTrue, onFalse].map((value) => this.broadcastTo(value, shape));
    return this.append('select', operands, {}, [{ shape, dtype: onTrue.dtype }])[0]!;
  }

  /** Converts a value to a dtype, if it has another. */
  convert(x: Value, dtype: DType): Value {
    return x.dtype === dtype ? x : this.append('convert', [x], { dtype }, [{ shape: x.shape, dtype }])[0]!;
  }

  /** Rounds a float32 value to the numbers of a narrow type. */
  reducePrecision(x: Value, dtype: NarrowType): Value {
    return this.append('reduce_precision', [x], { dtype }, [{ shape: x.shape, dtype: x.dtype }])[0]!;
  }

  /** Repeats a value: its axis i becomes axis `dimensions[i]` of the result. */
  broadcastInDim(x: Value, shape: readonly number[], dimensions: readonly number[]): Value {
    return this.append('broadcast_in_dim', [x], { dimensions }, [{ shape, dtype: x.dtype }])[0]!;
  }

  /** Broadcasts a value as NumPy does: axes are matched from the last. */
  broadcastTo(x: Value, shape: readonly number[]): Value {
    if (sameShape(x.shape, shape)) return x;
    return this.broadcastInDim(
      x,
      shape,
      x.shape.map((_, axis) => axis + shape.length - x.shape.length),
    );
  }

  /** Reshapes a value, if it has another shape. */
  reshape(x: Value, shape: readonly number[]): Value {
    if (sizeOf(shape) !== sizeOf(x.shape)) throw new Error(`reshape of [${x.shape}] to [${shape}]`);
    return sameShape(x.shape, shape) ? x : this.append('reshape', [x], {}, [{ shape, dtype: x.dtype }])[0]!;
  }

  /** Appends a transpose: axis i of the result is axis `permutation[i]` of the value. */
  transpose(x: Value, permutation: readonly number[]): Value {
    const shape = permutation.map((axis) => x.shape[axis]!);
    return this.append('transpose', [x], { permutation }, [{ shape, dtype: x.dtype }])[0]!;
  }

  /** Reverses the order of the elements along some axes. */
  reverse(x: Value, axes: readonly number[]): Value {
    return this.append('reverse', [x], { axes }, [{ shape: x.shape, dtype: x.dtype }])[0]!;
  }

  /** Combines the elements along some axes, which are removed, or kept with size 1. */
  reduce(kind: ReduceKind, x: Value, axes: readonly number[], keepDimensions = false): Value {
    const shape = x.shape.filter((_, axis) => !axes.includes(axis));
    const reduced = axes.length ? this.append('reduce', [x], { kind, axes }, [{ shape, dtype: x.dtype }])[0]! : x;
    return keepDimensions
      ? this.reshape(
          reduced,
          x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size)),
        )
      : reduced;
  }

  /** Appends the index of the first extreme value along an axis, int32. */
  argReduce(kind: 'max' | 'min', x: Value, axis: number): Value {
    const shape = x.shape.filter((_, other) => other !== axis);
    return this.append('arg_reduce', [x], { kind, axis }, [{ shape, dtype: 'int32' }])[0]!;
  }

  /**
   * Appends a product; axes of the result: batch, free axes of the left, free axes of the right.
   */
  dotGeneral(a: Value, b: Value, attributes: OperationAttributes['dot_general']): Value {
    const { lhsBatch, rhsBatch, lhsContract, rhsContract } = attributes;
    const free = (value: Value, ...used: (readonly number[])[]): number[] =>
      value.shape.filter((_, axis) => !used.some((axes) => axes.includes(axis)));
    const shape = [
      ...lhsBatch.map((axis) => a.shape[axis]!),
      ...free(a, lhsBatch, lhsContract),
      ...free(b, rhsBatch, rhsContract),
    ];
    return this.append('dot_general', [a, b], this.#marked(attributes), [{ shape, dtype: a.dtype }])[0]!;
  }

  /** Appends a convolution; the kernel is not flipped. */
  convolution(image: Value, kernel: Value, attributes: ConvolutionAttributes): Value {
    const { layout, padding, strides, lhsDilation, rhsDilation } = attributes;
    const first = layout === 'channels_first';
    const shapeOf = (value: Value, order: readonly number[]): number[] => order.map((axis) => value.shape[axis]!);
    const [batch, height, width] = shapeOf(image, first ? [0, 2, 3] : [0, 1, 2]) as [number, number, number];
    const [features, kernelHeight, kernelWidth] = shapeOf(kernel, first ? [0, 2, 3] : [3, 0, 1]) as [
      number,
      number,
      number,
    ];
    const extent = (size: number, taps: number, axis: 0 | 1): number =>
      Math.floor(
        ((size - 1) * lhsDilation[axis] + 1 + padding[axis] + padding[axis + 2]! - (taps - 1) * rhsDilation[axis] - 1) /
          strides[axis],
      ) + 1;
    const [rows, columns] = [extent(height, kernelHeight, 0), extent(width, kernelWidth, 1)];
    const shape = first ? [batch, features, rows, columns] : [batch, rows, columns, features];
    return this.append('convolution', [image, kernel], this.#marked(attributes), [{ shape, dtype: image.dtype }])[0]!;
  }

  #marked<A extends Exactness>(attributes: A): A {
    return this.isExact ? { ...attributes, exact: true } : attributes;
  }

  /** Appends a gather: the axis becomes the axes of the indices. */
  gather(x: Value, indices: Value, axis: number): Value {
    const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
    return this.append('gather', [x, indices], { axis }, [{ shape, dtype: x.dtype }])[0]!;
  }

  /** Adds `updates` [M, ...] to the rows of `base` [K, ...] that `indices` [M] name. */
  scatterAdd(base: Value, indices: Value, updates: Value): Value {
    return this.append('scatter_add', [base, indices, updates], {}, [{ shape: base.shape, dtype: base.dtype }])[0]!;
  }

  /** Appends a slice from `start` to `limit`, exclusive, of each axis. */
  slice(x: Value, start: readonly number[], limit: readonly number[], strides?: readonly number[]): Value {
    const steps = strides ?? start.map(() => 1);
    const shape = start.map((from, axis) => Math.max(0, Math.ceil((limit[axis]! - from) / steps[axis]!)));
    return this.append('slice', [x], { start, limit, strides: steps }, [{ shape, dtype: x.dtype }])[0]!;
  }

  /** Adds elements of one value before and after each axis. */
  pad(x: Value, low: readonly number[], high: readonly number[], value: number): Value {
    const shape = x.shape.map((size, axis) => size + low[axis]! + high[axis]!);
    return this.append('pad', [x], { low, high, value }, [{ shape, dtype: x.dtype }])[0]!;
  }

  /** Joins values along an axis. */
  concatenate(xs: readonly Value[], axis: number): Value {
    if (xs.length === 1) return xs[0]!;
    const shape = [...xs[0]!.shape];
    shape[axis] = xs.reduce((total, x) => total + x.shape[axis]!, 0);
    return this.append('concatenate', xs, { axis }, [{ shape, dtype: xs[0]!.dtype }])[0]!;
  }

  /**
   * Appends the k largest elements of the last axis and their indices.
   * @param isSorted  whether the largest comes first; otherwise the order depends on the engine
   */
  topK(x: Value, k: number, isSorted: boolean): [values: Value, indices: Value] {
    const shape = [...x.shape.slice(0, -1), k];
    const [values, indices] = this.append('top_k', [x], { k, isSorted }, [
      { shape, dtype: x.dtype },
      { shape, dtype: 'int32' },
    ]);
    return [values!, indices!];
  }

  /** Appends sums of the elements up to each place of an axis. */
  cumulativeSum(x: Value, axis: number, exclusive: boolean, reverse: boolean): Value {
    return this.append('cumulative_sum', [x], { axis, exclusive, reverse }, [{ shape: x.shape, dtype: x.dtype }])[0]!;
  }

  /** Appends a named group of operations. */
  composite(attributes: OperationAttributes['composite'], operands: readonly Value[]): Value[] {
    return this.append(
      'composite',
      operands,
      attributes,
      attributes.body.outputs.map(({ shape, dtype }) => ({ shape, dtype })),
    );
  }
}

/** Returns the shape to which NumPy broadcasts two shapes. */
function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const [x, y] = [a[axis + a.length - rank] ?? 1, b[axis + b.length - rank] ?? 1];
    if (x !== y && x !== 1 && y !== 1) throw new Error(`shapes [${a}] and [${b}] do not broadcast`);
    return x === 1 ? y : x;
  });
}
