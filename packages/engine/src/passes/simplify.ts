import { GraphBuilder } from '../ir/builder.js';
import {
  isBinary,
  isUnary,
  sameShape,
  splatOf,
  type BinaryName,
  type Graph,
  type Operation,
  type OperationAttributes,
  type UnaryName,
  type Value,
} from '../ir/graph.js';
import { behindTransposes, productOfTransposes } from './sink-transposes.js';

/**
 * One pass in program order over every operation: folds constants of one value, removes operations that change nothing,
 * moves broadcasts and transposes behind elementwise operations, and gives equal operations one result; then drops what nothing reads.
 * No rewrite changes a finite result by more than rounding; most change nothing at all.
 *
 * Bodies of composites are simplified by themselves: what a composite computes again on purpose, to save memory, is not
 * merged with the first time.
 */
export function simplify(graph: Graph, firstId = 0): Graph {
  const builder = new GraphBuilder(firstId);
  const replacement = new Map<Value, Value>();
  const known = new Map<string, readonly Value[]>();
  for (const input of graph.inputs) replacement.set(input, builder.input(input.shape, input.dtype));

  for (const operation of graph.operations) {
    const operands = operation.operands.map((operand) => replacement.get(operand)!);
    const key = keyOf(operation, operands);
    const results =
      (key === undefined ? undefined : known.get(key)) ??
      rewrite(builder, operation, operands) ??
      append(builder, operation, operands);
    if (key !== undefined) known.set(key, results);
    operation.results.forEach((result, index) => replacement.set(result, results[index]!));
  }
  const outputs = graph.outputs.map((output) => replacement.get(output)!);
  return removeDead({ inputs: builder.inputs, operations: builder.operations, outputs });
}

function append(builder: GraphBuilder, operation: Operation, operands: readonly Value[]): readonly Value[] {
  return operation.kind === 'composite'
    ? builder.composite(simplifyBody(operation.attributes), operands)
    : builder.append(operation.kind, operands, operation.attributes, operation.results);
}

function simplifyBody(attributes: OperationAttributes['composite']): OperationAttributes['composite'] {
  const { body } = attributes;
  return { ...attributes, body: simplify(body, body.inputs[0]?.id) };
}

/** Tells 0 from -0. */
const numberText = (value: number): string => (Object.is(value, -0) ? '-0' : String(value));

/** JSON, but with every number told from every other: JSON knows neither infinities nor -0. */
function attributeText(attributes: object): string {
  return JSON.stringify(attributes, (_, value: unknown) => (typeof value === 'number' ? numberText(value) : value));
}

/** Equal for operations with equal results; undefined where comparing costs more than it saves. */
function keyOf(operation: Operation, operands: readonly Value[]): string | undefined {
  const result = operation.results[0]!;
  const type = `${result.dtype}${result.shape.join('x')}`;
  const names = operands.map((operand) => {
    const splat = splatOf(operand);
    return splat === undefined ? operand.id : `splat ${numberText(splat)} ${operand.dtype}${operand.shape.join('x')}`;
  });
  if (operation.kind === 'constant') {
    const { value } = operation.attributes;
    if ('data' in value && value.data.length > 64) return undefined;
    return `constant ${type} ${'splat' in value ? `splat ${numberText(value.splat)}` : Array.from(value.data, numberText).join()}`;
  }
  // Two composites of one name may differ in their bodies.
  if (operation.kind === 'composite') return undefined;
  return `${operation.kind} ${names.join()} ${attributeText(operation.attributes)} ${type}`;
}

