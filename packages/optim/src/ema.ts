import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, Module, assertInRange, checkOptions, detach, type OptionTable } from '@vitvq/core';
import { assertFloatVariables } from './internal/check-variables.js';

/** Options of {@link EMA}. */
export interface EMAOptions {
  /** Factor d of the old average at an update, in [0, 1]. @default 0.999 */
  readonly decay?: number;
  /**
   * Whether the decay starts small, `min(decay, (1 + t) / (10 + t))` at update t = 0, 1, ..., so
   * that the first weights are soon forgotten (as `tf.train.ExponentialMovingAverage` with
   * `num_updates`). @default true
   */
  readonly warmUp?: boolean;
}

const emaOptionNames: OptionTable<EMAOptions> = {
  decay: 'optional',
  warmUp: 'optional',
};

/**
 * Exponential moving average of a model's weights (Polyak & Juditsky 1992), with which the model is
 * evaluated and sampled from: `a <- a + (1 - d) (w - a)`. The averages start as the weights are.
 *
 * State, for checkpoints: `updates` (scalar, number of updates) and `average.<name>`; not
 * trainable. An EMA owns its state and not the variables of the model.
 */
export class EMA extends Module {
  readonly #decay: number;
  readonly #warmUp: boolean;
  readonly #updates: tf.Variable<tf.Rank.R0>;
  readonly #pairs: readonly { readonly variable: tf.Variable; readonly average: tf.Variable }[];
  #swapped = false;

  /**
   * @param variables  by dotted name; statistics that are not trainable may be among them
   * @throws {ConfigError} unless all are float32, and for a decay outside [0, 1]
   */
  constructor(variables: ReadonlyMap<string, tf.Variable>, options: EMAOptions = {}) {
    super();
    const { decay = 0.999, warmUp = true } = checkOptions(options, emaOptionNames, 'EMA');
    assertFloatVariables(variables, 'EMA');
    assertInRange(decay, 'decay', 'EMA', 0, 1);
    this.#decay = decay;
    this.#warmUp = warmUp;
    this.#updates = this.variable<tf.Rank.R0>(
      'updates',
      { shape: [], data: new Float32Array(1) },
      { trainable: false },
    );
    this.#pairs = [...variables].map(([name, variable]) => {
      const initial = { shape: variable.shape, data: variable.dataSync<'float32'>() };
      return { variable, average: this.variable(`average.${name}`, initial, { trainable: false, like: variable }) };
    });
  }

  /** Whether the model holds the averages now. */
  get swapped(): boolean {
    return this.#swapped;
  }

  /**
   * Moves the averages towards the weights; call it after the optimizer. Plain tensor code, which
   * compiles.
   * @throws {ConfigError} while weights and averages are exchanged; a compiled update does not
   *   notice that
   */
  update(): void {
    if (this.#swapped) {
      throw new ConfigError({
        where: 'EMA.update',
        expected: 'the model to hold its own weights',
        got: 'the averages',
        fix: 'Call swap() again after an evaluation.',
      });
    }
    tf.tidy(() => {
      // 1 - d, which is 9 / (10 + t) or more while the decay is still small.
      const rest = this.#warmUp
        ? tf.maximum<tf.Scalar>(1 - this.#decay, tf.div(9, tf.add(this.#updates, 10)))
        : tf.scalar(1 - this.#decay);
      for (const { variable, average } of this.#pairs) {
        average.assign(tf.add(average, tf.mul(rest, tf.sub(variable, average))));
      }
      this.#updates.assign(tf.add(this.#updates, 1));
    });
  }

  /**
   * Exchanges the weights of the model and the averages, without computing or copying anything.
   * Call this before and after an evaluation, outside compiled functions. Save checkpoints while
   * the model holds its own weights.
   */
  swap(): void {
    tf.tidy(() => {
      for (const { variable, average } of this.#pairs) {
        const [weights, averages] = [detach(variable), detach(average)];
        variable.assign(averages);
        average.assign(weights);
      }
    });
    this.#swapped = !this.#swapped;
  }
}
