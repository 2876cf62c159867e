import * as tf from '@tensorflow/tfjs-core';
import type { CompositeAttributes, CompositeBody, RecordingBackend } from '@vitvq/core';
import { hostTypeOf } from '../backend/backend.js';
import { GraphBuilder } from '../ir/builder.js';
import { sizeOf, typedArray, type HostType, type TypedArray, type Value } from '../ir/graph.js';
import { CompileError } from '../errors.js';
import { refusePromises } from '../refuse-promises.js';
import type { TapeEngine, TapeNode } from '../tape-order.js';
import type { TraceObserver } from './trace-observer.js';

/** Name under which TensorFlow.js knows the trace backend. */
export const traceBackendName = 'vitvq-trace';

/**
 * A tensor of another backend that the traced function reads: a variable, or a tensor made outside.
 */
export interface Capture {
  readonly value: Value;
  readonly tensor: tf.Tensor;
}

/** Everything that one trace records. */
export class TraceSession {
  readonly captures: Capture[] = [];
  /** The last value that the function has assigned to each variable. */
  readonly assignments = new Map<tf.Variable, Value>();
  readonly main = new GraphBuilder();
  /** The graph that receives operations: the main one, or the body of a composite. */
  builder = this.main;
  #bodies = 0;
  /**
   * Values by data id. Variables are keys themselves, since several may share one data id and be
   * assigned separately.
   */
  readonly #entries = new WeakMap<object, { value: Value; builder: GraphBuilder }>();

  constructor(
    readonly name: string,
    readonly observer?: TraceObserver,
  ) {}

  /** Returns a builder for the body of a composite, with value numbers of its own. */
  nestedBuilder(): GraphBuilder {
    const nested = new GraphBuilder(++this.#bodies * 1_000_000);
    nested.isExact = this.builder.isExact;
    return nested;
  }

  /** Marks the products of `body`, and those of its gradients of every order, as exact. */
  fullPrecision<T>(body: () => T): T {
    const { builder } = this;
    const tape = (): readonly TapeNode[] => (tf.engine() as unknown as TapeEngine).state.activeTape ?? [];
    const earlier = new Set(tape());
    const outer = builder.isExact;
    builder.isExact = true;
    try {
      return body();
    } finally {
      builder.isExact = outer;
      for (const node of tape()) if (!earlier.has(node)) this.#markGradient(node);
    }
  }

  #markGradient(node: TapeNode): void {
    const { gradient } = node;
    if (!gradient) return;
    node.gradient = (dys) => {
      const gradients = Object.entries(this.fullPrecision(() => gradient(dys)));
      return Object.fromEntries(gradients.map(([name, compute]) => [name, () => this.fullPrecision(compute)]));
    };
  }

  /** Records what `body` does with stand-ins of `operands` as the body of a composite. */
  composite(
    name: string,
    attributes: CompositeAttributes,
    operands: readonly tf.Tensor[],
    body: CompositeBody,
  ): tf.Tensor[] {
    const outer = this.builder;
    const values = operands.map((operand) => this.value(operand));
    this.builder = this.nestedBuilder();
    try {
      const inputs = values.map((value) => this.tensor(this.builder.input(value.shape, value.dtype)));
      const returned = body(...inputs);
      refusePromises(returned, `${this.name}, composite ${name}`);
      const results = returned.map((result) => this.value(result));
      const recorded = outer.composite({ name, attributes, body: this.builder.finish(results) }, values);
      this.builder = outer;
      return recorded.map((value) => this.tensor(value));
    } finally {
      this.builder = outer;
    }
  }

  /** Binds a data id, by default a new one, to a value. */
  bind(value: Value, dataId: object = {}): tf.TensorInfo {
    this.#entries.set(dataId, { value, builder: this.builder });
    return { dataId, ...hostTypeOf(value), shape: [...value.shape] };
  }

  /** Returns a tensor that stands for a value. */
  tensor(value: Value): tf.Tensor {
    return tf.engine().makeTensorFromTensorInfo(this.bind(value), traceBackend());
  }

  /** Returns the value of a tensor that was made in this trace. */
  valueOfData(dataId: object): Value {
    return this.#entries.get(dataId)!.value;
  }

  /**
   * Returns the value of a tensor; a tensor or variable from outside is captured at its first use.
   */
  value(tensor: tf.TensorInfo): Value {
    const key = tensor instanceof tf.Variable ? tensor : tensor.dataId;
    const entry = this.#entries.get(key);
    if (entry && (entry.builder === this.builder || this.builder === this.main)) return this.#as(entry.value, tensor);
    if (this.builder !== this.main) {
      throw new CompileError({
        where: this.name,
        expected: "a composite's body to use its operands only",
        got: `a tensor [${tensor.shape.join()}] from outside`,
        fix: 'Pass it as an operand.',
      });
    }
    const value = this.main.input(tensor.shape, dtypeOf(tensor, this.name));
    this.#entries.set(key, { value, builder: this.main });
    this.captures.push({ value, tensor: tensor instanceof tf.Variable ? tensor : outsideTensor(tensor) });
    return value;
  }

