import * as tf from '@tensorflow/tfjs-core';
import { foldIn, randomKey, type HostImages, type ImageBatch, type PerceptualLoss } from '@vitvq/core';
import { createDiscriminator } from '@vitvq/discriminator';
import { createAdversarialLoss } from '@vitvq/losses';
import type { VQTokenizer } from '@vitvq/tokenizer';
import {
  Learner,
  termWeights,
  type GradientFunction,
  type LossTerms,
  type ModelEMA,
  type StepContext,
  type StepResult,
  type TaskEvaluation,
  type TaskPreview,
  type TrainingPart,
  type TrainingTask,
} from '@vitvq/training';
import type { ResolvedTokenizerTrainingConfig } from '../config.js';
import type { TokenizerEvaluation, TokenizerPreview } from '../events.js';
import { Alignment, type AlignmentFeatures } from '../alignment.js';
import { createTokenizerGradients, learnedVariables } from '../gradients.js';
import type { TokenizerLossInputs } from '../loss-terms.js';
import { assertAdversary, assertAlignment } from './active-terms.js';
import { Adversary, type AdversarialParts } from './adversary.js';
import { CodebookUpdates } from './codebook-updates.js';
import { Measurements } from './measurements.js';
import { MicroBatches, type Inputs } from './micro-batches.js';
import { PhasePart, type Phase } from './phase.js';
import { stateVariables } from './state-variables.js';
import { streams } from './streams.js';

/** Kind of the checkpoints of a tokenizer's training. */
export const tokenizerKind = 'tokenizer';

/** Options of {@link TokenizerTask}. */
export interface TokenizerTaskOptions {
  readonly tokenizer: VQTokenizer;
  readonly config: ResolvedTokenizerTrainingConfig;
  readonly losses?: LossTerms<TokenizerLossInputs>;
  readonly perceptual?: PerceptualLoss;
  readonly adversarial?: AdversarialParts;
  readonly alignment?: AlignmentFeatures;
  readonly evaluation?: { readonly images: HostImages; readonly batchSize?: number };
  readonly preview?: { readonly images: HostImages };
  readonly modelConfig?: unknown;
}

/**
 * Training of a tokenizer as the loop of @vitvq/training sees it: autoencoder, discriminator and
 * codebook, one after the other.
 */
export class TokenizerTask implements TrainingTask<ImageBatch, TokenizerEvaluation, TokenizerPreview> {
  readonly kind = tokenizerKind;
  readonly config: Readonly<Record<string, unknown>>;
  readonly parts: Readonly<Record<string, TrainingPart>>;
  readonly #options: TokenizerTaskOptions & { readonly losses: LossTerms<TokenizerLossInputs> };
  readonly #adversary: Adversary | undefined;
  readonly #alignment: Alignment | undefined;
  readonly #learner: Learner;
  readonly #codebook: CodebookUpdates;
  readonly #batches: MicroBatches;
  readonly #measurements: Measurements;
  readonly #phase: PhasePart;

