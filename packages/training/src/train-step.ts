import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, assertInteger, checkOptions, detach, type OptionTable } from '@vitvq/core';
import { applyGradients, GradientAccumulator, type Optimizer } from '@vitvq/optim';
import type { Precision } from '@vitvq/engine';
import { gradientStep, type LossGradients } from './gradient-step.js';
import { withLossScale, type LossScaler } from './loss-scaler.js';
import { PackedFunction, type PackedResult, type Pack } from './internal/packed-function.js';

/**
 * Function from the tensors of a (micro-)batch to values and gradients; plain tensor code, which
 * compiles.
 */
export type GradientFunction<Inputs extends readonly tf.Tensor[]> = (...inputs: Inputs) => LossGradients;

/** Options of {@link TrainStep}. */
export interface TrainStepOptions {
  /** Name in messages and compile events. */
  readonly name: string;
  /** Optimizer over `variables`, which stays the caller's. */
  readonly optimizer: Optimizer;
  /** Trained variables by dotted name. */
  readonly variables: ReadonlyMap<string, tf.Variable>;
  /**
   * Variables that gradient functions assign as well, such as usage counts and running statistics;
   * they keep their values where a step fails.
   */
  readonly state?: ReadonlyMap<string, tf.Variable>;
  /** Longest gradient, by norm over all variables together; null: no limit. @default null */
  readonly clipNorm?: number | null;
  /** Precision in which the step is compiled. @default 'float32' */
  readonly precision?: Precision;
  /** Scales losses, for the precision float16; it stays the caller's. @default none */
  readonly scaler?: LossScaler | undefined;
  /** Micro-batches whose mean gradient makes one update. @default 1 */
  readonly accumulate?: number;
}

const trainStepOptionNames: OptionTable<TrainStepOptions> = {
  name: 'required',
  optimizer: 'required',
  variables: 'required',
  state: 'optional',
  clipNorm: 'optional',
  precision: 'optional',
  scaler: 'optional',
  accumulate: 'optional',
};

/** Result of one update on the host. */
export interface UpdateResult {
  /** Values of the gradient function, means over the micro-batches. */
  readonly values: Readonly<Record<string, number>>;
  /** Norm over all variables together, before clipping. */
  readonly gradientNorm: number;
  /** Norm of each variable's gradient, before clipping. */
  readonly gradientNorms: ReadonlyMap<string, number>;
  /** Whether all these numbers are finite; otherwise nothing has changed but the loss scale. */
  readonly isFinite: boolean;
  /**
   * Whether only gradients were not finite, at a loss scale that could be lowered, and was: no
   * failure, and the next step may go well. There are no norms of gradients then.
   */
  readonly hasOverflowed: boolean;
}

/**
 * Compiled training step of one set of variables: gradients, accumulation, clipping, update. A step
 * with a NaN or infinite value or gradient leaves variables, optimizer and state as they were, bit
 * for bit.
 *
 * With `accumulate` the gradient is the mean over micro-batches, which equals that of the whole
 * batch where the loss is a mean over examples that do not see each other. Each call reads one
 * small tensor back (one a micro-batch).
 */
export class TrainStep {
  readonly #options: TrainStepOptions;
  readonly #accumulate: number;
  readonly #accumulator: GradientAccumulator | undefined;
  readonly #compiled = new Map<string, PackedFunction>();

  /** @throws {ConfigError} unless `accumulate` is a positive integer */
  constructor(options: TrainStepOptions) {
    checkOptions(options, trainStepOptionNames, 'TrainStep', { allowOthers: true });
    const { accumulate = 1, variables, name } = options;
    assertInteger(accumulate, 'accumulate', name);
    this.#options = options;
    this.#accumulate = accumulate;
    this.#accumulator = accumulate > 1 ? new GradientAccumulator(variables) : undefined;
  }

