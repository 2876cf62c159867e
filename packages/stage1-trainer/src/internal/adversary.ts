import type * as tf from '@tensorflow/tfjs-core';
import type { AdversarialLoss, Discriminator, VariableOwner } from '@vitvq/core';
import {
  Learner,
  type GradientFunction,
  type StepContext,
  type StepResult,
  type TrainingPart,
  type UpdateResult,
} from '@vitvq/training';
import type { ResolvedTokenizerTrainingConfig } from '../config.js';
import { createDiscriminatorGradients } from '../discriminator-gradients.js';
import type { AdversarialTerm, TrainedTokenizer } from '../loss.js';
import { LeCamState } from './lecam-state.js';
import type { Inputs, MicroBatches } from './micro-batches.js';
import type { Phase } from './phase.js';
import { stateVariables } from './state-variables.js';

/** What the tokenizer is trained against. */
export interface AdversarialParts {
  readonly discriminator: Discriminator;
  readonly loss: AdversarialLoss;
}

/**
 * The discriminator during a training: its optimizer, R1 every few steps, LeCam, and its side of
 * the tokenizer's loss.
 */
export class Adversary {
  /** Discriminator's term of the tokenizer's loss. */
  readonly term: AdversarialTerm;
  /**
   * Variables besides trained ones that both sides assign: usage counts, running statistics,
   * averages of logits.
   */
  readonly state: ReadonlyMap<string, tf.Variable>;
  readonly #tokenizer: TrainedTokenizer;
  readonly #parts: AdversarialParts;
  readonly #config: ResolvedTokenizerTrainingConfig['discriminator'];
  readonly #leCam: LeCamState | undefined;
  readonly #learner: Learner;
  readonly #batches: Pick<MicroBatches, 'controlsOf'>;
  readonly #owned: boolean;

  /**
   * @param batches  what makes the inputs of updates
   * @param owned  whether the discriminator is disposed of too
   * @throws {ConfigError} for a discriminator that does not fit the tokenizer
   */
  constructor(
    tokenizer: TrainedTokenizer & Pick<VariableOwner, 'namedVariables'>,
    parts: AdversarialParts,
    config: ResolvedTokenizerTrainingConfig,
    batches: Pick<MicroBatches, 'controlsOf'>,
    { owned = false }: { readonly owned?: boolean } = {},
  ) {
    const { discriminator } = config;
    this.#tokenizer = tokenizer;
    this.#parts = parts;
    this.#config = discriminator;
    this.#batches = batches;
    this.#owned = owned;
    this.term = { ...parts, adaptiveWeight: discriminator.adaptiveWeight };
    this.#leCam = discriminator.leCam ? new LeCamState(discriminator.leCam) : undefined;
    this.state = stateVariables({ tokenizer, discriminator: parts.discriminator, leCam: this.#leCam });
    this.#learner = new Learner({
      name: 'train discriminator',
      variables: parts.discriminator.namedTrainableVariables(),
      state: this.state,
      learningRate: config.learningRate,
      learningRateScale: discriminator.learningRateScale,
      optimizer: discriminator.optimizer ?? config.optimizer,
      clipNorm: discriminator.clipNorm,
      accumulate: config.accumulate,
      precision: config.precision,
    });
    // Built now so that a bad config fails at construction, not when the discriminator starts.
    this.#gradients(true, true);
  }

  /** Parts of a checkpoint. */
  get parts(): Record<string, TrainingPart> {
    const { optimizer, scaler } = this.#learner;
    const parts = {
      discriminator: this.#parts.discriminator,
      discriminatorOptimizer: optimizer,
      ...(scaler && { discriminatorLossScale: scaler }),
    };
    return this.#leCam ? { ...parts, leCam: this.#leCam } : parts;
  }

  /** Trains the discriminator on a batch and its reconstructions. */
  async update(
    batches: readonly Inputs[],
    { quantize }: Phase,
    { index, progress }: StepContext,
  ): Promise<Pick<StepResult, 'values'> & Pick<UpdateResult, 'gradientNorms' | 'isFinite'>> {
    const { r1 } = this.#config;
    const withR1 = r1 !== null && index % r1.every === 0;
    const { values, gradientNorm, gradientNorms, isFinite, hasOverflowed } = await this.#learner.update(
      `${quantize ? 'codes' : 'autoencoder'}${withR1 ? ', R1' : ''}`,
      () => this.#gradients(quantize, withR1),
      batches,
      progress,
    );
    const { discriminator, lossScale, ...terms } = values;
    return {
      values: {
        ...terms,
        discriminator: discriminator!,
        ...(!hasOverflowed && { discriminatorGradientNorm: gradientNorm }),
        ...(lossScale !== undefined && { discriminatorLossScale: lossScale }),
      },
      gradientNorms,
      isFinite,
    };
  }

  /** Frees optimizer, averages and compiled functions. */
  dispose(): void {
    this.#learner.dispose();
    this.#leCam?.dispose();
    if (this.#owned) this.#parts.discriminator.dispose();
  }

  #gradients(quantize: boolean, withR1: boolean): GradientFunction<Inputs> {
    const { r1, leCam } = this.#config;
    const anchors = this.#leCam;
    const gradients = createDiscriminatorGradients({
      tokenizer: this.#tokenizer,
      ...this.#parts,
      quantize,
      r1: r1 && withR1 ? { weight: r1.weight * r1.every } : undefined,
      leCam: leCam && anchors ? { weight: leCam.weight, anchors } : undefined,
    });
    return (...inputs) => {
      const result = gradients(inputs[0], this.#batches.controlsOf(inputs));
      const { logitsReal, logitsFake } = result.values;
      anchors?.update(logitsReal!, logitsFake!);
      return result;
    };
  }
}