  /** @throws {ConfigError} for parts that are missing or do not fit */
  constructor(options: TokenizerTaskOptions) {
    const { tokenizer, config, losses = {}, modelConfig = null } = options;
    this.#options = { ...options, losses };
    this.#batches = new MicroBatches(tokenizer, config);
    this.#adversary = createAdversary(options, this.#batches);
    this.#alignment = createAlignment(options);
    this.config = {
      training: config,
      losses: termWeights(losses),
      adversarialLoss: this.#adversary?.term.loss.name ?? null,
      model: modelConfig,
      ...(options.alignment && { alignment: options.alignment.name }),
    };
    this.#learner = new Learner({
      ...config,
      name: 'train',
      variables: learnedVariables(tokenizer, this.#alignment),
      state: this.#adversary?.state ?? stateVariables({ tokenizer }),
    });
    this.#codebook = new CodebookUpdates(tokenizer, config);
    this.#measurements = new Measurements({ ...options, losses });
    this.#phase = new PhasePart(config);
    this.parts = {
      tokenizer,
      optimizer: this.#learner.optimizer,
      ...(this.#learner.ema && { ema: this.#learner.ema }),
      ...(this.#learner.scaler && { lossScale: this.#learner.scaler }),
      ...this.#adversary?.parts,
      ...(this.#alignment && { alignment: this.#alignment }),
      phase: this.#phase,
    };
    // Built now so that a bad config fails at construction, not when the discriminator starts.
    this.#gradients({ quantize: true, adversary: this.#adversary ? 'competing' : 'waiting' });
  }

  get ema(): ModelEMA | undefined {
    return this.#learner.ema;
  }

  /**
   * Returns whether the adversarial loss begins with this step: what came before is measured first.
   */
  isMilestone(context: StepContext): boolean {
    const begins = this.#phase.current.adversary !== 'competing' && this.#phase.at(context).adversary === 'competing';
    return begins && context.index > 0;
  }

  async step(batch: ImageBatch, context: StepContext): Promise<StepResult> {
    const { index, progress } = context;
    const batches = this.#batches.of(batch, index);
    const examples = batch.shape[0]!;
    try {
      const phase = this.#phase.at(context);
      if (phase.quantize && !this.#phase.current.quantize && !(await this.#codebook.initialize(batch, index))) {
        return { examples, values: { codebook: NaN }, gradientNorms: new Map() };
      }
      this.#phase.enter(phase);
      const update = await this.#learner.update(variantOf(phase), () => this.#gradients(phase), batches, progress);
      const { loss, ...terms } = update.values;
      const values: Record<string, number> = {
        ...terms,
        loss: loss!,
        ...(!update.hasOverflowed && { gradientNorm: update.gradientNorm }),
        learningRate: this.#learner.learningRate(progress),
      };
      const temperature = this.#batches.temperature(index);
      if (temperature !== undefined) values['temperature'] = temperature;
      const result = { examples, values, gradientNorms: update.gradientNorms };
      if (!update.isFinite) return result;
      if (phase.adversary !== 'waiting') {
        const { isFinite, gradientNorms, ...more } = await this.#adversary!.update(batches, phase, context);
        Object.assign(values, more.values);
        if (!isFinite) return { ...result, gradientNorms };
      }
      const resetCodes = phase.quantize ? await this.#codebook.reset(batch, index) : undefined;
      return resetCodes === undefined ? result : { ...result, values: { ...values, resetCodes } };
    } finally {
      tf.dispose(batches.flat());
    }
  }

  isFinite({ images }: ImageBatch): boolean {
    return images.every(Number.isFinite);
  }

  evaluate(): Promise<TaskEvaluation<TokenizerEvaluation>> {
    return this.#measurements.evaluate();
  }

  preview(): Promise<TaskPreview<TokenizerPreview>> {
    return this.#measurements.preview();
  }

  dispose(): void {
    this.#learner.dispose();
    this.#adversary?.dispose();
    this.#alignment?.dispose();
    this.#codebook.dispose();
    this.#measurements.dispose();
  }

  #gradients({ quantize, adversary }: Phase): GradientFunction<Inputs> {
    const { tokenizer, perceptual, losses, config } = this.#options;
    const competes = adversary === 'competing';
    const gradients = createTokenizerGradients({
      tokenizer,
      weights: { ...config.losses, adversarial: competes ? config.losses.adversarial : 0 },
      losses,
      quantize,
      perceptual,
      adversarial: competes ? this.#adversary?.term : undefined,
      alignment: this.#alignment,
    });
    return (...inputs) => gradients(inputs[0], this.#batches.controlsOf(inputs));
  }
}

/** Name of the compiled step of a phase. */
function variantOf({ quantize, adversary }: Phase): string {
  return `${quantize ? 'codes' : 'autoencoder'}${adversary === 'competing' ? ', adversarial' : ''}`;
}

/** @throws {ConfigError} when the weight is above 0 and there is no discriminator */
function createAdversary(
  { tokenizer, config, adversarial }: TokenizerTaskOptions,
  batches: MicroBatches,
): Adversary | undefined {
  const weight = config.losses.adversarial;
  if (weight === 0) return undefined;
  const { model, loss } = config.discriminator;
  if (!adversarial && model) {
    const discriminator = createDiscriminator(model, { key: foldIn(randomKey(config.seed), streams.discriminator) });
    return new Adversary(tokenizer, { discriminator, loss: createAdversarialLoss(loss) }, config, batches, {
      owned: true,
    });
  }
  assertAdversary(adversarial, weight, 'createTokenizerTrainer config.losses.adversarial');
  return new Adversary(tokenizer, adversarial, config, batches);
}

/** @throws {ConfigError} for a weight without features, and features without a weight */
function createAlignment({ tokenizer, config, alignment }: TokenizerTaskOptions): Alignment | undefined {
  assertAlignment(alignment, config.losses.alignment, 'createTokenizerTrainer config.losses.alignment');
  if (!alignment) return undefined;
  const key = foldIn(randomKey(config.seed), streams.alignment);
  const { codeDim, featureDim = codeDim } = tokenizer.quantizer;
  return new Alignment({ features: alignment, codeDim: featureDim, key });
}
