import * as tf from '@tensorflow/tfjs-core';
import {
  ConfigError,
  countOf,
  DataError,
  foldIn,
  randomKey,
  type ImageOrCodeBatch,
  type RandomKey,
  type Tokenizer,
} from '@vitvq/core';
import { drawDropoutMasks, type DropoutMasks } from '@vitvq/layers';
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
import {
  assertConditionerFits,
  conditionInput,
  takesOrders,
  Unconditional,
  type AnyConditioner,
  type AutoregressiveModel,
  type ConditionInput,
  type ImageTokens,
} from '@vitvq/transformers';
import { orderAnnealingSchema, type OrderAnnealing, type ResolvedTransformerTrainingConfig } from '../config.js';
import { TransformerEvaluator } from '../evaluator.js';
import type { TransformerEvaluation, TransformerPreview } from '../events.js';
import { createTransformerGradients, trainedVariables } from '../gradients.js';
import type { TransformerLossInputs } from '../loss-terms.js';
import { drawOrders, randomOrderProbability } from './draw-orders.js';
import { BatchReader, disposeParts, withDropped } from './batch-reader.js';
import { SamplePreviews, type SamplePreviewOptions } from './sample-previews.js';

/** Kind of the checkpoints of a transformer's training. */
export const transformerKind = 'transformer';

/** Options of {@link TransformerTask}. */
export interface TransformerTaskOptions {
  readonly model: AutoregressiveModel;
  readonly config: ResolvedTransformerTrainingConfig;
  readonly losses?: LossTerms<TransformerLossInputs>;
  readonly tokenizer?: Tokenizer;
  readonly conditioner?: AnyConditioner;
  readonly evaluation?: { readonly openBatches: () => AsyncIterable<ImageOrCodeBatch> | Iterable<ImageOrCodeBatch> };
  readonly preview?: SamplePreviewOptions;
  readonly modelConfig?: unknown;
}

/**
 * Numbers folded into the seed, one for each purpose, apart from those that others fold from it.
 */
const streams = { dropout: 201, conditions: 202, orders: 203 } as const;
const where = 'createTransformerTrainer';

/**
 * Conditions, tokens, orders for a model that takes them, and where the model drops, a mask for
 * each of its sites.
 */
type Inputs = readonly [tf.Tensor, ImageTokens, ...tf.Tensor[]];

/** Training of a transformer as the loop of @vitvq/training sees it. */
export class TransformerTask implements TrainingTask<ImageOrCodeBatch, TransformerEvaluation, TransformerPreview> {
  readonly kind = transformerKind;
  readonly config: Readonly<Record<string, unknown>>;
  readonly parts: Readonly<Record<string, TrainingPart>>;
  readonly #options: TransformerTaskOptions & { readonly conditioner: AnyConditioner };
  readonly #input: ConditionInput;
  readonly #learner: Learner;
  readonly #reader: BatchReader;
  readonly #previews: SamplePreviews;
  readonly #annealing: Required<OrderAnnealing> | undefined;
  #evaluator: TransformerEvaluator | undefined;

