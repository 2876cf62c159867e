import type { GraphBuilder } from '../ir/builder.js';
import { isBinary, isUnary, splatOf, type Operation, type OperationOf, type Value } from '../ir/graph.js';

/**
 * Does an operation on the operands of transposes and transposes its result instead, where that costs nothing: every operand
 * is moved by the same transpose, or is a constant of one value or a broadcast, which can be made in any order of axes.
 * Transposes travel towards the results in this way until they meet their opposite, or a reduction that ends them.
 */
export function behindTransposes(
  b: GraphBuilder,
  operation: Operation,
  operands: readonly Value[],
): readonly Value[] | undefined {
  const permutation = commonPermutation(operands);
  if (!permutation) return undefined;
  const [result] = operation.results as [Value];
  /** Axis a of the result is axis `permutation[a]` of the operation on the operands as they were. */
  const inner = <T>(values: readonly T[]): T[] => {
    const moved: T[] = [];
    permutation.forEach((axis, index) => (moved[axis] = values[index]!));
    return moved;
  };
  const source = (operand: Value): Value => untransposed(b, operand, permutation);
  const append = (attributes: Operation['attributes'], shape: readonly number[]): Value[] => {
    const sources = operands.map(source);
    const done = b.append(operation.kind, sources, attributes, [{ shape: inner(shape), dtype: result.dtype }]);
    return [b.transpose(done[0]!, permutation)];
  };
  if (
    isUnary(operation) ||
    isBinary(operation) ||
    operation.kind === 'compare' ||
    operation.kind === 'select' ||
    operation.kind === 'convert'
  ) {
    return append(operation.attributes, result.shape);
  }
  switch (operation.kind) {
    case 'pad': {
      const { low, high, value } = operation.attributes;
      return append({ low: inner(low), high: inner(high), value }, result.shape);
    }
    case 'slice': {
      const { start, limit, strides } = operation.attributes;
      return append({ start: inner(start), limit: inner(limit), strides: inner(strides) }, result.shape);
    }
    case 'reverse':
      return append({ axes: operation.attributes.axes.map((axis) => permutation[axis]!) }, result.shape);
    case 'concatenate':
      return append({ axis: permutation[operation.attributes.axis]! }, result.shape);
    case 'reduce': {
      const { kind, axes } = operation.attributes;
      const reduced = b.reduce(
        kind,
        source(operands[0]!),
        axes.map((axis) => permutation[axis]!),
      );
      const kept = permutation.filter((_, axis) => !axes.includes(axis));
      const order = [...kept].sort((a, c) => a - c);
      return [
        b.transpose(
          reduced,
          kept.map((axis) => order.indexOf(axis)),
        ),
      ];
    }
    default:
      return undefined;
  }
}

/** The permutation of the transposes among the operands, if they agree and everything else can follow. */
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

/** What `transpose(·, permutation)` makes this operand of. */
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
 * A matrix product reads a transposed operand in place where the contracted axes lie last (or first) in it. Transposes that only
 * swap rows and columns stay: lowerings fold them.
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
