import {
  isBinary,
  isUnary,
  sameShape,
  sizeOf,
  splatOf,
  typedArray,
  type BinaryName,
  type CompareDirection,
  type DType,
  type Graph,
  type Operation,
  type OperationOf,
  type UnaryName,
  type Value,
} from '../ir/graph.js';
import { CompileError } from '../errors.js';
import { microsoft, type OnnxAttribute, type OnnxModel, type OnnxNode, type OnnxTensor } from './proto.js';

/** Composites that become one ONNX operator; all others must be inlined first. */
export const fusedComposites: ReadonlySet<string> = new Set([
  'layer_norm',
  'softmax',
  'log_softmax',
  'gelu',
  'gelu_tanh',
  'optimization_barrier',
]);

/** Those that are one operator of the standard's {@link standardOpset} too. */
export const standardComposites: ReadonlySet<string> = new Set(['layer_norm', 'softmax', 'log_softmax']);

/** How files for other runtimes are written; without it, a graph is written for the engine's own. */
export interface StandardDialect {
  /** The batch size that the function was traced with: sizes that it divides are multiples of the batch. */
  readonly batch: number;
  /** An input with the batch as its first axis, by index; undefined where none has it. */
  readonly batchInput: number | undefined;
}

const unaryOperators: Partial<Record<UnaryName, string>> = {
  negate: 'Neg',
  exponential: 'Exp',
  log: 'Log',
  sqrt: 'Sqrt',
  abs: 'Abs',
  sign: 'Sign',
  floor: 'Floor',
  ceil: 'Ceil',
  round_nearest_even: 'Round',
  tanh: 'Tanh',
  logistic: 'Sigmoid',
  erf: 'Erf',
  sine: 'Sin',
  cosine: 'Cos',
  not: 'Not',
  is_nan: 'IsNaN',
};
const binaryOperators: Record<BinaryName, string> = {
  add: 'Add',
  subtract: 'Sub',
  multiply: 'Mul',
  divide: 'Div',
  maximum: 'Max',
  minimum: 'Min',
  power: 'Pow',
  remainder: 'Mod',
  and: 'And',
  or: 'Or',
};
const compareOperators: Record<CompareDirection, string> = {
  EQ: 'Equal',
  NE: 'Equal',
  LT: 'Less',
  LE: 'LessOrEqual',
  GT: 'Greater',
  GE: 'GreaterOrEqual',
};
const reduceOperators = { sum: 'ReduceSum', max: 'ReduceMax', min: 'ReduceMin', product: 'ReduceProd' };

/**
 * Writes a graph as ONNX (opset 20 and ONNX Runtime's own FusedMatMul). Inputs are named `input0...`, outputs
 * `output0...`. Broadcasts are left to ONNX where its operators broadcast by themselves.
 * `frozen`: indices of inputs that become initializers, whose values are given beside the model.
 * `standard`: writes operators of the standard's opset 17 alone, and shapes that follow the batch.
 */
export function lowerToOnnx(
  graph: Graph,
  frozen: ReadonlySet<number> = new Set(),
  standard?: StandardDialect,
): OnnxModel {
  return new Lowering(graph, frozen, standard).run();
}

class Lowering {
  readonly #nodes: OnnxNode[] = [];
  readonly #initializers = new Map<string, OnnxTensor>();
  readonly #names = new Map<Value, string>();
  readonly #expanded = new Map<Value, string>();
  readonly #uses = new Map<Value, Operation[]>();
  #fresh = 0;
  #batchSize: string | undefined;

  constructor(
    readonly graph: Graph,
    readonly frozen: ReadonlySet<number>,
    readonly standard: StandardDialect | undefined,
  ) {
    for (const operation of graph.operations) {
      for (const operand of operation.operands) {
        const users = this.#uses.get(operand);
        if (users) users.push(operation);
        else this.#uses.set(operand, [operation]);
      }
    }
  }

