/** Rules of matrix products. */
import { isFloat, sameShape, sizeOf, splatOf, type DType, type OperationOf, type Value } from '../../ir/graph.js';
import type { OperationRules } from '../dialect.js';
import type { ModelWriter } from '../model-writer.js';
import { microsoft } from '../proto.js';
import { multiply } from './elementwise.js';

/** A batched product of two matrices, as an operator computes it. */
export interface MatrixProduct {
  readonly left: string;
  readonly right: string;
  readonly transposeLeft: boolean;
  readonly transposeRight: boolean;
  /** Number by which the product is multiplied. */
  readonly scale: number;
  /** Number of leading axes that are batches. */
  readonly batchAxes: number;
  readonly dtype: DType;
}

/** Emits the operator of a product and returns the name of the result. */
export type WriteProduct = (w: ModelWriter, product: MatrixProduct) => string;

/**
 * Returns the rules of products and of multiplication: a product whose only use is a multiplication
 * by a number is written together with it.
 */
export function productRules(writeProduct: WriteProduct): Pick<OperationRules, 'dot_general' | 'multiply'> {
  return {
    dot_general: (w, operation) =>
      scaleOf(w, operation) === undefined ? dotGeneral(w, operation, 1, writeProduct) : undefined,
    multiply: (w, operation) => {
      for (const { producer } of operation.operands) {
        const scale = producer?.kind === 'dot_general' ? scaleOf(w, producer) : undefined;
        if (scale !== undefined) return dotGeneral(w, producer as OperationOf<'dot_general'>, scale, writeProduct);
      }
      return multiply(w, operation);
    },
  };
}

/** Returns the number in a multiplication that is the only use of a product. */
function scaleOf(w: ModelWriter, { results }: OperationOf<'dot_general'>): number | undefined {
  const [product] = results as [Value];
  const users = w.usersOf(product);
  if (users.length !== 1 || users[0]!.kind !== 'multiply' || w.isOutput(product)) return undefined;
  const [x, y] = users[0].operands as [Value, Value];
  return splatOf(x === product ? y : x);
}

/**
 * Writes a product as ONNX Runtime computes it best: transposes and scale are attributes of Gemm,
 * or of its own FusedMatMul where there are batches.
 */
export const fusedProduct: WriteProduct = (w, product) => {
  const { left, right, transposeLeft, transposeRight, scale, batchAxes, dtype } = product;
  // Only MatMul multiplies integers.
  if (!isFloat(dtype)) return plainProduct(w, product);
  if (!transposeLeft && !transposeRight && scale === 1) return w.emit('MatMul', [left, right]);
  const attributes = {
    transA: Number(transposeLeft),
    transB: Number(transposeRight),
    alpha: { float: scale },
  };
  if (batchAxes === 0) return w.emit('Gemm', [left, right], attributes);
  const output = w.freshName();
  w.emitNode({ opType: 'FusedMatMul', domain: microsoft, inputs: [left, right], outputs: [output], attributes });
  return output;
};

/** Writes a product as a MatMul, with nodes of their own for transposes and scale. */
const plainProduct: WriteProduct = (w, product) => {
  const { scale, dtype } = product;
  const result = w.emit('MatMul', uprightMatrices(w, product));
  return scale === 1 ? result : w.emit('Mul', [result, w.scalar(scale, dtype)]);
};

/** Returns both matrices of a product, transposed where the product takes them so. */
export function uprightMatrices(w: ModelWriter, product: MatrixProduct): [string, string] {
  const { left, right, transposeLeft, transposeRight, batchAxes } = product;
  const rank = batchAxes + 2;
  const perm = Array.from({ length: rank }, (_, axis) => (axis < rank - 2 ? axis : 2 * rank - 3 - axis));
  const upright = (name: string, isTransposed: boolean): string =>
    isTransposed ? w.emit('Transpose', [name], { perm }) : name;
  return [upright(left, transposeLeft), upright(right, transposeRight)];
}

/** Writes a product with operators of the standard, of which only MatMul takes batches. */
export const standardProduct: WriteProduct = (w, product) =>
  product.batchAxes > 0 ? plainProduct(w, product) : fusedProduct(w, product);

