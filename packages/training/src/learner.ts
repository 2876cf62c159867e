import { checkOptions, type OptionTable } from '@vitvq/core';
import type * as tf from '@tensorflow/tfjs-core';
import type { Precision } from '@vitvq/engine';
import type { Optimizer } from '@vitvq/optim';
import { learningRateAt, type LearningRateConfig } from './learning-rate.js';
import { LossScaler } from './loss-scaler.js';
import { ModelEMA } from './model-ema.js';
import { createOptimizer, type ResolvedOptimizerConfig } from './optimizer-config.js';
import { TrainStep, type GradientFunction, type UpdateResult } from './train-step.js';

/** Options of {@link Learner}. */
export interface LearnerOptions {
  /** Name in messages and compile events. */
  readonly name: string;
  /** Trained variables by dotted name. */
  readonly variables: ReadonlyMap<string, tf.Variable>;
  /** Variables that gradient functions assign as well; see `TrainStepOptions.state`. */
  readonly state?: ReadonlyMap<string, tf.Variable>;
  readonly learningRate: LearningRateConfig;
  /** Factor of the learning rate. @default 1 */
  readonly learningRateScale?: number;
  readonly optimizer: ResolvedOptimizerConfig;
  readonly clipNorm: number | null;
  readonly accumulate: number;
  /** Precision of products; with `float16` the loss is scaled. @default 'float32' */
  readonly precision?: Precision;
  /** @default null */
  readonly ema?: { readonly decay: number } | null;
}

const learnerOptionNames: OptionTable<LearnerOptions> = {
  name: 'required',
  variables: 'required',
  state: 'optional',
  learningRate: 'required',
  learningRateScale: 'optional',
  optimizer: 'required',
  clipNorm: 'required',
  accumulate: 'required',
  precision: 'optional',
  ema: 'optional',
};

/**
 * What moves one set of variables, as a config asks for it: optimizer, compiled step, learning rate
 * EMA and loss scaling.
 *
 * Ownership: it owns optimizer, EMA, loss scaling and compiled functions, not the variables.
 */
export class Learner {
  readonly optimizer: Optimizer;
  readonly ema: ModelEMA | undefined;
  /** Loss scaling, where the precision needs it; a part of checkpoints. */
  readonly scaler: LossScaler | undefined;
  readonly #step: TrainStep;
  readonly #learningRate: (progress: number) => number;

  /** @throws {ConfigError} for options that do not fit together */
  constructor(options: LearnerOptions) {
    checkOptions(options, learnerOptionNames, 'Learner', { allowOthers: true });
    const { variables, learningRate, learningRateScale = 1, ema } = options;
    const rate = learningRateAt(learningRate);
    this.#learningRate = (progress) => rate(progress) * learningRateScale;
    this.optimizer = createOptimizer(variables, options.optimizer);
    this.ema = ema ? new ModelEMA(variables, ema) : undefined;
    this.scaler = options.precision === 'float16' ? new LossScaler() : undefined;
    this.#step = new TrainStep({ ...options, optimizer: this.optimizer, scaler: this.scaler });
  }

  /** Returns the learning rate at a progress in [0, 1]. */
  learningRate(progress: number): number {
    return this.#learningRate(progress);
  }

  /**
   * Makes one update, as `TrainStep.update` does, with the learning rate of the progress; where the
   * step does not fail, the EMA follows.
   */
  async update<Inputs extends readonly tf.Tensor[]>(
    variant: string,
    create: () => GradientFunction<Inputs>,
    batches: readonly Inputs[],
    progress: number,
  ): Promise<UpdateResult> {
    const result = await this.#step.update(variant, create, batches, this.#learningRate(progress));
    if (result.isFinite) await this.ema?.update();
    return result;
  }

  /** Frees optimizer, EMA and compiled functions. */
  dispose(): void {
    this.#step.dispose();
    this.optimizer.dispose();
    this.ema?.dispose();
    this.scaler?.dispose();
  }
}
