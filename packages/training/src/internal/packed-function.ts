import * as tf from '@tensorflow/tfjs-core';
import { compile, type CompiledFunction, type Precision } from '@vitvq/engine';

/** Numbers of a packed tensor, by name. */
export interface PackedResult {
  readonly values: Readonly<Record<string, number>>;
  readonly norms: ReadonlyMap<string, number>;
}

/**
 * Puts scalars, and a vector with a name for each element, into one tensor, so that one read-back
 * gets them all.
 */
export type Pack = (
  values: Readonly<Record<string, tf.Scalar>>,
  norms?: tf.Tensor1D,
  normNames?: readonly string[],
) => tf.Tensor1D;

/** Compiled function that returns one packed tensor; the names are learned when it is traced. */
export class PackedFunction {
  readonly #fn: CompiledFunction<(...inputs: tf.Tensor[]) => tf.Tensor1D>;
  #names: readonly string[] = [];
  #normNames: readonly string[] = [];

  constructor(
    name: string,
    create: (pack: Pack) => (...inputs: tf.Tensor[]) => tf.Tensor1D,
    precision: Precision = 'float32',
  ) {
    const pack: Pack = (values, norms, normNames = []) => {
      this.#names = Object.keys(values);
      this.#normNames = normNames;
      const scalars = tf.stack(Object.values(values)) as tf.Tensor1D;
      return norms ? tf.concat1d([scalars, norms]) : scalars;
    };
    this.#fn = compile(create(pack), { name, precision });
  }

  /** Runs the function and reads its numbers back. */
  async run(...inputs: tf.Tensor[]): Promise<PackedResult> {
    const output = await this.#fn(...inputs);
    const numbers = await output.data();
    output.dispose();
    const count = this.#names.length;
    return {
      values: Object.fromEntries(this.#names.map((name, index) => [name, numbers[index]!])),
      norms: new Map(this.#normNames.map((name, index) => [name, numbers[count + index]!])),
    };
  }

  /** Frees the compiled function. */
  dispose(): void {
    this.#fn.dispose();
  }
}
