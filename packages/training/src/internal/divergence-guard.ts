import type * as tf from '@tensorflow/tfjs-core';
import { compile, type CompiledFunction } from '@vitvq/engine';
import type { NonFinitePolicy } from '../training-config.js';
import { TrainingDivergedError } from '../training-diverged-error.js';
import type { StepResult } from '../training-task.js';
import { finiteFlags } from './finite.js';
import { GradientDiagnosis } from './gradient-diagnosis.js';
import type { RunState } from './run-state.js';

/** Parts of a training that {@link DivergenceGuard} needs. */
export interface DivergenceGuardOptions {
  readonly policy: NonFinitePolicy;
  readonly state: RunState;
  /** Returns everything that a checkpoint holds, by dotted name. */
  readonly variables: () => ReadonlyMap<string, tf.Variable>;
  /** Called when a step is skipped. */
  readonly warn: (code: string, message: string, step: number) => void;
}

/** Compiled check of variables. */
interface WeightCheck {
  readonly names: readonly string[];
  readonly run: CompiledFunction<() => tf.Tensor1D>;
}

/** Finds NaN and infinite values of steps and weights, and stops the run or skips the step. */
export class DivergenceGuard {
  readonly #options: DivergenceGuardOptions;
  readonly #diagnosis = new GradientDiagnosis();
  #weightCheck: WeightCheck | undefined;

  constructor(options: DivergenceGuardOptions) {
    this.#options = options;
  }

  /**
   * Judges a step and counts it.
   * @param batchIsFinite  whether the batch holds neither NaN nor infinite values; asked after a
   *   failure
   * @returns whether the step failed and is skipped
   * @throws {TrainingDivergedError} when it failed and is not skipped
   */
  async judge(step: number, { values, gradientNorms }: StepResult, batchIsFinite: () => boolean): Promise<boolean> {
    const { policy, state, warn } = this.#options;
    const failed = Object.entries(values).find(([, value]) => !Number.isFinite(value));
    if (!failed) {
      this.#diagnosis.keep(step, gradientNorms);
      state.skippedInRow = 0;
      return false;
    }
    const [term, value] = failed;
    const weight = await this.#nonFiniteWeight();
    // With such a weight every further step fails too.
    if (policy.action === 'stop' || weight !== undefined || state.skippedInRow >= policy.maximumInRow) {
      throw new TrainingDivergedError({
        step,
        term,
        value,
        layer: weight ?? this.#diagnosis.layer(gradientNorms),
        ...this.#diagnosis.largest(step, gradientNorms),
        checkpoint: state.newestCheckpoint,
        batchIsFinite: batchIsFinite(),
        weightsAreFinite: weight === undefined,
        skippedInRow: state.skippedInRow,
      });
    }
    state.skippedSteps++;
    state.skippedInRow++;
    warn('step-skipped', `${term} was ${value}; its update was left out (${state.skippedSteps} skipped so far).`, step);
    return true;
  }

  /** Checks every weight before a checkpoint is written. @throws {TrainingDivergedError} */
  async assertFiniteWeights(): Promise<void> {
    const weight = await this.#nonFiniteWeight();
    if (weight === undefined) return;
    const { step, newestCheckpoint, skippedInRow } = this.#options.state;
    throw new TrainingDivergedError({
      step,
      term: 'weights',
      value: NaN,
      layer: weight,
      ...this.#diagnosis.largest(step, new Map()),
      checkpoint: newestCheckpoint,
      batchIsFinite: true,
      weightsAreFinite: false,
      skippedInRow,
    });
  }

  /** Frees the compiled check. */
  dispose(): void {
    this.#weightCheck?.run.dispose();
    this.#weightCheck = undefined;
  }

  /** Returns the name of the first variable with a value that is not finite. */
  async #nonFiniteWeight(): Promise<string | undefined> {
    this.#weightCheck ??= this.#compileWeightCheck();
    const output = await this.#weightCheck.run();
    const flags = await output.data();
    output.dispose();
    return this.#weightCheck.names.find((_, index) => flags[index] === 0);
  }

  #compileWeightCheck(): WeightCheck {
    const floats = [...this.#options.variables()].filter(([, { dtype }]) => dtype === 'float32');
    const variables = floats.map(([, variable]) => variable);
    return { names: floats.map(([name]) => name), run: compile(finiteFlags(variables), { name: 'check weights' }) };
  }
}
