import type { GraphBuilder } from '../ir/builder.js';
import {
  isBinary,
  isNarrow,
  isUnary,
  sameShape,
  sizeOf,
  splatOf,
  type BinaryName,
  type NarrowType,
  type Operation,
  type OperationName,
  type OperationOf,
  type UnaryName,
  type Value,
} from '../ir/graph.js';
import { behindTransposes, productOfTransposes } from './sink-transposes.js';

/** Returns the results of something simpler than an operation of the kind `K`, or undefined. */
type Simplification<K extends OperationName> = (
  b: GraphBuilder,
  operation: OperationOf<K>,
  operands: readonly Value[],
) => readonly Value[] | undefined;

/** Returns the results of something simpler than the operation, or undefined. */
export function simpler(
  b: GraphBuilder,
  operation: Operation,
  operands: readonly Value[],
): readonly Value[] | undefined {
  const known = withoutElements(b, operation, operands);
  if (known) return known;
  const rule = simplifications[operation.kind] as Simplification<OperationName> | undefined;
  const found = rule?.(b, operation, operands);
  if (found) return found;
  if (operation.kind === 'dot_general') return undefined;
  const [x, y] = operands as [Value, Value];
  const operand = isBinary(operation) ? withoutNeutral(operation.kind, x, y) : undefined;
  if (operand) return [operand];
  const narrower = isBinary(operation) || isUnary(operation) ? behindBroadcast(b, operation, operands) : undefined;
  return narrower ?? behindTransposes(b, operation, operands);
}

const isEmpty = ({ shape }: Value): boolean => sizeOf(shape) === 0;

/**
 * Returns the results of an operation that has no elements to compute, or to read; runtimes refuse
 * some of these, and do not agree about the others.
 */
function withoutElements(
  b: GraphBuilder,
  operation: Operation,
  operands: readonly Value[],
): readonly Value[] | undefined {
  const { results } = operation;
  const all = (value: number): readonly Value[] => results.map(({ shape, dtype }) => b.splat(value, shape, dtype));
  if (operation.kind === 'constant') return undefined;
  if (results.every(isEmpty)) return all(0);
  if (!operands.some(isEmpty)) return undefined;
  switch (operation.kind) {
    case 'reduce': {
      const { kind } = operation.attributes;
      const extreme = results[0]!.dtype === 'float32' ? NaN : 0;
      return all({ sum: 0, product: 1, max: extreme, min: extreme }[kind]);
    }
    case 'arg_reduce':
    case 'dot_general':
    case 'convolution':
      return all(0);
    case 'pad':
      return all(operation.attributes.value);
    case 'concatenate':
      return [
        b.concatenate(
          operands.filter((operand) => !isEmpty(operand)),
          operation.attributes.axis,
        ),
      ];
    case 'scatter_add':
      return [operands[0]!];
    default:
      return undefined;
  }
}

const isIdentity = (permutation: readonly number[]): boolean => permutation.every((axis, index) => axis === index);

/** Returns the operand when its shape is the result's already. */
const unlessShapeChanges: Simplification<'slice' | 'pad'> = (_, { results }, [x]) =>
  sameShape(x!.shape, results[0]!.shape) ? [x!] : undefined;

/** Returns the operand, or a constant of one value in the new shape. */
function reshaped(b: GraphBuilder, { results }: Operation, x: Value): readonly Value[] | undefined {
  const { shape, dtype } = results[0]!;
  if (sameShape(x.shape, shape)) return [x];
  const splat = splatOf(x);
  return splat === undefined ? undefined : [b.splat(splat, shape, dtype)];
}

/**
 * Returns a value as it was before it was widened to float32, moved as it has been moved since;
 * undefined for a value that was computed in float32.
 */
function narrowSource(b: GraphBuilder, { producer, shape }: Value, dtype: NarrowType): Value | undefined {
  const source = producer?.operands[0];
  switch (producer?.kind) {
    case 'convert':
      return source!.dtype === dtype ? source : undefined;
    case 'reshape':
    case 'transpose':
    case 'broadcast_in_dim': {
      const narrow = narrowSource(b, source!, dtype);
      return narrow && b.append(producer.kind, [narrow], producer.attributes, [{ shape, dtype }])[0];
    }
    default:
      return undefined;
  }
}

