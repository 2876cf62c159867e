import type { GraphBuilder } from '../ir/builder.js';
import { isBinary, isUnary, splatOf, type Operation, type OperationOf, type Value } from '../ir/graph.js';

/**
 * Applies an operation to the operands of transposes and transposes its result instead, where that
 * costs nothing: every operand comes from the same transpose, or is a constant of one value or a
 * broadcast, which can be made in any order of axes. In this way transposes move towards the
 * results until they meet their inverse, or a reduction that removes them.
 */
export function behindTransposes(
  b: GraphBuilder,
  operation: Operation,
  operands: readonly Value[],
): readonly Value[] | undefined {
  const permutation = commonPermutation(operands);
  if (!permutation) return undefined;
  const source = (operand: Value): Value => untransposed(b, operand, permutation);
  if (operation.kind === 'reduce') return [behindReduction(b, operation, source(operands[0]!), permutation)];
  const attributes = attributesBefore(operation, permutation);
  if (!attributes) return undefined;
  const sources = operands.map(source);
  const { shape, dtype } = operation.results[0]!;
  const done = b.append(operation.kind, sources, attributes, [{ shape: before(shape, permutation), dtype }]);
  return [b.transpose(done[0]!, permutation)];
}

/** Reorders one value per axis of a transpose's result into the order of its operand's axes. */
function before<T>(values: readonly T[], permutation: readonly number[]): T[] {
  const moved: T[] = [];
  permutation.forEach((axis, index) => (moved[axis] = values[index]!));
  return moved;
}

/**
 * Returns the attributes of an operation before a transpose, or undefined where it cannot move
 * there.
 */
function attributesBefore(operation: Operation, permutation: readonly number[]): Operation['attributes'] | undefined {
  if (isUnary(operation) || isBinary(operation)) return operation.attributes;
  switch (operation.kind) {
    case 'compare':
    case 'select':
    case 'convert':
    case 'reduce_precision':
      return operation.attributes;
    case 'pad': {
      const { low, high, value } = operation.attributes;
      return { low: before(low, permutation), high: before(high, permutation), value };
    }
    case 'slice': {
      const { start, limit, strides } = operation.attributes;
      const [from, to] = [before(start, permutation), before(limit, permutation)];
      return { start: from, limit: to, strides: before(strides, permutation) };
    }
    case 'reverse':
      return { axes: operation.attributes.axes.map((axis) => permutation[axis]!) };
    case 'concatenate':
      return { axis: permutation[operation.attributes.axis]! };
    default:
      return undefined;
  }
}

/** Reduces the tensor before a transpose, and transposes the axes that are left. */
function behindReduction(
  b: GraphBuilder,
  { attributes: { kind, axes } }: OperationOf<'reduce'>,
  source: Value,
  permutation: readonly number[],
): Value {
  const inner = axes.map((axis) => permutation[axis]!);
  const reduced = b.reduce(kind, source, inner);
  const kept = permutation.filter((_, axis) => !axes.includes(axis));
  const order = [...kept].sort((a, c) => a - c);
  return b.transpose(
    reduced,
    kept.map((axis) => order.indexOf(axis)),
  );
}

/**
 * Returns the permutation of the transposes among the operands, if they agree and every other
 * operand can be made in that order.
 */
function commonPermutation(operands: readonly Value[]): readonly number[] | undefined {
  let permutation: readonly number[] | undefined;
  for (const operand of operands) {
    const { producer } = operand;
    if (producer?.kind === 'transpose') {
      permutation ??= producer.attributes.permutation;
      if (producer.attributes.permutation.join() !== permutation.join()) return undefined;
    } else if (splatOf(operand) === undefined && producer?.kind !== 'broadcast_in_dim') {
      return undefined;
    }
  }
  return permutation;
}

/** Returns the tensor whose `transpose(·, permutation)` is the operand. */
function untransposed(b: GraphBuilder, operand: Value, permutation: readonly number[]): Value {
  const { producer } = operand;
  if (producer?.kind === 'transpose') return producer.operands[0]!;
  const shape: number[] = [];
  permutation.forEach((axis, index) => (shape[axis] = operand.shape[index]!));
  const splat = splatOf(operand);
  if (splat !== undefined) return b.splat(splat, shape, operand.dtype);
  const { attributes, operands } = producer as OperationOf<'broadcast_in_dim'>;
  const moved = attributes.dimensions.map((axis) => permutation[axis]!);
  const order = moved.map((_, axis) => axis).sort((a, c) => moved[a]! - moved[c]!);
  const isOrdered = order.every((axis, index) => axis === index);
  return b.broadcastInDim(
    isOrdered ? operands[0]! : b.transpose(operands[0]!, order),
    shape,
    order.map((axis) => moved[axis]!),
  );
}

/**
 * Lets a matrix product read the operand of a transpose in place, where batch, free and contracted
 * axes of that operand are in this order. Transposes that only swap rows and columns stay, because
 * lowerings fold them.
 */
export function productOfTransposes(
  b: GraphBuilder,
  { attributes }: OperationOf<'dot_general'>,
  operands: readonly Value[],
): readonly Value[] | undefined {
  const sides = [
    absorbed(operands[0]!, attributes.lhsBatch, attributes.lhsContract),
    absorbed(operands[1]!, attributes.rhsBatch, attributes.rhsContract),
  ] as const;
  if (sides.every(({ changed }) => !changed)) return undefined;
  const [left, right] = sides;
  return [
    b.dotGeneral(left.value, right.value, {
      lhsBatch: left.batch,
      rhsBatch: right.batch,
      lhsContract: left.contract,
      rhsContract: right.contract,
    }),
  ];
}

/** Returns one side of a product without its transpose, where the axes allow that. */
function absorbed(
  operand: Value,
  batch: readonly number[],
  contract: readonly number[],
): { value: Value; batch: readonly number[]; contract: readonly number[]; changed: boolean } {
  const unchanged = { value: operand, batch, contract, changed: false };
  const { producer } = operand;
  if (producer?.kind !== 'transpose') return unchanged;
  const { permutation } = producer.attributes;
  const through = (axes: readonly number[]): number[] => axes.map((axis) => permutation[axis]!);
  const moved = { batch: through(batch), contract: through(contract) };
  const free = permutation.filter((_, axis) => !batch.includes(axis) && !contract.includes(axis));
  const inOrder = (axes: readonly number[]): boolean => axes.every((axis, index) => axis === index);
  const natural = inOrder([...moved.batch, ...free, ...moved.contract]);
  return natural ? { value: producer.operands[0]!, ...moved, changed: true } : unchanged;
}
