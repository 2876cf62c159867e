import * as tf from '@tensorflow/tfjs-core';
import { assertInteger, Module } from '@vitvq/core';
import { assertGradients } from './internal/check-gradients.js';
import { assertFloatVariables } from './internal/check-variables.js';

/**
 * Sums the gradients of several micro-batches, for batches that do not fit into memory at once.
 * Where the loss is a mean over images and the micro-batches are of one size, `mean` is the
 * gradient of the whole batch.
 *
 * The sums are variables, not trainable, by the names of the variables to which the gradients
 * belong. All methods are plain tensor code, which compiles. A gradient that is NaN or infinite
 * stays in its sum until `clear`, so that the whole update is skipped.
 */
export class GradientAccumulator extends Module {
  /**
   * @param variables  by dotted name, as the gradients will be given
   * @throws {ConfigError} unless all are float32
   */
  constructor(variables: ReadonlyMap<string, tf.Variable>) {
    super();
    assertFloatVariables(variables, 'GradientAccumulator');
    for (const [name, variable] of variables) {
      const zeros = { shape: variable.shape, data: new Float32Array(variable.size) };
      this.variable(name, zeros, { trainable: false, like: variable });
    }
  }

  /**
   * Adds the gradients of one micro-batch to the sums.
   * @param gradients  one for each variable, by name; not disposed of
   * @throws {ShapeError} naming all missing, unexpected and mis-shaped gradients together, before
   *   anything changes
   */
  add(gradients: ReadonlyMap<string, tf.Tensor>): void {
    const sums = this.namedVariables();
    const fix = 'Make the accumulator of the variables that the loss reaches.';
    assertGradients(sums, gradients, 'GradientAccumulator.add', fix);
    tf.tidy(() => {
      for (const [name, sum] of sums) sum.assign(tf.add(sum, gradients.get(name)!));
    });
  }

  /**
   * Returns the sums divided by the number of micro-batches that were added, by name.
   * Ownership: the caller disposes of the gradients.
   * @throws {ConfigError} unless `count` is a positive integer
   */
  mean(count: number): Map<string, tf.Tensor> {
    assertInteger(count, 'count', 'GradientAccumulator.mean');
    return new Map([...this.namedVariables()].map(([name, sum]) => [name, tf.div(sum, count)]));
  }

  /** Sets the sums to zero. */
  clear(): void {
    tf.tidy(() => {
      for (const sum of this.namedVariables().values()) sum.assign(tf.zeros(sum.shape));
    });
  }
}
