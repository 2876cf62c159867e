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
  tokenObjective,
  Unconditional,
  type AnyConditioner,
  type AnyTokenModel,
  type ConditionInput,
  type ImageTokens,
  type ObjectiveOptions,
  type TokenObjective,
} from '@vitvq/transformers';
import type { ResolvedTransformerTrainingConfig } from '../config.js';
import { TransformerEvaluator } from '../evaluator.js';
import type { TransformerEvaluation, TransformerPreview } from '../events.js';
import { createTransformerGradients, trainedVariables } from '../gradients.js';
import type { TransformerLossInputs } from '../loss-terms.js';
import { BatchReader, disposeParts, withDropped } from './batch-reader.js';
import { SamplePreviews, type SamplePreviewOptions } from './sample-previews.js';

/** Kind of the checkpoints of a transformer's training. */
export const transformerKind = 'transformer';

/** Options of {@link TransformerTask}. */
export interface TransformerTaskOptions {
  readonly model: AnyTokenModel;
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
const streams = { dropout: 201, conditions: 202, objective: 203 } as const;
const where = 'createTransformerTrainer';

/**
 * Conditions, tokens, what the objective draws, if it draws anything, and where the model drops, a
 * mask for each of its sites.
 */
type Inputs = readonly [tf.Tensor, ImageTokens, ...tf.Tensor[]];

/** Training of a transformer as the loop of @vitvq/training sees it. */
export class TransformerTask implements TrainingTask<ImageOrCodeBatch, TransformerEvaluation, TransformerPreview> {
  readonly kind = transformerKind;
  readonly config: Readonly<Record<string, unknown>>;
  readonly parts: Readonly<Record<string, TrainingPart>>;
  readonly #options: TransformerTaskOptions & { readonly conditioner: AnyConditioner };
  readonly #input: ConditionInput;
  readonly #objective: TokenObjective;
  readonly #learner: Learner;
  readonly #reader: BatchReader;
  readonly #previews: SamplePreviews;
  #evaluator: TransformerEvaluator | undefined;

  /** @throws {ConfigError} for parts that do not fit */
  constructor(options: TransformerTaskOptions) {
    const { config, losses = {}, conditioner = new Unconditional(), model, tokenizer, preview = {} } = options;
    this.#options = { ...options, conditioner };
    assertConditionerFits(conditioner, model, where);
    this.#reader = new BatchReader({ model, conditioner, tokenizer }, where);
    this.#input = conditionInput(conditioner);
    this.#objective = tokenObjective(model, objectiveOptions(config));
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
    const drawn: tf.Tensor2D[][] = [];
    try {
      const [dropoutKey, objectiveKey] = [this.#key('dropout', index), this.#key('objective', index)];
      for (const [part, { tokens }] of parts.entries()) {
        masks.push(drawDropoutMasks(foldIn(dropoutKey, part), model.dropoutSites(tokens.shape[0])));
        drawn.push(this.#drawn(foldIn(objectiveKey, part), tokens, progress));
      }
      const { values, gradientNorm, gradientNorms, hasOverflowed } = await this.#learner.update(
        'step',
        () => this.#gradients(Object.keys(masks[0]!)),
        parts.map(({ conditions: own, tokens }, part): Inputs => [
          own,
          tokens,
          ...drawn[part]!,
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
      tf.dispose(drawn);
      for (const part of masks) tf.dispose(Object.values(part));
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
    const { evaluation: options, model, conditioner, tokenizer, losses, config } = this.#options;
    if (!options) throw new ConfigError({ where, expected: 'data to evaluate on', got: 'none' });
    const objective = objectiveOptions(config);
    this.#evaluator ??= new TransformerEvaluator({ model, objective, conditioner, tokenizer, losses });
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
    const draws = this.#objective.draw !== undefined;
    return (conditions, tokens, ...more) => {
      const masks = draws ? more.slice(1) : more;
      const named = Object.fromEntries(maskNames.map((name, index) => [name, masks[index]!]));
      const drawn = draws ? (more[0] as tf.Tensor2D) : undefined;
      return gradients(conditions, tokens, maskNames.length > 0 ? named : undefined, drawn);
    };
  }

  /** Returns what the objective draws for a part of a step: one tensor, or none. */
  #drawn(key: RandomKey, { shape: [images, positions] }: ImageTokens, progress: number): tf.Tensor2D[] {
    const values = this.#objective.draw?.(key, images, { progress });
    return values ? [tf.tensor2d(values, [images, positions], 'int32')] : [];
  }
}

/** Returns the cross-entropy in other units, where it is in use. */
function inOtherUnits({ crossEntropy }: Readonly<Record<string, number>>): Record<string, number> {
  if (crossEntropy === undefined) return {};
  return { bitsPerToken: crossEntropy / Math.LN2, perplexity: Math.exp(crossEntropy) };
}

function objectiveOptions({ orderAnnealing }: ResolvedTransformerTrainingConfig): ObjectiveOptions {
  return orderAnnealing ? { orderAnnealing } : {};
}