  /** @throws {ConfigError} for parts that do not fit */
  constructor(options: TransformerTaskOptions) {
    const { config, losses = {}, conditioner = new Unconditional(), model, tokenizer, preview = {} } = options;
    this.#options = { ...options, conditioner };
    assertConditionerFits(conditioner, model, where);
    if (config.orderAnnealing && !takesOrders(model)) {
      throw new ConfigError({
        where: `${where} config.orderAnnealing`,
        expected: 'none for a model that takes no orders; a RAR does',
        got: JSON.stringify(config.orderAnnealing),
      });
    }
    this.#annealing = takesOrders(model) ? (config.orderAnnealing ?? orderAnnealingSchema.parse({})) : undefined;
    this.#reader = new BatchReader({ model, conditioner, tokenizer }, where);
    this.#input = conditionInput(conditioner);
    this.#previews = new SamplePreviews({ model, conditioner, tokenizer, preview }, where);
    // Built now so that a bad term fails at construction.
    this.#gradients([]);
    this.#learner = new Learner({ ...config, name: 'train', variables: trainedVariables(model, conditioner) });
    this.config = {
      training: config,
      losses: termWeights(losses),
      conditioner: conditioner.description,
      model: options.modelConfig ?? null,
    };
    this.parts = {
      model,
      conditioner: this.#input,
      optimizer: this.#learner.optimizer,
      ...(this.#learner.ema && { ema: this.#learner.ema }),
      ...(this.#learner.scaler && { lossScale: this.#learner.scaler }),
    };
  }

  get ema(): ModelEMA | undefined {
    return this.#learner.ema;
  }

  async step(batch: ImageOrCodeBatch, { index, progress }: StepContext): Promise<StepResult> {
    const { config, model } = this.#options;
    const { accumulate, conditionDropRate } = config;
    const given = await this.#reader.conditions(batch);
    const conditions = withDropped(given, this.#input, conditionDropRate, this.#key('conditions', index));
    const parts = await this.#reader.parts(batch, conditions, accumulate);
    const masks: DropoutMasks[] = [];
    const orders: tf.Tensor2D[] = [];
    try {
      const dropoutKey = this.#key('dropout', index);
      for (const [part, { tokens }] of parts.entries()) {
        masks.push(drawDropoutMasks(foldIn(dropoutKey, part), model.dropoutSites(tokens.shape[0])));
        if (this.#annealing) {
          const probability = randomOrderProbability(this.#annealing, progress);
          const [images, positions] = tokens.shape;
          orders.push(drawOrders(foldIn(this.#key('orders', index), part), images, positions, probability));
        }
      }
      const { values, gradientNorm, gradientNorms, hasOverflowed } = await this.#learner.update(
        'step',
        () => this.#gradients(Object.keys(masks[0]!)),
        parts.map(({ conditions: own, tokens }, part): Inputs => [
          own,
          tokens,
          ...orders.slice(part, part + 1),
          ...Object.values(masks[part]!),
        ]),
        progress,
      );
      const { loss, ...terms } = values;
      const learningRate = this.#learner.learningRate(progress);
      return {
        examples: batch.shape[0]!,
        values: {
          ...terms,
          loss: loss!,
          ...inOtherUnits(terms),
          ...(!hasOverflowed && { gradientNorm }),
          learningRate,
        },
        gradientNorms,
      };
    } finally {
      disposeParts(parts);
      for (const part of masks) tf.dispose(Object.values(part));
      tf.dispose(orders);
    }
  }

  isFinite(batch: ImageOrCodeBatch): boolean {
    return 'tokens' in batch || batch.images.every(Number.isFinite);
  }

  async assertHeldOut(): Promise<void> {
    // Leaving the loop closes the batches.
    for await (const batch of this.#options.evaluation?.openBatches() ?? []) if (countOf(batch) > 0) return;
    throw new DataError({
      where: `${where}, evaluation.openBatches`,
      expected: 'at least one held-out image',
      got: 'none',
      fix: 'Hold images out, or leave evaluation away.',
    });
  }

  async evaluate(): Promise<TaskEvaluation<TransformerEvaluation>> {
    const { evaluation: options, model, conditioner, tokenizer, losses } = this.#options;
    if (!options) throw new ConfigError({ where, expected: 'data to evaluate on', got: 'none' });
    this.#evaluator ??= new TransformerEvaluator({ model, conditioner, tokenizer, losses });
    const evaluation = await this.#evaluator.evaluate(options.openBatches());
    const { natsPerToken, bitsPerToken, perplexity, unigramNatsPerToken, count, terms } = evaluation;
    return {
      metrics: { count, natsPerToken, bitsPerToken, perplexity, unigramNatsPerToken, ...terms },
      evaluation,
    };
  }

  preview(): Promise<TaskPreview<TransformerPreview>> {
    return this.#previews.draw();
  }

  dispose(): void {
    this.#learner.dispose();
    this.#reader.dispose();
    this.#previews.dispose();
    this.#evaluator?.dispose();
  }

  /** Returns the key of a step, a function of the seed and the step alone. */
  #key(stream: keyof typeof streams, index: number): RandomKey {
    return foldIn(foldIn(randomKey(this.#options.config.seed), streams[stream]), index);
  }

  #gradients(maskNames: readonly string[]): GradientFunction<Inputs> {
    const { model, conditioner, config, losses } = this.#options;
    const gradients = createTransformerGradients({ model, conditioner, weights: config.losses, losses });
    const hasOrders = this.#annealing !== undefined;
    return (conditions, tokens, ...rest) => {
      const orders = hasOrders ? (rest[0] as tf.Tensor2D) : undefined;
      const masks = hasOrders ? rest.slice(1) : rest;
      const named = Object.fromEntries(maskNames.map((name, index) => [name, masks[index]!]));
      return gradients(conditions, tokens, maskNames.length > 0 ? named : undefined, orders);
    };
  }
}

/** Returns the cross-entropy in other units, where it is in use. */
function inOtherUnits({ crossEntropy }: Readonly<Record<string, number>>): Record<string, number> {
  if (crossEntropy === undefined) return {};
  return { bitsPerToken: crossEntropy / Math.LN2, perplexity: Math.exp(crossEntropy) };
}
