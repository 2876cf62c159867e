import * as tf from '@tensorflow/tfjs-core';
import { formatShape } from './checks.js';
import type { VariableOwner } from './contracts.js';
import { ConfigError, ShapeError } from './errors.js';
import { shardLike } from './model-axis.js';
import { namedDifferences, shapeDifference } from './named-shapes.js';

/**
 * Values of a tensor in host memory, in row-major order; images are `[.., H, W, C]`, linear weights
 * `[in, out]`.
 */
export interface HostTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array;
}

/**
 * Owns variables and other modules under stable dotted names (`blocks.0.attention.qkv.weight`),
 * which checkpoints use. Subclasses call `this.variable(...)` and `this.child(...)` in their
 * constructor; the order of the calls is the order of the names. Variables are ordinary
 * `tf.Variable`s: whoever creates a module disposes of it.
 */
export abstract class Module implements VariableOwner {
  readonly #variables = new Map<string, tf.Variable>();
  readonly #children = new Map<string, VariableOwner>();

  /**
   * Creates and registers a variable. `trainable: false` marks state that no optimizer may change
   * (usage counts, averages). It is sharded over several devices as `like` is, a variable of the
   * same shape.
   */
  protected variable<R extends tf.Rank = tf.Rank>(
    name: string,
    { shape, data }: HostTensor,
    { trainable = true, like }: { readonly trainable?: boolean; readonly like?: tf.Variable } = {},
  ): tf.Variable<R> {
    this.#claim(name);
    const dtype = data instanceof Int32Array ? 'int32' : 'float32';
    // TensorFlow.js would keep the caller's array as the variable's storage, so it gets a copy.
    const initial = tf.tensor(data.slice(), [...shape], dtype);
    const variable = tf.variable(initial, trainable) as tf.Variable<R>;
    initial.dispose();
    if (like) shardLike(variable, like);
    this.#variables.set(name, variable);
    return variable;
  }

  /**
   * Registers a part whose variables appear under `name.`. The name may contain dots (`blocks.0`).
   */
  protected child<M extends VariableOwner>(name: string, module: M): M {
    this.#claim(name);
    this.#children.set(name, module);
    return module;
  }

  /** Returns all variables by dotted name in order of registration, those of this module first. */
  namedVariables(): Map<string, tf.Variable> {
    const named = new Map(this.#variables);
    for (const [prefix, child] of this.#children) {
      for (const [name, variable] of child.namedVariables()) named.set(`${prefix}.${name}`, variable);
    }
    return named;
  }

  /** Returns the variables that an optimizer changes, by dotted name. */
  namedTrainableVariables(): Map<string, tf.Variable> {
    return new Map([...this.namedVariables()].filter(([, variable]) => variable.trainable));
  }

  /** Returns the variables that an optimizer changes. */
  trainableVariables(): tf.Variable[] {
    return [...this.namedTrainableVariables().values()];
  }

  /** Returns the number of trainable scalars. */
  parameterCount(): number {
    return this.trainableVariables().reduce((total, variable) => total + variable.size, 0);
  }

  /**
   * Sets every variable from `values`; nothing changes unless all names and shapes fit.
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
 * Assigns host values to the variables of the same names. All names and shapes are checked before
 * anything changes.
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