  run(): OnnxModel {
    const { inputs, outputs, operations } = this.graph;
    inputs.forEach((input, index) => {
      const name = `input${index}`;
      this.#names.set(input, name);
      if (!this.frozen.has(index)) return;
      this.#initializers.set(name, { name, shape: input.shape, type: input.dtype, data: 'external' });
    });
    for (const operation of operations) this.#lower(operation);
    const outputNames = outputs.map((output) => this.#full(output));
    this.#nameOutputs(outputNames);
    const live = new Set(this.#nodes.flatMap((node) => node.inputs));
    return {
      nodes: this.#nodes,
      initializers: [...this.#initializers.values()].filter(({ name }) => live.has(name)),
      inputs: inputs.flatMap(({ shape, dtype }, index) =>
        this.frozen.has(index) || !live.has(`input${index}`) ? [] : [{ name: `input${index}`, shape, dtype }],
      ),
      outputs: outputs.map(({ shape, dtype }, index) => ({ name: `output${index}`, shape, dtype })),
    };
  }

  /** Gives the producers of outputs the outputs' names; an input, a constant or a repeated output is copied. */
  #nameOutputs(names: readonly string[]): void {
    const produced = new Set(this.#nodes.flatMap((node) => node.outputs));
    const renamed = new Map<string, string>();
    names.forEach((name, index) => {
      if (produced.has(name) && !renamed.has(name)) renamed.set(name, `output${index}`);
      else this.#emit('Identity', [name], {}, [`output${index}`]);
    });
    for (const node of this.#nodes) {
      node.inputs.forEach((name, index) => (node.inputs[index] = renamed.get(name) ?? name));
      node.outputs.forEach((name, index) => (node.outputs[index] = renamed.get(name) ?? name));
    }
  }

  #emit(
    opType: string,
    inputs: string[],
    attributes: Record<string, OnnxAttribute> = {},
    outputs: string[] = [`t${this.#fresh++}`],
    domain = '',
  ): string {
    this.#nodes.push({ opType, domain, inputs, outputs, attributes });
    return outputs[0]!;
  }

  #initializer(name: string, make: () => Omit<OnnxTensor, 'name'>): string {
    if (!this.#initializers.has(name)) this.#initializers.set(name, { name, ...make() });
    return name;
  }

  #integers(values: readonly number[]): string {
    return this.#initializer(`integers_${values.join('_')}`, () => ({
      shape: [values.length],
      type: 'int64',
      data: BigInt64Array.from(values, BigInt),
    }));
  }

  /** How many times the batch a size is; undefined for a size that is the same for every batch. */
  #batches(size: number): number | undefined {
    return this.standard && size > 0 && size % this.standard.batch === 0 ? size / this.standard.batch : undefined;
  }

  #reshape(name: string, shape: readonly number[]): string {
    const dynamic = shape.filter((size) => this.#batches(size) !== undefined);
    if (dynamic.length > 1) {
      throw new CompileError({
        where: 'ONNX lowering',
        expected: 'shapes with the batch in one axis at most',
        got: `[${shape.join()}] for a batch of ${this.standard!.batch}`,
        fix: 'Keep the examples of a batch apart.',
      });
    }
    // Whatever the others leave.
    const target = shape.map((size) => (this.#batches(size) === undefined ? size : -1));
    return this.#emit('Reshape', [name, this.#integers(target)]);
  }

  /** `source`: the shape of the named tensor, of the same rank or lower. */
  #expand(name: string, source: readonly number[], shape: readonly number[]): string {
    if (shape.every((size) => this.#batches(size) === undefined)) {
      return this.#emit('Expand', [name, this.#integers(shape)]);
    }
    const sizes = shape.map((size, axis) => {
      const times = this.#batches(size);
      if (times === undefined) return this.#integers([size]);
      // Expand leaves an axis as it is where it is told 1.
      if (source[axis + source.length - shape.length] === size) return this.#integers([1]);
      return times === 1 ? this.#batch() : this.#emit('Mul', [this.#batch(), this.#integers([times])]);
    });
    return this.#emit('Expand', [name, this.#emit('Concat', sizes, { axis: 0 })]);
  }

  /** The batch size, int64 `[1]`. */
  #batch(): string {
    const { batchInput } = this.standard!;
    if (batchInput === undefined) {
      throw new CompileError({
        where: 'ONNX lowering',
        expected: 'an input with the batch as its first axis',
        got: 'none',
      });
    }
    this.#batchSize ??= this.#emit('Shape', [`input${batchInput}`], { start: 0, end: 1 });
    return this.#batchSize;
  }

  #scalar(value: number, dtype: DType): string {
    return this.#initializer(`scalar_${dtype}_${Object.is(value, -0) ? '-0' : value}`, () => ({
      shape: [],
      type: dtype,
      data: typedArray(dtype, [value]),
    }));
  }

  /** The tensor of a value; a constant of one value may be a scalar and a broadcast may be missing. */
  #compact(value: Value): string {
    const known = this.#names.get(value);
    if (known !== undefined) return known;
    const splat = splatOf(value);
    if (splat !== undefined) return this.#scalar(splat, value.dtype);
    if (value.producer?.kind === 'broadcast_in_dim') return this.#full(value);
    throw new CompileError({
      where: 'ONNX lowering',
      expected: 'operations in program order',
      got: `a use of %${value.id} (${value.producer?.kind ?? 'input'}) before it`,
    });
  }

  /** The tensor of a value in its full shape. */
  #full(value: Value): string {
    const known = this.#names.get(value) ?? this.#expanded.get(value);
    if (known !== undefined) return known;
    let name: string;
    if (value.producer?.kind === 'broadcast_in_dim') {
      const isScalar = splatOf(value.producer.operands[0]!) !== undefined;
      name = this.#expand(this.#aligned(value), isScalar ? [] : alignedShape(value.producer), value.shape);
    } else if (value.shape.length === 0) {
      return this.#compact(value);
    } else {
      name = this.#expand(this.#compact(value), [], value.shape);
    }
    this.#expanded.set(value, name);
    return name;
  }

  /** The source of a broadcast, with axes of size 1 where NumPy's rules need them. */
  #aligned(value: Value): string {
    const { producer } = value as { producer: OperationOf<'broadcast_in_dim'> };
    const source = producer.operands[0]!;
    const shape = alignedShape(producer);
    const trailing = sameShape(shape.slice(shape.length - source.shape.length), source.shape);
    const needless = trailing && shape.slice(0, shape.length - source.shape.length).every((size) => size === 1);
    return needless ? this.#compact(source) : this.#reshape(this.#full(source), shape);
  }

  /** Operands of an operator that broadcasts by itself; together they must span the result. */
  #broadcasting(operands: readonly Value[], result: Value): string[] {
    const shapes = operands.map((operand) => {
      if (this.#names.has(operand)) return operand.shape;
      if (operand.producer?.kind === 'broadcast_in_dim') return alignedShape(operand.producer);
      return splatOf(operand) === undefined ? operand.shape : [];
    });
    const spans = result.shape.every((size, axis) =>
      shapes.some((shape) => (shape[axis + shape.length - result.shape.length] ?? 1) === size),
    );
    return operands.map((operand, index) => {
      if (!spans && index === 0) return this.#full(operand);
      return operand.producer?.kind === 'broadcast_in_dim' && !this.#names.has(operand) && !this.#expanded.has(operand)
        ? this.#aligned(operand)
        : this.#compact(operand);
    });
  }

  #lower(operation: Operation): void {
    const [result] = operation.results as [Value];
    if (operation.kind === 'constant') {
      const { value } = operation.attributes;
      if ('splat' in value) return; // written where it is used
      const name = `constant${result.id}`;
      this.#initializers.set(name, { name, shape: result.shape, type: result.dtype, data: value.data });
      this.#names.set(result, name);
      return;
    }
    if (operation.kind === 'broadcast_in_dim') return; // written where it is used
    if (operation.kind === 'dot_general' && this.#scaledBy(operation) !== undefined) return; // written with its scale
    if (operation.kind === 'composite') {
      const names = this.#composite(operation);
      operation.results.forEach((each, index) => this.#names.set(each, names[index]!));
      return;
    }
    if (operation.kind === 'top_k') {
      const [x] = operation.operands;
      const [values, indices] = [`t${this.#fresh++}`, `t${this.#fresh++}`];
      const { k, isSorted } = operation.attributes;
      this.#emit('TopK', [this.#full(x!), this.#integers([k])], { sorted: isSorted ? 1 : 0 }, [values, indices]);
      this.#names.set(result, values);
      this.#names.set(operation.results[1]!, this.#emit('Cast', [indices], { to: 6 }));
      return;
    }
    this.#names.set(result, this.#single(operation, result));
  }

  /** The multiplication by a number that is the only use of a product, and that number. */
  #scaledBy(dot: OperationOf<'dot_general'>): number | undefined {
    const [product] = dot.results as [Value];
    const users = this.#uses.get(product);
    if (users?.length !== 1 || users[0]!.kind !== 'multiply' || this.graph.outputs.includes(product)) return undefined;
    const [x, y] = users[0].operands as [Value, Value];
    return splatOf(x === product ? y : x);
  }

  #single(
    operation: Exclude<Operation, OperationOf<'constant' | 'broadcast_in_dim' | 'composite' | 'top_k'>>,
    result: Value,
  ): string {
    const { operands } = operation;
    const [x, y, z] = operands as [Value, Value, Value];
    if (isUnary(operation)) return this.#unary(operation.kind, x);
    if (isBinary(operation)) return this.#binary(operation, result);
    switch (operation.kind) {
      case 'convert': {
        const to = { float32: 1, int32: 6, bool: 9 }[operation.attributes.dtype];
        return this.#emit('Cast', [this.#full(x)], { to });
      }
      case 'compare': {
        const { direction } = operation.attributes;
        const name = this.#emit(compareOperators[direction], this.#broadcasting(operands, result));
        return direction === 'NE' ? this.#emit('Not', [name]) : name;
      }
      case 'select': {
        const [condition, onTrue, onFalse] = this.#broadcasting(operands, result) as [string, string, string];
        if (result.dtype !== 'bool') return this.#emit('Where', [condition, onTrue, onFalse]);
        const chosen = this.#emit('And', [condition, onTrue]);
        return this.#emit('Or', [chosen, this.#emit('And', [this.#emit('Not', [condition]), onFalse])]);
      }
      case 'reshape':
        return this.#reshape(this.#full(x), result.shape);
      case 'transpose':
        return this.#emit('Transpose', [this.#full(x)], { perm: operation.attributes.permutation });
      case 'reverse': {
        const { axes } = operation.attributes;
        return this.#slice(
          x,
          axes.map(() => -1),
          axes.map(() => -(2 ** 31)),
          axes,
          axes.map(() => -1),
        );
      }
      case 'reduce': {
        const { kind, axes } = operation.attributes;
        // Before opset 18, only sums take their axes as an input.
        return this.standard && kind !== 'sum'
          ? this.#emit(reduceOperators[kind], [this.#full(x)], { axes, keepdims: 0 })
          : this.#emit(reduceOperators[kind], [this.#full(x), this.#integers(axes)], { keepdims: 0 });
      }
      case 'arg_reduce': {
        const { kind, axis } = operation.attributes;
        const opType = kind === 'max' ? 'ArgMax' : 'ArgMin';
        return this.#emit('Cast', [this.#emit(opType, [this.#full(x)], { axis, keepdims: 0 })], { to: 6 });
      }
      case 'dot_general':
        return this.#dotGeneral(operation, 1);
      case 'convolution':
        return this.#convolution(operation);
      case 'gather':
        return this.#emit('Gather', [this.#full(x), this.#full(y)], { axis: operation.attributes.axis });
      case 'scatter_add': {
        // Not ScatterND: with several threads it loses updates of the same row.
        const rows = this.#emit('Cast', [this.#full(y)], { to: 7 });
        const column = this.#emit('Reshape', [rows, this.#integers([-1, ...z.shape.slice(1).map(() => 1)])]);
        const places = this.#expand(column, [], z.shape);
        return this.#emit('ScatterElements', [this.#full(x), places, this.#full(z)], { axis: 0, reduction: 'add' });
      }
      case 'slice': {
        const { start, limit, strides } = operation.attributes;
        const axes = start.flatMap((from, axis) =>
          from === 0 && limit[axis] === x.shape[axis] && strides[axis] === 1 ? [] : [axis],
        );
        const pick = (values: readonly number[]): number[] => axes.map((axis) => values[axis]!);
        return this.#slice(x, pick(start), pick(limit), axes, pick(strides));
      }
      case 'pad': {
        const { low, high, value } = operation.attributes;
        return this.#emit('Pad', [this.#full(x), this.#integers([...low, ...high]), this.#scalar(value, x.dtype)]);
      }
      case 'concatenate':
        return this.#emit(
          'Concat',
          operands.map((operand) => this.#full(operand)),
          { axis: operation.attributes.axis },
        );
      case 'cumulative_sum': {
        const { axis, exclusive, reverse } = operation.attributes;
        const at = this.#initializer(`axis_${axis}`, () => ({
          shape: [],
          type: 'int64',
          data: BigInt64Array.of(BigInt(axis)),
        }));
        return this.#emit('CumSum', [this.#full(x), at], { exclusive: Number(exclusive), reverse: Number(reverse) });
      }
    }
  }

  #unary(kind: UnaryName, x: Value): string {
    const name = this.#full(x);
    if (kind === 'rsqrt') return this.#emit('Reciprocal', [this.#emit('Sqrt', [name])]);
    if (kind === 'log_plus_one') return this.#emit('Log', [this.#emit('Add', [name, this.#scalar(1, x.dtype)])]);
    return this.#emit(unaryOperators[kind]!, [name]);
  }

  #binary(operation: OperationOf<BinaryName>, result: Value): string {
    const { kind, operands } = operation;
    if (kind === 'multiply') {
      for (const operand of operands) {
        if (operand.producer?.kind !== 'dot_general') continue;
        const scale = this.#scaledBy(operand.producer);
        if (scale !== undefined) return this.#dotGeneral(operand.producer, scale);
      }
    }
    if (kind === 'maximum' && result.dtype === 'float32') {
      // ONNX Runtime computes it within the product before it.
      const zero = operands.findIndex((operand) => splatOf(operand) === 0);
      if (zero >= 0) return this.#emit('Relu', [this.#full(operands[1 - zero]!)]);
    }
    return this.#emit(
      binaryOperators[kind],
      this.#broadcasting(operands, result),
      kind === 'remainder' ? { fmod: 1 } : {},
    );
  }

  #slice(x: Value, start: number[], limit: number[], axes: readonly number[], strides: number[]): string {
    return this.#emit('Slice', [
      this.#full(x),
      this.#integers(start),
      this.#integers(limit),
      this.#integers(axes),
      this.#integers(strides),
    ]);
  }

  #composite({ attributes: { name, attributes }, operands, results }: OperationOf<'composite'>): string[] {
    const inputs = operands.map((operand) => this.#full(operand));
    switch (name) {
      case 'layer_norm': {
        const outputs = results.map(() => `t${this.#fresh++}`);
        this.#emit(
          'LayerNormalization',
          inputs,
          { axis: -1, epsilon: { float: attributes.epsilon as number } },
          outputs,
        );
        return outputs;
      }
      case 'softmax':
        return [this.#emit('Softmax', inputs, { axis: attributes.axis as number })];
      case 'log_softmax':
        return [this.#emit('LogSoftmax', inputs, { axis: attributes.axis as number })];
      case 'gelu':
        return [this.#emit('Gelu', inputs, { approximate: 'none' })];
      case 'gelu_tanh':
        return [this.#emit('Gelu', inputs, { approximate: 'tanh' })];
      case 'optimization_barrier':
        return this.#barrier(inputs, operands, results);
      default:
        throw new CompileError({
          where: 'ONNX lowering',
          expected: 'a known composite',
          got: `"${name}"`,
          fix: 'Inline it first.',
        });
    }
  }

  /**
   * Copies, each of which depends on an element of every operand: ONNX Runtime orders nodes by what they read, and nothing else
   * would keep it from doing what follows too early. The choice is between two equal tensors.
   */
  #barrier(names: readonly string[], operands: readonly Value[], results: readonly Value[]): string[] {
    const choices = names.map((name, index) => {
      const flat = this.#emit('Reshape', [name, this.#integers([-1])]);
      const first = this.#emit('Slice', [flat, ...[0, 1, 0].map((bound) => this.#integers([bound]))]);
      return operands[index]!.dtype === 'bool' ? first : this.#emit('Cast', [first], { to: 9 });
    });
    const choice = choices.reduce((all, each) => this.#emit('Or', [all, each]));
    const isUsed = (result: Value): boolean => this.#uses.has(result) || this.graph.outputs.includes(result);
    return names.map((name, index) => {
      const result = results[index]!;
      if (!isUsed(result)) return name;
      // Where has no booleans; x or (x and anything) is x too.
      if (result.dtype === 'bool') return this.#emit('Or', [name, this.#emit('And', [name, choice])]);
      return this.#emit('Where', [choice, name, name]);
    });
  }

  /** A batched matrix product; transposes and the scale become attributes of the operator. */
  #dotGeneral({ operands, attributes, results }: OperationOf<'dot_general'>, scale: number): string {
    const { lhsBatch, rhsBatch, lhsContract, rhsContract } = attributes;
    const left = this.#matrix(operands[0]!, lhsBatch, lhsContract);
    const right = this.#matrix(operands[1]!, rhsBatch, rhsContract);
    // The left contracts its last axis, the right its second to last, unless it is transposed.
    const transposeLeft = Number(left.contractFirst);
    const transposeRight = Number(!right.contractFirst);
    let product: string;
    if (results[0]!.dtype !== 'float32' || (this.standard && lhsBatch.length > 0)) {
      // Only MatMul multiplies integers, and in the standard only it takes batches; it transposes nothing.
      const upright = (name: string, transposed: number): string => {
        const rank = lhsBatch.length + 2;
        const perm = Array.from({ length: rank }, (_, axis) => (axis < rank - 2 ? axis : 2 * rank - 3 - axis));
        return transposed ? this.#emit('Transpose', [name], { perm }) : name;
      };
      product = this.#emit('MatMul', [upright(left.name, transposeLeft), upright(right.name, transposeRight)]);
      if (scale !== 1) product = this.#emit('Mul', [product, this.#scalar(scale, results[0]!.dtype)]);
    } else if (lhsBatch.length === 0) {
      const alpha = { float: scale };
      product =
        transposeLeft || transposeRight || scale !== 1
          ? this.#emit('Gemm', [left.name, right.name], { transA: transposeLeft, transB: transposeRight, alpha })
          : this.#emit('MatMul', [left.name, right.name]);
    } else if (transposeLeft || transposeRight || scale !== 1) {
      product = this.#emit(
        'FusedMatMul',
        [left.name, right.name],
        { transA: transposeLeft, transB: transposeRight, alpha: { float: scale } },
        undefined,
        microsoft,
      );
    } else {
      product = this.#emit('MatMul', [left.name, right.name]);
    }
    const shape = [...lhsBatch.map((axis) => operands[0]!.shape[axis]!), left.freeSize, right.freeSize];
    const wanted = results[0]!.shape;
    return sameShape(shape, wanted) ? product : this.#reshape(product, wanted);
  }

  /** An operand as [...batch, free, contract] or [...batch, contract, free], moved as little as possible. */
  #matrix(
    operand: Value,
    batch: readonly number[],
    contract: readonly number[],
  ): { name: string; contractFirst: boolean; freeSize: number } {
    const free = operand.shape
      .map((_, axis) => axis)
      .filter((axis) => !batch.includes(axis) && !contract.includes(axis));
    const size = (axes: readonly number[]): number => sizeOf(axes.map((axis) => operand.shape[axis]!));
    const orders = [
      { axes: [...batch, ...free, ...contract], contractFirst: false },
      { axes: [...batch, ...contract, ...free], contractFirst: true },
    ];
    const inOrder = (axes: readonly number[]): boolean => axes.every((axis, index) => axis === index);
    let order = orders.find(({ axes }) => inOrder(axes));
    let name: string;
    const { producer } = operand;
    const swap = producer?.kind === 'transpose' ? producer.attributes.permutation : undefined;
    const rank = operand.shape.length;
    if (
      order &&
      free.length === 1 &&
      contract.length === 1 &&
      swap?.every((axis, index) => axis === (index < rank - 2 ? index : 2 * rank - 3 - index))
    ) {
      // The operand is a matrix transpose of another tensor: use that one.
      name = this.#full(producer!.operands[0]!);
      order = { axes: order.axes, contractFirst: !order.contractFirst };
    } else if (order) {
      name = this.#full(operand);
    } else {
      order = orders[0]!;
      name = this.#emit('Transpose', [this.#full(operand)], { perm: order.axes });
    }
    if (free.length !== 1 || contract.length !== 1) {
      const matrix = order.contractFirst ? [size(contract), size(free)] : [size(free), size(contract)];
      name = this.#reshape(name, [...batch.map((axis) => operand.shape[axis]!), ...matrix]);
    }
    return { name, contractFirst: order.contractFirst, freeSize: size(free) };
  }

  /** ONNX convolves [B, C, H, W] with [O, C, KH, KW]; a spread-out image is its transposed convolution. */
  #convolution({ operands, attributes }: OperationOf<'convolution'>): string {
    const [image, kernel] = operands as [Value, Value];
    const { layout, padding, strides, lhsDilation, rhsDilation } = attributes;
    if (layout !== 'channels_first') {
      throw new CompileError({
        where: 'ONNX lowering',
        expected: 'convolutions with the channels first',
        got: layout,
        fix: 'Run the pass channelsFirst before.',
      });
    }
    const kernelShape = kernel.shape.slice(2);
    const x = this.#full(image);
    if (lhsDilation.every((step) => step === 1)) {
      const crop = padding.map((pad) => Math.min(0, pad));
      const cropped = crop.some((pad) => pad < 0) ? this.#padImage(x, crop) : x;
      return this.#emit('Conv', [cropped, this.#full(kernel)], {
        kernel_shape: kernelShape,
        strides,
        dilations: rhsDilation,
        pads: padding.map((pad) => Math.max(0, pad)),
      });
    }
    if (strides.some((stride) => stride !== 1)) {
      throw new CompileError({
        where: 'ONNX lowering',
        expected: 'a convolution that is strided or fractionally strided',
        got: `strides [${strides.join()}] and fractional strides [${lhsDilation.join()}]`,
        fix: 'Write it as two convolutions.',
      });
    }
    const pads = padding.map((pad, side) => (kernelShape[side % 2]! - 1) * rhsDilation[side % 2]! - pad);
    const y = this.#emit('ConvTranspose', [x, this.#flippedKernel(kernel)], {
      kernel_shape: kernelShape,
      strides: lhsDilation,
      dilations: rhsDilation,
      pads: pads.map((pad) => Math.max(0, pad)),
    });
    // Beyond the reach of the kernel there is nothing but zeros.
    const missing = pads.map((pad) => Math.max(0, -pad));
    return missing.some((pad) => pad > 0) ? this.#padImage(y, missing) : y;
  }

  /** Pads, or crops where negative: top, left, bottom, right of [B, C, H, W]. */
  #padImage(name: string, [top, left, bottom, right]: readonly number[]): string {
    return this.#emit('Pad', [name, this.#integers([0, 0, top!, left!, 0, 0, bottom!, right!])]);
  }

  /** ConvTranspose flips the kernel and takes [C, O, KH, KW]: what was flipped already is used as it was. */
  #flippedKernel(kernel: Value): string {
    const transpose = kernel.producer?.kind === 'transpose' ? kernel.producer : undefined;
    const reverse = (transpose?.operands[0] ?? kernel).producer;
    const [features, channels, ...taps] = transpose?.attributes.permutation ?? [0, 1, 2, 3];
    if (reverse?.kind === 'reverse' && [...reverse.attributes.axes].sort().join() === [...taps].sort().join()) {
      return this.#emit('Transpose', [this.#full(reverse.operands[0]!)], { perm: [channels!, features!, ...taps] });
    }
    const flipped = this.#slice(kernel, [-1, -1], [-(2 ** 31), -(2 ** 31)], [2, 3], [-1, -1]);
    return this.#emit('Transpose', [flipped], { perm: [1, 0, 2, 3] });
  }
}

/** The shape of a broadcast's source in the rank of its result. */
function alignedShape({ operands, attributes, results }: OperationOf<'broadcast_in_dim'>): number[] {
  return results[0]!.shape.map((_, axis) => {
    const source = attributes.dimensions.indexOf(axis);
    return source < 0 ? 1 : operands[0]!.shape[source]!;
  });
}