  /**
   * Makes one update.
   * @param variant  name of what `create` makes, which is made and compiled once for each name
   * @param batches  inputs of each micro-batch, `accumulate` of them; the caller disposes of them
   * @throws {ConfigError} for another number of micro-batches
   */
  async update<Inputs extends readonly tf.Tensor[]>(
    variant: string,
    create: () => GradientFunction<Inputs>,
    batches: readonly Inputs[],
    learningRate: number,
  ): Promise<UpdateResult> {
    if (batches.length !== this.#accumulate) {
      throw new ConfigError({
        where: this.#options.name,
        expected: `${this.#accumulate} micro-batches`,
        got: String(batches.length),
      });
    }
    const rate = tf.scalar(learningRate);
    try {
      if (!this.#accumulator) return resultOf(await this.#whole(variant, create).run(rate, ...batches[0]!));
      return await this.#accumulated(this.#accumulator, variant, create, batches, rate);
    } finally {
      rate.dispose();
    }
  }

  /** Frees compiled functions and accumulated gradients. */
  dispose(): void {
    for (const compiled of this.#compiled.values()) compiled.dispose();
    this.#compiled.clear();
    this.#accumulator?.dispose();
  }

  /** Returns gradients and update as one compiled function. */
  #whole<Inputs extends readonly tf.Tensor[]>(variant: string, create: () => GradientFunction<Inputs>): PackedFunction {
    return this.#once(variant, (pack) => {
      const gradientsOf = create();
      let names: string[] = [];
      const step = gradientStep(
        (...inputs: Inputs) => {
          const result = gradientsOf(...inputs);
          names = [...result.gradients.keys()];
          return result;
        },
        { ...this.#options, state: this.#state },
      );
      return (rate, ...inputs) =>
        tf.tidy(() => {
          const { values, gradientNorms } = step(rate as tf.Scalar, ...(inputs as readonly tf.Tensor[] as Inputs));
          return pack(values, gradientNorms, names);
        });
    });
  }

  async #accumulated<Inputs extends readonly tf.Tensor[]>(
    accumulator: GradientAccumulator,
    variant: string,
    create: () => GradientFunction<Inputs>,
    batches: readonly Inputs[],
    rate: tf.Scalar,
  ): Promise<UpdateResult> {
    const add = this.#once(variant, (pack) => {
      const gradientsOf = create();
      return (...inputs) =>
        tf.tidy(() => {
          const { values, gradients } = withLossScale(this.#options.scaler?.scale, () =>
            gradientsOf(...(inputs as readonly tf.Tensor[] as Inputs)),
          );
          accumulator.add(gradients);
          return pack(values);
        });
    });
    // Good micro-batches before the one that fails have moved the state too.
    const former = [...this.#state].map((variable) => [variable, detach(variable)] as const);
    const means: Record<string, number> = {};
    for (const batch of batches) {
      const { values } = await add.run(...batch);
      for (const [name, value] of Object.entries(values)) means[name] = (means[name] ?? 0) + value / batches.length;
    }
    const total = tf.scalar(Object.values(means).reduce((sum, value) => sum + value, 0));
    const { values, norms } = await this.#applyMean(accumulator).run(rate, total);
    total.dispose();
    const result = resultOf({ values: { ...means, ...values }, norms });
    for (const [variable, value] of former) {
      if (!result.isFinite) variable.assign(value);
      value.dispose();
    }
    return result;
  }

  /**
   * Returns the update by the accumulated gradients, from the learning rate and the sum of the
   * values.
   */
  #applyMean(accumulator: GradientAccumulator): PackedFunction {
    return this.#once('apply', (pack) => {
      const { optimizer, clipNorm = null, scaler } = this.#options;
      return (learningRate, total) =>
        tf.tidy(() => {
          const gradients = accumulator.mean(this.#accumulate);
          const { gradientNorm, gradientNorms } = applyGradients(
            { optimizer, clipNorm },
            gradients,
            learningRate as tf.Scalar,
            { alsoFinite: total as tf.Scalar },
          );
          accumulator.clear();
          const names = [...gradients.keys()];
          if (!scaler) return pack({ gradientNorm }, gradientNorms, names);
          const lossScale = tf.clone(scaler.scale);
          scaler.update(tf.add<tf.Scalar>(total, gradientNorm));
          return pack({ gradientNorm, lossScale }, gradientNorms, names);
        });
    });
  }

  get #state(): Iterable<tf.Variable> {
    return this.#options.state?.values() ?? [];
  }

  #once(variant: string, create: (pack: Pack) => (...inputs: tf.Tensor[]) => tf.Tensor1D): PackedFunction {
    const existing = this.#compiled.get(variant);
    if (existing) return existing;
    const created = new PackedFunction(`${this.#options.name}, ${variant}`, create, this.#options.precision);
    this.#compiled.set(variant, created);
    return created;
  }
}

function resultOf({ values, norms }: PackedResult): UpdateResult {
  const { gradientNorm, ...rest } = values;
  const areValuesFinite = Object.values(rest).every(Number.isFinite);
  const isFinite = areValuesFinite && Number.isFinite(gradientNorm);
  const hasOverflowed = areValuesFinite && !isFinite && (rest['lossScale'] ?? 1) > 1;
  return {
    values: rest,
    gradientNorm: gradientNorm!,
    gradientNorms: hasOverflowed ? new Map() : norms,
    isFinite,
    hasOverflowed,
  };
}
