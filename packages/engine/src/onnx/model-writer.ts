import { hostTypeOf } from '../backend/backend.js';
import { sameShape, splatOf, type DType, type Graph, type Operation, type Value } from '../ir/graph.js';
import { CompileError } from '../errors.js';
import { initializerData } from './float16.js';
import type { OnnxAttribute, OnnxModel, OnnxNode, OnnxTensor } from './proto.js';

/** Tells a writer to write shapes that follow the batch as symbols. */
export interface SymbolicBatch {
  /** Batch size of the trace: sizes that it divides are multiples of the batch. */
  readonly size: number;
  /** Index of an input whose first axis is the batch; undefined where no input has one. */
  readonly input: number | undefined;
}

/** A model whose inputs and outputs are named `input0`, ... and `output0`, ... */
export interface LoweredModel extends OnnxModel {
  /** For each input of the model, the index of the graph input that it is. */
  readonly inputIndices: readonly number[];
  /** Indices of the graph inputs that are initializers, whose values are given beside the model. */
  readonly external: readonly number[];
}

const nameOfInput = (index: number): string => `input${index}`;

/**
 * Collects the nodes and initializers of a model while rules translate a graph. Constants of one
 * value and broadcasts are not written where they are defined but where they are used: as scalars,
 * or not at all where an ONNX operator broadcasts by itself.
 */
export class ModelWriter {
  readonly #graph: Graph;
  readonly #frozen: ReadonlySet<number>;
  readonly #batch: SymbolicBatch | undefined;
  readonly #nodes: OnnxNode[] = [];
  readonly #initializers = new Map<string, OnnxTensor>();
  readonly #names = new Map<Value, string>();
  readonly #expanded = new Map<Value, string>();
  readonly #users = new Map<Value, Operation[]>();
  #fresh = 0;
  #batchSize: string | undefined;

  /** @param frozen  indices of graph inputs that become initializers */
  constructor(graph: Graph, frozen: ReadonlySet<number>, batch: SymbolicBatch | undefined) {
    this.#graph = graph;
    this.#frozen = frozen;
    this.#batch = batch;
    for (const operation of graph.operations) {
      for (const operand of operation.operands) {
        const users = this.#users.get(operand);
        if (users) users.push(operation);
        else this.#users.set(operand, [operation]);
      }
    }
    graph.inputs.forEach((input, index) => {
      const name = nameOfInput(index);
      this.#names.set(input, name);
      if (!frozen.has(index)) return;
      this.#initializers.set(name, { name, shape: input.shape, type: input.dtype, data: 'external' });
    });
  }