const simplifications: { readonly [K in OperationName]?: Simplification<K> } = {
  convert: (b, { results }, [x]) => {
    const { dtype } = results[0]!;
    if (x!.dtype === dtype) return [x!];
    const narrow = isNarrow(dtype) ? narrowSource(b, x!, dtype) : undefined;
    return narrow && [narrow];
  },
  reduce_precision: (_, { attributes: { dtype } }, [x]) =>
    x!.producer?.kind === 'reduce_precision' && x!.producer.attributes.dtype === dtype ? [x!] : undefined,
  reshape: (b, operation, [x]) => {
    const known = reshaped(b, operation, x!);
    if (known || x!.producer?.kind !== 'reshape') return known;
    return [b.reshape(x!.producer.operands[0]!, operation.results[0]!.shape)];
  },
  broadcast_in_dim: (b, operation, [x]) => {
    const known = reshaped(b, operation, x!);
    if (known || x!.producer?.kind !== 'broadcast_in_dim') return known;
    const { operands, attributes } = x!.producer;
    const dimensions = attributes.dimensions.map((axis) => operation.attributes.dimensions[axis]!);
    return [b.broadcastInDim(operands[0]!, operation.results[0]!.shape, dimensions)];
  },
  transpose: (b, { attributes: { permutation }, results }, [x]) => {
    const { shape, dtype } = results[0]!;
    if (isIdentity(permutation)) return [x!];
    const splat = splatOf(x!);
    if (splat !== undefined) return [b.splat(splat, shape, dtype)];
    if (x!.producer?.kind === 'transpose') {
      const inner = x!.producer.attributes.permutation;
      const combined = permutation.map((axis) => inner[axis]!);
      const source = x!.producer.operands[0]!;
      return [isIdentity(combined) ? source : b.transpose(source, combined)];
    }
    // A transpose that moves axes of size 1 only is a reshape.
    const moved = permutation.filter((axis) => x!.shape[axis] !== 1);
    return moved.every((axis, index) => index === 0 || axis > moved[index - 1]!) ? [b.reshape(x!, shape)] : undefined;
  },
  reverse: (_, { attributes: { axes } }, [x]) => {
    const inner = x!.producer?.kind === 'reverse' ? x!.producer : undefined;
    return inner?.attributes.axes.join() === axes.join() ? [inner.operands[0]!] : undefined;
  },
  slice: unlessShapeChanges,
  pad: unlessShapeChanges,
  select: (_, __, [condition, onTrue, onFalse]) => {
    const splat = splatOf(condition!);
    return splat === undefined ? undefined : [splat ? onTrue! : onFalse!];
  },
  dot_general: (b, operation, operands) => productOfTransposes(b, operation, operands),
  multiply: (b, { results }, [x, y]) => scaledChoice(b, x!, y!) ?? withoutStep(x!, y!, results[0]!),
  negate: (_, __, [x]) => (x!.producer?.kind === 'negate' ? [x!.producer.operands[0]!] : undefined),
};

/** Returns the numbers that a select chooses between, or undefined. */
function choiceOf({ producer }: Value): { condition: Value; onTrue: number; onFalse: number } | undefined {
  if (producer?.kind !== 'select' || producer.results[0]!.dtype !== 'float32') return undefined;
  const [onTrue, onFalse] = producer.operands.slice(1).map(splatOf);
  if (onTrue === undefined || onFalse === undefined) return undefined;
  return { condition: producer.operands[0]!, onTrue, onFalse };
}

/** Returns the choice between two numbers, times a number, as a choice between their products. */
function scaledChoice(b: GraphBuilder, x: Value, y: Value): readonly Value[] | undefined {
  for (const [value, factor] of [
    [x, splatOf(y)],
    [y, splatOf(x)],
  ] as const) {
    const choice = factor === undefined ? undefined : choiceOf(value);
    if (!choice) continue;
    const [onTrue, onFalse] = [choice.onTrue, choice.onFalse].map((number) =>
      b.splat(Math.fround(number * factor!), value.shape, 'float32'),
    ) as [Value, Value];
    return [b.select(choice.condition, onTrue, onFalse)];
  }
  return undefined;
}

/**
 * Returns the other factor of a multiplication by the step of x (1 where x > 0, 0 elsewhere) when
 * relu(x) is a factor of it already: 0 times 0 is 0. (The gradient of a squared ReLU.)
 */