/** The results of something simpler than `operation`, or undefined. */
function rewrite(b: GraphBuilder, operation: Operation, operands: readonly Value[]): readonly Value[] | undefined {
  const [x, y] = operands as [Value, Value];
  const { shape, dtype } = operation.results[0]!;
  switch (operation.kind) {
    case 'convert':
      if (x.dtype === dtype) return [x];
      break;
    case 'reshape':
      if (sameShape(x.shape, shape)) return [x];
      if (splatOf(x) !== undefined) return [b.splat(splatOf(x)!, shape, dtype)];
      if (x.producer?.kind === 'reshape') return [b.reshape(x.producer.operands[0]!, shape)];
      break;
    case 'broadcast_in_dim':
      if (sameShape(x.shape, shape)) return [x];
      if (splatOf(x) !== undefined) return [b.splat(splatOf(x)!, shape, dtype)];
      if (x.producer?.kind === 'broadcast_in_dim') {
        const { dimensions } = operation.attributes;
        const inner = x.producer.attributes.dimensions;
        return [
          b.broadcastInDim(
            x.producer.operands[0]!,
            shape,
            inner.map((axis) => dimensions[axis]!),
          ),
        ];
      }
      break;
    case 'transpose': {
      const { permutation } = operation.attributes;
      if (permutation.every((axis, index) => axis === index)) return [x];
      if (splatOf(x) !== undefined) return [b.splat(splatOf(x)!, shape, dtype)];
      if (x.producer?.kind === 'transpose') {
        const inner = x.producer.attributes.permutation;
        const combined = permutation.map((axis) => inner[axis]!);
        const source = x.producer.operands[0]!;
        return [combined.every((axis, index) => axis === index) ? source : b.transpose(source, combined)];
      }
      // Moving axes of size 1 only is a reshape.
      if (
        permutation
          .filter((axis) => x.shape[axis] !== 1)
          .every((axis, index, moved) => index === 0 || axis > moved[index - 1]!)
      ) {
        return [b.reshape(x, shape)];
      }
      break;
    }
    case 'reverse':
      if (x.producer?.kind === 'reverse' && operation.attributes.axes.join() === x.producer.attributes.axes.join()) {
        return [x.producer.operands[0]!];
      }
      break;
    case 'slice':
      if (sameShape(x.shape, shape)) return [x];
      break;
    case 'pad':
      if (sameShape(x.shape, shape)) return [x];
      break;
    case 'select':
      if (splatOf(x) !== undefined) return [splatOf(x) ? operands[1]! : operands[2]!];
      break;
    case 'dot_general':
      return productOfTransposes(b, operation, operands);
    case 'negate':
      if (x.producer?.kind === 'negate') return [x.producer.operands[0]!];
      break;
    default:
      break;
  }
  const simpler = isBinary(operation) ? identity(operation.kind, x, y) : undefined;
  if (simpler) return simpler;
  const narrower = isBinary(operation) || isUnary(operation) ? behindBroadcast(b, operation, operands) : undefined;
  return narrower ?? behindTransposes(b, operation, operands);
}

/** x + 0, x - 0, x * 1, x / 1, x ^ 1. */
function identity(kind: BinaryName, x: Value, y: Value): readonly Value[] | undefined {
  const [left, right] = [splatOf(x), splatOf(y)];
  const neutral: Partial<Record<BinaryName, number>> = { add: 0, subtract: 0, multiply: 1, divide: 1, power: 1 };
  if (right !== undefined && neutral[kind] === right) return [x];
  if (left !== undefined && (kind === 'add' || kind === 'multiply') && neutral[kind] === left) return [y];
  return undefined;
}

/**
 * An elementwise operation whose operands are all one-value constants or equal broadcasts is done on the small tensors
 * and broadcast once. (The gradient of a mean is a broadcast scalar divided by a count.)
 */
function behindBroadcast(
  b: GraphBuilder,
  operation: Operation & { kind: UnaryName | BinaryName },
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

function fold(kind: UnaryName | BinaryName, splats: readonly number[], float: boolean): number | undefined {
  const [x, y] = splats as [number, number];
  const compute = kind === 'divide' && float ? (a: number, c: number) => a / c : folds[kind];
  if (!compute) return undefined;
  const value = compute(x, y);
  return float ? Math.fround(value) : value;
}

/** Drops operations that no output needs; inputs stay, since their order is the calling convention. */
function removeDead(graph: Graph): Graph {
  const needed = new Set<Value>(graph.outputs);
  const kept: Operation[] = [];
  for (const operation of [...graph.operations].reverse()) {
    if (!operation.results.some((result) => needed.has(result))) continue;
    kept.push(operation);
    for (const operand of operation.operands) needed.add(operand);
  }
  return { ...graph, operations: kept.reverse() };
}
