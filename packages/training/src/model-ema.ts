import * as tf from '@tensorflow/tfjs-core';
import { compile } from '@vitvq/engine';
import { EMA, type EMAOptions } from '@vitvq/optim';

/**
 * Exponential moving average of a model's weights during a training: moved after each step, lent to
 * the model for evaluations, previews and export.
 *
 * Ownership: it owns the averages and its compiled function, not the variables of the model.
 */
export class ModelEMA {
  readonly #variables: ReadonlyMap<string, tf.Variable>;
  readonly #ema: EMA;
  readonly #update = compile(
    () => {
      this.#ema.update();
      return tf.scalar(1);
    },
    { name: 'average weights' },
  );

  /** @param variables  by dotted name @throws {ConfigError} for a decay outside [0, 1] */
  constructor(variables: ReadonlyMap<string, tf.Variable>, options: EMAOptions) {
    this.#variables = variables;
    this.#ema = new EMA(variables, options);
  }

  /** Returns the averages as `average.<name>` and the number of updates, for checkpoints. */
  namedVariables(): Map<string, tf.Variable> {
    return this.#ema.namedVariables();
  }

  /** Moves the averages towards the weights, on the engine. */
  async update(): Promise<void> {
    (await this.#update()).dispose();
  }

  /** Runs `fn` while the model holds the averages. */
  async use<T>(fn: () => Promise<T>): Promise<T> {
    this.#ema.swap();
    try {
      return await fn();
    } finally {
      this.#ema.swap();
    }
  }

  /** Sets the averages to the weights. */
  restart(): void {
    const averages = this.#ema.namedVariables();
    for (const [name, weight] of this.#variables) {
      tf.tidy(() => averages.get(`average.${name}`)!.assign(weight.clone()));
    }
  }

  /** Frees the averages and the compiled function. */
  dispose(): void {
    this.#update.dispose();
    this.#ema.dispose();
  }
}