  /** Returns the model, once every operation has been translated. */
  finish(): LoweredModel {
    const { inputs, outputs } = this.#graph;
    this.#nameOutputs(outputs.map((output) => this.full(output)));
    const live = new Set(this.#nodes.flatMap((node) => node.inputs));
    const used = [...inputs.keys()].filter((index) => live.has(nameOfInput(index)));
    const inputIndices = used.filter((index) => !this.#frozen.has(index));
    return {
      nodes: this.#nodes,
      initializers: [...this.#initializers.values()].filter(({ name }) => live.has(name)),
      inputs: inputIndices.map((index) => ({ name: nameOfInput(index), ...hostTypeOf(inputs[index]!) })),
      inputIndices,
      external: used.filter((index) => this.#frozen.has(index)),
      outputs: outputs.map((output, index) => ({ name: `output${index}`, ...hostTypeOf(output) })),
    };
  }

  /**
   * Gives the results of nodes the names of outputs. An input, a constant or a repeated output is
   * copied. WebGPU has no Identity of booleans.
   */
  #nameOutputs(names: readonly string[]): void {
    const produced = new Set(this.#nodes.flatMap((node) => node.outputs));
    const renamed = new Map<string, string>();
    names.forEach((name, index) => {
      const output = `output${index}`;
      const isBoolean = this.#graph.outputs[index]!.dtype === 'bool';
      if (produced.has(name) && !renamed.has(name)) renamed.set(name, output);
      else if (isBoolean) this.emitNode({ opType: 'And', inputs: [name, name], outputs: [output] });
      else this.emitNode({ opType: 'Identity', inputs: [name], outputs: [output] });
    });
    for (const node of this.#nodes) {
      node.inputs.forEach((name, index) => (node.inputs[index] = renamed.get(name) ?? name));
      node.outputs.forEach((name, index) => (node.outputs[index] = renamed.get(name) ?? name));
    }
  }

  /** Adds a node with one result and returns the result's name. */
  emit(opType: string, inputs: readonly string[], attributes: Record<string, OnnxAttribute> = {}): string {
    const output = this.freshName();
    this.emitNode({ opType, inputs, attributes, outputs: [output] });
    return output;
  }

  /** Adds a node. */
  emitNode(node: {
    readonly opType: string;
    readonly domain?: string;
    readonly inputs: readonly string[];
    readonly outputs: readonly string[];
    readonly attributes?: Record<string, OnnxAttribute>;
  }): void {
    const { opType, domain = '', inputs, outputs, attributes = {} } = node;
    this.#nodes.push({ opType, domain, inputs: [...inputs], outputs: [...outputs], attributes });
  }

  /** Returns a name that no other tensor has. */
  freshName(): string {
    return `t${this.#fresh++}`;
  }

  /** Gives a value the name of the tensor that holds it. */
  bind(value: Value, name: string): void {
    this.#names.set(value, name);
  }

  /** Returns the operations that read a value. */
  usersOf(value: Value): readonly Operation[] {
    return this.#users.get(value) ?? [];
  }

  /** Whether a value is an output of the graph. */
  isOutput(value: Value): boolean {
    return this.#graph.outputs.includes(value);
  }

  /** Returns the name of an initializer, which is made at its first use. */
  initializer(name: string, make: () => Omit<OnnxTensor, 'name'>): string {
    if (!this.#initializers.has(name)) this.#initializers.set(name, { name, ...make() });
    return name;
  }

  /** Returns the name of an int64 vector of constants. */
  integers(values: readonly number[]): string {
    return this.initializer(`integers_${values.join('_')}`, () => ({
      shape: [values.length],
      type: 'int64',
      data: BigInt64Array.from(values, BigInt),
    }));
  }

  /** Returns the name of a constant scalar. */
  scalar(value: number, dtype: DType): string {
    return this.initializer(`scalar_${dtype}_${Object.is(value, -0) ? '-0' : value}`, () => ({
      shape: [],
      type: dtype,
      data: initializerData(dtype, [value]),
    }));
  }

  /** Reshapes a tensor; a size that follows the batch is what the other sizes leave. */
  reshape(name: string, shape: readonly number[]): string {
    const dynamic = shape.filter((size) => this.#batches(size) !== undefined);
    if (dynamic.length > 1) {
      throw new CompileError({
        where: 'ONNX lowering',
        expected: 'shapes with the batch in one axis at most',
        got: `[${shape.join()}] for a batch of ${this.#batch!.size}`,
        fix: 'Keep the examples of a batch apart.',
      });
    }
    const target = shape.map((size) => (this.#batches(size) === undefined ? size : -1));
    return this.emit('Reshape', [name, this.integers(target)]);
  }

  /**
   * Broadcasts a tensor to a shape.
   * @param source  shape of the named tensor, of the same rank or a lower one
   */
  expand(name: string, source: readonly number[], shape: readonly number[]): string {
    if (shape.every((size) => this.#batches(size) === undefined)) {
      return this.emit('Expand', [name, this.integers(shape)]);
    }
    const sizes = shape.map((size, axis) => {
      const times = this.#batches(size);
      if (times === undefined) return this.integers([size]);
      // Expand leaves an axis unchanged where the size is 1.
      if (source[axis + source.length - shape.length] === size) return this.integers([1]);
      return times === 1 ? this.#sizeOfBatch() : this.emit('Mul', [this.#sizeOfBatch(), this.integers([times])]);
    });
    return this.emit('Expand', [name, this.emit('Concat', sizes, { axis: 0 })]);
  }

  /**
   * Returns how many times the batch a size is; undefined for a size that is equal for every batch.
   */
  #batches(size: number): number | undefined {
    return this.#batch && size > 0 && size % this.#batch.size === 0 ? size / this.#batch.size : undefined;
  }

  /** Returns the name of the batch size, int64 `[1]`. */
  #sizeOfBatch(): string {
    const { input } = this.#batch!;
    if (input === undefined) {
      throw new CompileError({
        where: 'ONNX lowering',
        expected: 'an input with the batch as its first axis',
        got: 'none',
      });
    }
    this.#batchSize ??= this.emit('Shape', [nameOfInput(input)], { start: 0, end: 1 });
    return this.#batchSize;
  }

  /** Returns the tensor of a value; a constant of one value may be a scalar. */
  compact(value: Value): string {
    const known = this.#names.get(value);
    if (known !== undefined) return known;
    const splat = splatOf(value);
    if (splat !== undefined) return this.scalar(splat, value.dtype);
    if (value.producer?.kind === 'broadcast_in_dim') return this.full(value);
    throw new CompileError({
      where: 'ONNX lowering',
      expected: 'operations in program order',
      got: `a use of %${value.id} (${value.producer?.kind ?? 'input'}) before it`,
    });
  }

  /** Returns the tensor of a value in its full shape. */
  full(value: Value): string {
    const known = this.#names.get(value) ?? this.#expanded.get(value);
    if (known !== undefined) return known;
    const source = broadcastOf(value);
    let name: string;
    if (source) {
      const isScalar = splatOf(source.value) !== undefined;
      name = this.expand(this.#aligned(source), isScalar ? [] : source.shape, value.shape);
    } else if (value.shape.length === 0) {
      return this.compact(value);
    } else {
      name = this.expand(this.compact(value), [], value.shape);
    }
    this.#expanded.set(value, name);
    return name;
  }

  /** Returns the source of a broadcast, with axes of size 1 where NumPy's rules need them. */
  #aligned({ value, shape }: BroadcastSource): string {
    const leading = shape.length - value.shape.length;
    const fits = sameShape(shape.slice(leading), value.shape) && shape.slice(0, leading).every((size) => size === 1);
    return fits ? this.compact(value) : this.reshape(this.full(value), shape);
  }

  /**
   * Returns the operands of an operator that broadcasts by itself. Together they span the shape of
   * the result.
   */
  broadcasting(operands: readonly Value[], result: Value): string[] {
    const shapes = operands.map((operand) => {
      if (this.#names.has(operand)) return operand.shape;
      return broadcastOf(operand)?.shape ?? (splatOf(operand) === undefined ? operand.shape : []);
    });
    const spans = result.shape.every((size, axis) =>
      shapes.some((shape) => (shape[axis + shape.length - result.shape.length] ?? 1) === size),
    );
    return operands.map((operand, index) => {
      if (!spans && index === 0) return this.full(operand);
      const source = broadcastOf(operand);
      return source && !this.#names.has(operand) && !this.#expanded.has(operand)
        ? this.#aligned(source)
        : this.compact(operand);
    });
  }
}

/** What a broadcast repeats, and the shape that it has in the rank of the result. */
interface BroadcastSource {
  readonly value: Value;
  readonly shape: readonly number[];
}

/** Returns the source of a broadcast; undefined for any other value. */
function broadcastOf({ producer, shape }: Value): BroadcastSource | undefined {
  if (producer?.kind !== 'broadcast_in_dim') return undefined;
  const { dimensions } = producer.attributes;
  const value = producer.operands[0]!;
  const aligned = shape.map((_, axis) => {
    const source = dimensions.indexOf(axis);
    return source < 0 ? 1 : value.shape[source]!;
  });
  return { value, shape: aligned };
}