function dotGeneral(
  w: ModelWriter,
  { operands, attributes, results }: OperationOf<'dot_general'>,
  scale: number,
  writeProduct: WriteProduct,
): string {
  const { lhsBatch, rhsBatch, lhsContract, rhsContract } = attributes;
  const left = matrix(w, operands[0]!, lhsBatch, lhsContract);
  const right = matrix(w, operands[1]!, rhsBatch, rhsContract);
  const product = writeProduct(w, {
    left: left.name,
    right: right.name,
    // The left contracts its last axis, the right its second to last, unless it is transposed.
    transposeLeft: left.contractFirst,
    transposeRight: !right.contractFirst,
    scale,
    batchAxes: lhsBatch.length,
    dtype: results[0]!.dtype,
  });
  const shape = [...lhsBatch.map((axis) => operands[0]!.shape[axis]!), left.freeSize, right.freeSize];
  const wanted = results[0]!.shape;
  return sameShape(shape, wanted) ? product : w.reshape(product, wanted);
}

interface Matrix {
  readonly name: string;
  /** Whether the contracted axis comes before the free one. */
  readonly contractFirst: boolean;
  readonly freeSize: number;
}

const inOrder = (axes: readonly number[]): boolean => axes.every((axis, index) => axis === index);

/**
 * Returns an operand as [...batch, free, contract] or [...batch, contract, free], moved as little
 * as possible.
 */
function matrix(w: ModelWriter, operand: Value, batch: readonly number[], contract: readonly number[]): Matrix {
  const free = operand.shape.map((_, axis) => axis).filter((axis) => !batch.includes(axis) && !contract.includes(axis));
  const size = (axes: readonly number[]): number => sizeOf(axes.map((axis) => operand.shape[axis]!));
  const orders = [
    { axes: [...batch, ...free, ...contract], contractFirst: false },
    { axes: [...batch, ...contract, ...free], contractFirst: true },
  ];
  let order = orders.find(({ axes }) => inOrder(axes));
  let name: string;
  const source = free.length === 1 && contract.length === 1 ? matrixTransposeOf(operand) : undefined;
  if (order && source) {
    name = matrixName(w, source);
    order = { axes: order.axes, contractFirst: !order.contractFirst };
  } else if (order) {
    name = free.length === 1 && contract.length === 1 ? matrixName(w, operand) : w.full(operand);
  } else {
    order = orders[0]!;
    name = w.emit('Transpose', [w.full(operand)], { perm: order.axes });
  }
  if (free.length !== 1 || contract.length !== 1) {
    const sizes = order.contractFirst ? [size(contract), size(free)] : [size(free), size(contract)];
    name = w.reshape(name, [...batch.map((axis) => operand.shape[axis]!), ...sizes]);
  }
  return { name, contractFirst: order.contractFirst, freeSize: size(free) };
}

/**
 * Returns the name of matrices; that of the one matrix `[1, ..., rows, columns]` where all batches
 * have the same, since products repeat it by themselves.
 */
function matrixName(w: ModelWriter, operand: Value): string {
  const { producer, shape } = operand;
  const batchAxes = shape.length - 2;
  if (producer?.kind !== 'broadcast_in_dim' || batchAxes === 0) return w.full(operand);
  const [source] = producer.operands as [Value];
  const { dimensions } = producer.attributes;
  // The source's axes that are not of size 1 must be the last two of the result, whole.
  const isMatrix = [batchAxes, batchAxes + 1].every((axis) => {
    const from = dimensions.indexOf(axis);
    return from >= 0 && source.shape[from] === shape[axis];
  });
  const isOnlyMatrix = dimensions.every((axis, from) => axis >= batchAxes || source.shape[from] === 1);
  if (!isMatrix || !isOnlyMatrix) return w.full(operand);
  return w.reshape(w.full(source), [...shape.slice(0, -2).map(() => 1), ...shape.slice(-2)]);
}

/** Returns the tensor of which a value is the transpose of the last two axes, or undefined. */
function matrixTransposeOf({ producer, shape }: Value): Value | undefined {
  if (producer?.kind !== 'transpose') return undefined;
  const rank = shape.length;
  const swaps = producer.attributes.permutation.every(
    (axis, index) => axis === (index < rank - 2 ? index : 2 * rank - 3 - index),
  );
  return swaps ? producer.operands[0] : undefined;
}
