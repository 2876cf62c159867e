import * as tf from '@tensorflow/tfjs-core';
import { compile } from '@vitvq/engine';
import { EMA, type EMAOptions } from '@vitvq/optim';

/** Averages of a model's weights as a task keeps them: moved after a step, lent to the model for an evaluation. */
export class WeightAverages {
  readonly #variables: ReadonlyMap<string, tf.Variable>;
  readonly #average: EMA;
  readonly #update = compile(
    () => {
      this.#average.update();
      return tf.scalar(1);
    },
    { name: 'average weights' },
  );

  /** @param variables  by dotted name @throws {ConfigError} for a decay outside [0, 1] */
  constructor(variables: ReadonlyMap<string, tf.Variable>, options: EMAOptions) {
    this.#variables = variables;
    this.#average = new EMA(variables, options);
  }

  /** For checkpoints. */
  namedVariables(): Map<string, tf.Variable> {
    return this.#average.namedVariables();
  }

  /** Moves the averages towards the weights, on the engine. */
  async update(): Promise<void> {
    (await this.#update()).dispose();
  }

  /** Runs `fn` while the model holds the averages. */
  async lend<T>(fn: () => Promise<T>): Promise<T> {
    this.#average.swap();
    try {
      return await fn();
    } finally {
      this.#average.swap();
    }
  }

  /** Lets the averages be what the weights are. */
  restart(): void {
    const averages = this.#average.namedVariables();
    for (const [name, weight] of this.#variables) {
      tf.tidy(() => averages.get(`average.${name}`)!.assign(weight.clone()));
    }
  }

  dispose(): void {
    this.#update.dispose();
    this.#average.dispose();
  }
}