  /** Returns a tensor with the same value that the gradient tape does not know. */
  detach(tensor: tf.Tensor): tf.Tensor {
    return this.tensor(this.value(tensor));
  }

  /** Converts a value for a tensor that shares its data and differs in shape or dtype. */
  #as(value: Value, { shape, dtype }: tf.TensorInfo): Value {
    const converted = this.builder.convert(value, dtypeOf({ dtype, shape }, this.name));
    return this.builder.reshape(converted, shape);
  }

  /** Records an assignment. */
  assign(variable: tf.Variable, next: tf.Tensor): void {
    if (next.dtype !== variable.dtype || next.shape.join() !== variable.shape.join()) {
      throw new CompileError({
        where: `${this.name}, variable.assign`,
        expected: `${variable.dtype} [${variable.shape}]`,
        got: `${next.dtype} [${next.shape}]`,
        fix: 'A variable keeps its shape and dtype.',
      });
    }
    const value = this.value(next);
    this.assignments.set(variable, value);
    this.#entries.set(variable, { value, builder: this.main });
  }
}

/** Returns a handle on a tensor of another backend that outlives the handles of the trace. */
function outsideTensor({ dataId, shape, dtype }: tf.TensorInfo): tf.Tensor {
  const engine = tf.engine();
  // TensorFlow.js leaves counting a second handle on the same data to its maker.
  engine.state.tensorInfo.get(dataId)!.backend.incRef(dataId);
  return tf.keep(engine.makeTensorFromTensorInfo({ dataId, shape, dtype }));
}

function dtypeOf({ dtype, shape }: { dtype: tf.DataType; shape: readonly number[] }, where: string): HostType {
  if (dtype === 'float32' || dtype === 'int32' || dtype === 'bool') return dtype;
  throw new CompileError({
    where,
    expected: 'float32, int32 or bool tensors',
    got: `${dtype} [${shape.join()}]`,
    fix: 'Keep such tensors outside the compiled function.',
  });
}

/**
 * A backend that computes nothing: its kernels append operations to the graph of the current
 * session. Tensors live as long as the trace, so that reference counts do not matter.
 */
class TraceBackend extends tf.KernelBackend implements RecordingBackend {
  session: TraceSession | undefined;

  /** The session of the trace that is under way. */
  get active(): TraceSession {
    if (!this.session) {
      throw new CompileError({
        where: 'compile',
        expected: 'a tensor made while a function is traced to be used within it',
        got: 'a use after the trace',
        fix: 'Return tensors from the function instead of keeping them in outer variables.',
      });
    }
    return this.session;
  }

  recordComposite(
    name: string,
    attributes: CompositeAttributes,
    operands: readonly tf.Tensor[],
    body: CompositeBody,
  ): tf.Tensor[] {
    return this.active.composite(name, attributes, operands, body);
  }

  recordDetach(x: tf.Tensor): tf.Tensor {
    return this.active.detach(x);
  }

  recordFullPrecision<T>(body: () => T): T {
    return this.active.fullPrecision(body);
  }

  override write(values: tf.BackendValues, shape: number[], dtype: tf.DataType): object {
    const session = this.active;
    const type = dtypeOf({ dtype, shape }, session.name);
    return session.bind(session.builder.values(values as TypedArray, shape, type)).dataId;
  }

  override move(dataId: object, values: tf.BackendValues, shape: number[], dtype: tf.DataType): void {
    const session = this.active;
    session.bind(session.builder.values(values as TypedArray, shape, dtypeOf({ dtype, shape }, session.name)), dataId);
  }

  override readSync(dataId: object): tf.BackendValues {
    const session = this.active;
    const value = session.valueOfData(dataId);
    // A constant is the same in every run, so its values may be read.
    if (value.producer?.kind === 'constant') {
      const { value: constant } = value.producer.attributes;
      return 'data' in constant ? constant.data : typedArray(value.dtype, sizeOf(value.shape)).fill(constant.splat);
    }
    throw readError(session.name, value.shape);
  }

  override async read(dataId: object): Promise<tf.BackendValues> {
    return this.readSync(dataId);
  }

  override disposeData(): boolean {
    return true;
  }
  override incRef(): void {}
  decRef(): void {}
  override refCount(): number {
    return 1;
  }
  override numDataIds(): number {
    return 0;
  }
  override memory(): { unreliable: boolean } {
    return { unreliable: true };
  }
  override floatPrecision(): 32 {
    return 32;
  }
  override timerAvailable(): boolean {
    return false;
  }
  override dispose(): void {}
}

/** Returns the error for reading values of a tensor while a function is traced. */
export function readError(where: string, shape: readonly number[]): CompileError {
  return new CompileError({
    where,
    expected: 'a function of tensors only',
    got: `data(), dataSync() or arraySync() of a traced tensor [${shape.join()}], which has no values yet`,
    fix: 'Return the tensor and read it after the call; branch with tf.where instead of if.',
  });
}

let instance: TraceBackend | undefined;

/** Returns the trace backend, which is registered with TensorFlow.js at its first use. */
export function traceBackend(): TraceBackend {
  if (!instance) {
    const backend = new TraceBackend();
    tf.registerBackend(traceBackendName, () => backend, 0);
    instance = backend;
  }
  return instance;
}
