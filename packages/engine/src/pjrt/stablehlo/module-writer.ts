import type { DType, TypedArray, Value, ValueType } from '../../ir/graph.js';
import type { ShardingDialect } from '../sharding/dialect.js';
import { arrayLiteral, numberLiteral, tensorType } from './literals.js';

/** Writes the operations of one function in StableHLO's text form. */
export class ModuleWriter {
  readonly #lines: string[] = [];
  readonly #names = new Map<Value, string>();
  readonly #constants = new Map<string, string>();
  readonly #checks: { readonly isFailed: string; readonly message: string }[] = [];
  #next = 0;
  readonly #dialect: ShardingDialect | undefined;

  /** @param dialect  of a module that is cut into parts for several devices */
  constructor(dialect?: ShardingDialect) {
    this.#dialect = dialect;
  }

  /** Whether the module is cut into parts for several devices. */
  get isPartitioned(): boolean {
    return this.#dialect !== undefined;
  }

  /** Keeps axes of a value from being sharded; returns the value's new name. */
  keepWhole(name: string, type: ValueType, axes: readonly number[]): string {
    if (!this.#dialect) return name;
    const isWhole = type.shape.map((_, axis) => axes.includes(axis));
    return this.emit(this.#dialect.keepWhole(name, tensorType(type), isWhole));
  }

  /** Lines that were written so far. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** What each check means, in the order of {@link writeOutcome}. */
  get checks(): readonly string[] {
    return this.#checks.map(({ message }) => message);
  }

  /**
   * Adds a check, since an operation cannot fail on a device.
   * @param isFailed  name of a boolean scalar
   */
  check(isFailed: string, message: string): void {
    this.#checks.push({ isFailed, message });
  }

  /** Writes an int32 scalar: 0, or the number of a check that has failed, from 1. */
  writeOutcome(): string {
    const type = { shape: [], dtype: 'int32' } as const;
    return this.#checks.reduce(
      (outcome, { isFailed }, index) => this.select(isFailed, this.scalar(index + 1, 'int32'), outcome, type),
      this.scalar(0, 'int32'),
    );
  }

  /** Gives a value a name. */
  bind(value: Value, name: string): void {
    this.#names.set(value, name);
  }

  /** Returns the name of a value that an earlier operation or the function's head has bound. */
  of(value: Value): string {
    const name = this.#names.get(value);
    if (name === undefined) throw new Error(`value ${value.id} is read before it is computed`);
    return name;
  }

  /** Writes an operation with one result and returns the result's name. */
  emit(text: string): string {
    const name = `%${this.#next++}`;
    this.#lines.push(`${name} = ${text}`);
    return name;
  }

  /** Writes an operation with several results and returns their names. */
  emitMany(count: number, text: string): string[] {
    const name = `%${this.#next++}`;
    this.#lines.push(`${name}:${count} = ${text}`);
    return Array.from({ length: count }, (_, index) => `${name}#${index}`);
  }

  /** Writes an operation whose operands and result have one type. */
  elementwise(operation: string, operands: readonly string[], type: ValueType): string {
    return this.emit(`stablehlo.${operation} ${operands.join(', ')} : ${tensorType(type)}`);
  }

  /** Writes an operation of one operand whose result has another type. */
  convert(operation: string, operand: string, from: ValueType, to: ValueType, attributes = ''): string {
    return this.emit(`stablehlo.${operation} ${operand}${attributes} : (${tensorType(from)}) -> ${tensorType(to)}`);
  }

  /** Writes a comparison; `type` is that of the operands. */
  compare(direction: string, a: string, b: string, type: ValueType): string {
    const kind = type.dtype === 'int32' ? 'SIGNED' : type.dtype === 'bool' ? 'UNSIGNED' : 'FLOAT';
    const operand = tensorType(type);
    const result = tensorType({ shape: type.shape, dtype: 'bool' });
    return this.emit(`stablehlo.compare ${direction}, ${a}, ${b}, ${kind} : (${operand}, ${operand}) -> ${result}`);
  }

  /** Writes a choice by element; `type` is that of the choices. */
  select(condition: string, onTrue: string, onFalse: string, type: ValueType): string {
    const conditions = tensorType({ shape: type.shape, dtype: 'bool' });
    return this.emit(`stablehlo.select ${condition}, ${onTrue}, ${onFalse} : ${conditions}, ${tensorType(type)}`);
  }

  /** Returns a constant of one value, which is written at its first use. */
  splat(value: number, { shape, dtype }: ValueType): string {
    const text = `stablehlo.constant dense<${numberLiteral(value, dtype)}> : ${tensorType({ shape, dtype })}`;
    const known = this.#constants.get(text);
    if (known !== undefined) return known;
    const name = this.emit(text);
    this.#constants.set(text, name);
    return name;
  }

  /** Returns a scalar constant. */
  scalar(value: number, dtype: DType): string {
    return this.splat(value, { shape: [], dtype });
  }

  /** Writes a constant. */
  constant(data: TypedArray, type: ValueType): string {
    const isFlat = type.dtype === 'bool' && type.shape.length !== 1;
    const written = isFlat ? { shape: [data.length], dtype: type.dtype } : type;
    const name = this.emit(`stablehlo.constant dense<${arrayLiteral(data, written)}> : ${tensorType(written)}`);
    return isFlat ? this.reshape(name, written, type) : name;
  }

  /** Writes a reshape. */
  reshape(name: string, from: ValueType, to: ValueType): string {
    return this.convert('reshape', name, from, to);
  }

  /** Writes a broadcast: axis i of the operand becomes axis `dimensions[i]` of the result. */
  broadcast(name: string, from: ValueType, to: ValueType, dimensions: readonly number[]): string {
    return this.convert('broadcast_in_dim', name, from, to, `, dims = [${dimensions.join(', ')}]`);
  }

  /** Writes the numbers 0, 1, 2, … along an axis. */
  iota(axis: number, type: ValueType): string {
    return this.emit(`stablehlo.iota dim = ${axis} : ${tensorType(type)}`);
  }

  /** Writes a slice. */
  slice(
    name: string,
    from: ValueType,
    { start, limit, strides }: Record<'start' | 'limit' | 'strides', readonly number[]>,
  ): string {
    const ranges = start.map((first, axis) => `${first}:${limit[axis]!}:${strides[axis]!}`);
    const shape = start.map((first, axis) => Math.max(0, Math.ceil((limit[axis]! - first) / strides[axis]!)));
    return this.convert(`slice`, name, from, { shape, dtype: from.dtype }, ` [${ranges.join(', ')}]`);
  }

  /**
   * Writes a reduction of some axes.
   * @param body  an operation, or lines that define `%result` from `%a` and `%b`
   */
  reduce(
    body: string | readonly string[],
    name: string,
    from: ValueType,
    { axes, initial }: { readonly axes: readonly number[]; readonly initial: number },
  ): string {
    const scalar = tensorType({ shape: [], dtype: from.dtype });
    const lines = typeof body === 'string' ? [`%result = stablehlo.${body} %a, %b : ${scalar}`] : body;
    const to = { shape: from.shape.filter((_, axis) => !axes.includes(axis)), dtype: from.dtype };
    return this.emit(
      `"stablehlo.reduce"(${name}, ${this.scalar(initial, from.dtype)}) <{dimensions = array<i64: ${axes.join(', ')}>}> ${this.region(from.dtype, lines)} : (${tensorType(from)}, ${scalar}) -> ${tensorType(to)}`,
    );
  }

  /**
   * Returns the region of an operation whose body is one function of two scalars.
   * @param body  lines that define `%result` from `%a` and `%b`
   */
  region(dtype: DType, body: readonly string[]): string {
    const type = tensorType({ shape: [], dtype });
    const head = `^bb0(%a: ${type}, %b: ${type}):`;
    return `({ ${[head, ...body, `stablehlo.return %result : ${type}`].join('\n      ')} })`;
  }
}
