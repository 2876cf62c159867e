import * as tf from '@tensorflow/tfjs-core';
import { formatShape } from './checks.js';
import type { VariableOwner } from './contracts.js';
import { ConfigError, ShapeError } from './errors.js';
import { assertTensorAffordable, countVariable } from './model-budget.js';
import { namedDifferences, shapeDifference } from './named-shapes.js';

/** A tensor's values in host memory, row-major; images are `[.., H, W, C]`, linear weights `[in, out]`. */
export interface HostTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array;
}

/**
 * Owns variables and other modules under stable dotted names (`blocks.0.attention.qkv.weight`), which a checkpoint uses.
 * Subclasses call `this.variable(...)` and `this.child(...)` in their constructor; the order of the calls is the order of
 * the names. Variables are ordinary `tf.Variable`s: whoever creates a module disposes of it.
 */
export abstract class Module implements VariableOwner {
  readonly #variables = new Map<string, tf.Variable>();
  readonly #children = new Map<string, VariableOwner>();

  /** Creates and registers a variable. `trainable: false` marks state that no optimizer may touch (usage counts, averages). */
  protected variable<R extends tf.Rank = tf.Rank>(
    name: string,
    { shape, data }: HostTensor,
    { trainable = true }: { trainable?: boolean } = {},
  ): tf.Variable<R> {
    this.#claim(name);
    assertTensorAffordable(shape, 1);
    const dtype = data instanceof Int32Array ? 'int32' : 'float32';
    // A copy: TensorFlow.js would keep the caller's array as the variable's storage.
    const initial = tf.tensor(data.slice(), [...shape], dtype);
    const variable = tf.variable(initial, trainable) as tf.Variable<R>;
    initial.dispose();
    countVariable(variable);
    this.#variables.set(name, variable);
    return variable;
  }

  /** Registers a part whose variables appear under `name.`. A dotted name (`blocks.0`) is fine. */
  protected child<M extends VariableOwner>(name: string, module: M): M {
    this.#claim(name);
    this.#children.set(name, module);
    return module;
  }

  /** All variables by dotted name, in order of registration, own ones first. */
  namedVariables(): Map<string, tf.Variable> {
    const named = new Map(this.#variables);
    for (const [prefix, child] of this.#children) {
      for (const [name, variable] of child.namedVariables()) named.set(`${prefix}.${name}`, variable);
    }
    return named;
  }

  /** The variables that an optimizer moves, by dotted name. */
  namedTrainableVariables(): Map<string, tf.Variable> {
    return new Map([...this.namedVariables()].filter(([, variable]) => variable.trainable));
  }

  trainableVariables(): tf.Variable[] {
    return [...this.namedTrainableVariables().values()];
  }

  /** Number of trainable scalars. */
  parameterCount(): number {
    return this.trainableVariables().reduce((total, variable) => total + variable.size, 0);
  }

  /**
   * Sets every variable from `values`; nothing is changed unless all names and shapes fit.
   * @throws {ShapeError} naming all missing, unexpected and mis-shaped entries together
   */
  loadVariables(values: ReadonlyMap<string, HostTensor>): void {
    assignHostValues(this.namedVariables(), values, `${this.constructor.name}.loadVariables`);
  }

  /** Frees the variables of this module and of its parts; a second call does nothing. */
  dispose(): void {
    for (const variable of this.#variables.values()) if (!variable.isDisposed) variable.dispose();
    for (const child of this.#children.values()) child.dispose();
  }

  #claim(name: string): void {
    if (this.#variables.has(name) || this.#children.has(name)) {
      throw new ConfigError({ where: this.constructor.name, expected: 'names that differ', got: `"${name}" twice` });
    }
  }
}

/**
 * Assigns host values to variables of the same names; all names and shapes are checked before anything changes.
 * @throws {ShapeError} naming all missing, unexpected and mis-shaped entries together
 */
export function assignHostValues(
  variables: ReadonlyMap<string, tf.Variable>,
  values: ReadonlyMap<string, HostTensor>,
  where: string,
): void {
  const problems = namedDifferences(
    variables,
    values,
    (value, variable) =>
      shapeDifference(value, variable) ??
      (value.data.length === variable.size ? undefined : `${value.data.length} values for ${formatShape(value.shape)}`),
  );
  if (problems.length) {
    throw new ShapeError({ where, expected: `the ${variables.size} variables of the model`, got: problems.join('; ') });
  }
  for (const [name, variable] of variables) {
    const { data, shape } = values.get(name)!;
    const value = tf.tensor(data.slice(), [...shape], variable.dtype);
    variable.assign(value);
    value.dispose();
  }
}