function withoutStep(x: Value, y: Value, result: Value): readonly Value[] | undefined {
  for (const [product, step] of [
    [x, y],
    [y, x],
  ] as const) {
    const positive = positiveOf(step);
    if (positive && sameShape(product.shape, result.shape) && hasFactor(product, positive)) return [product];
  }
  return undefined;
}

/** Returns x where a value is 1 for x > 0 and 0 elsewhere. */
function positiveOf(step: Value): Value | undefined {
  const choice = choiceOf(step);
  const comparison = choice?.onTrue === 1 && Object.is(choice.onFalse, 0) ? choice.condition.producer : undefined;
  if (comparison?.kind !== 'compare' || comparison.attributes.direction !== 'GT') return undefined;
  const [x, zero] = comparison.operands as [Value, Value];
  return splatOf(zero) === 0 ? x : undefined;
}

/** Whether relu(x) is a factor of a chain of multiplications. */
function hasFactor({ producer }: Value, x: Value): boolean {
  if (producer?.kind === 'maximum') {
    const [a, c] = producer.operands as [Value, Value];
    return (a === x && splatOf(c) === 0) || (c === x && splatOf(a) === 0);
  }
  return producer?.kind === 'multiply' && producer.operands.some((operand) => hasFactor(operand, x));
}

const neutral: Partial<Record<BinaryName, number>> = { add: 0, subtract: 0, multiply: 1, divide: 1, power: 1 };

/** Returns the operand that x + 0, 0 + x, x - 0, x * 1, 1 * x, x / 1 or x ^ 1 equals. */
function withoutNeutral(kind: BinaryName, x: Value, y: Value): Value | undefined {
  const [left, right] = [splatOf(x), splatOf(y)];
  if (right !== undefined && neutral[kind] === right) return x;
  const commutes = kind === 'add' || kind === 'multiply';
  return left !== undefined && commutes && neutral[kind] === left ? y : undefined;
}

/**
 * Computes an elementwise operation on small tensors and broadcasts its result, where all operands
 * are constants of one value or equal broadcasts. (The gradient of a mean is a broadcast scalar
 * divided by a count.)
 */
function behindBroadcast(
  b: GraphBuilder,
  operation: OperationOf<UnaryName> | OperationOf<BinaryName>,
  operands: readonly Value[],
): readonly Value[] | undefined {
  const { shape, dtype } = operation.results[0]!;
  const splats = operands.map(splatOf);
  if (splats.every((splat) => splat !== undefined)) {
    const folded = fold(operation.kind, splats, dtype === 'float32');
    return folded === undefined ? undefined : [b.splat(folded, shape, dtype)];
  }
  const broadcasts = operands.filter((_, index) => splats[index] === undefined).map(({ producer }) => producer);
  const first = broadcasts[0]!;
  if (first?.kind !== 'broadcast_in_dim') return undefined;
  const source = first.operands[0]!;
  const { dimensions } = first.attributes;
  const alike = broadcasts.every(
    (producer) =>
      producer?.kind === 'broadcast_in_dim' &&
      producer.attributes.dimensions.join() === dimensions.join() &&
      sameShape(producer.operands[0]!.shape, source.shape),
  );
  if (!alike) return undefined;
  const small = operands.map((operand, index) =>
    splats[index] === undefined ? operand.producer!.operands[0]! : b.splat(splats[index], source.shape, operand.dtype),
  );
  const result = b.append(operation.kind, small, operation.attributes, [{ shape: source.shape, dtype }])[0]!;
  return [b.broadcastInDim(result, shape, dimensions)];
}

const folds: Partial<Record<UnaryName | BinaryName, (x: number, y: number) => number>> = {
  add: (x, y) => x + y,
  subtract: (x, y) => x - y,
  multiply: (x, y) => x * y,
  maximum: Math.max,
  minimum: Math.min,
  negate: (x) => -x,
  abs: Math.abs,
};

/**
 * Computes an operation on numbers in float32 or in 32 bits; undefined for one that is not computed
 * here.
 */
function fold(kind: UnaryName | BinaryName, splats: readonly number[], float: boolean): number | undefined {
  const [x, y] = splats as [number, number];
  const compute = kind === 'divide' && float ? (a: number, c: number) => a / c : folds[kind];
  if (!compute) return undefined;
  const value = compute(x, y);
  return float ? Math.fround(value) : value | 0;
}
