import * as tf from '@tensorflow/tfjs-core';
import {
  checkOptions,
  concatenate,
  countOf,
  DataError,
  foldIn,
  mean,
  randomKey,
  type ImageOrCodeBatch,
  type OptionTable,
  type Tokenizer,
} from '@vitvq/core';
import { compile, type CompiledFunction } from '@vitvq/engine';
import type { LossTerms } from '@vitvq/training';
import {
  assertConditionerFits,
  conditionInput,
  natsOfTokens,
  tokenObjective,
  Unconditional,
  type AnyConditioner,
  type AnyTokenModel,
  type ImageTokens,
  type ObjectiveOptions,
  type Predictions,
  type TokenObjective,
} from '@vitvq/transformers';
import type { TransformerEvaluation } from './events.js';
import { BatchReader, disposeParts } from './internal/batch-reader.js';
import { transformerLossTerms, type TransformerLossInputs } from './loss-terms.js';

/** Options of {@link TransformerEvaluator}. */
export interface TransformerEvaluatorOptions {
  readonly model: AnyTokenModel;
  /** Choices of the model's objective, as in training. @default {} */
  readonly objective?: ObjectiveOptions;
  /** @default none: an `Unconditional` */
  readonly conditioner?: AnyConditioner;
  /** For batches of images. */
  readonly tokenizer?: Tokenizer;
  /**
   * Terms of the caller that are measured too, means over the batches; padding of a batch counts.
   * @default {}
   */
  readonly losses?: LossTerms<TransformerLossInputs>;
}

const transformerEvaluatorOptionNames: OptionTable<TransformerEvaluatorOptions> = {
  model: 'required',
  objective: 'optional',
  conditioner: 'optional',
  tokenizer: 'optional',
  losses: 'optional',
};

/**
 * Returns the mean negative log-likelihood of each image's predicted tokens, `[B]` nats per token.
 * It compiles.
 */
function natsOfImages({ logits, weights }: Predictions, tokens: ImageTokens): tf.Tensor1D {
  const [images] = tokens.shape;
  const nats = tf.reshape(natsOfTokens(logits, tokens), [images, tokens.size / images]);
  if (!weights) return tf.mean<tf.Tensor1D>(nats, 1);
  return tf.div<tf.Tensor1D>(tf.sum(tf.mul(nats, weights), 1), tf.sum(weights, 1));
}

// A type, not an interface: only types fit the results of compiled functions.
type Measured = { readonly nats: tf.Tensor1D; readonly terms: Record<string, tf.Scalar> };

/**
 * Measures a model on held-out images or codes. It compiles for one batch size. Conditions are
 * those of the batches; none is dropped. What a masked or any-order model knows of an image is
 * drawn, the same in every measurement, so that the figure is that of tokens which come one by one
 * in a random order: comparable with the figure of raster order.
 *
 * Ownership: `dispose()` it; model and tokenizer stay the caller's.
 */
export class TransformerEvaluator {
  readonly #model: AnyTokenModel;
  readonly #objective: TokenObjective;
  readonly #reader: BatchReader;
  readonly #measure: CompiledFunction<(conditions: tf.Tensor, tokens: ImageTokens, drawn?: tf.Tensor2D) => Measured>;

  /** @throws {ConfigError} for a conditioner, a tokenizer or a term that does not fit */
  constructor(options: TransformerEvaluatorOptions) {
    const where = 'TransformerEvaluator';
    checkOptions(options, transformerEvaluatorOptionNames, where);
    const { model, objective = {}, conditioner = new Unconditional(), tokenizer, losses = {} } = options;
    assertConditionerFits(conditioner, model, where);
    this.#model = model;
    this.#objective = tokenObjective(model, objective);
    this.#reader = new BatchReader({ model, conditioner, tokenizer }, where);
    const input = conditionInput(conditioner);
    const hasTerms = Object.keys(losses).length > 0;
    const own = hasTerms ? transformerLossTerms(model.codeDepth, { crossEntropy: 0 }, losses, where) : [];
    this.#measure = compile(
      (given: tf.Tensor, tokens: ImageTokens, drawn?: tf.Tensor2D): Measured =>
        tf.tidy(() => {
          const conditions = input.embed(given);
          const predictions = this.#objective.predictions(conditions, tokens, drawn);
          const inputs = { ...predictions, tokens, conditions };
          const terms = Object.fromEntries(own.map(({ name, compute }) => [name, compute(inputs)]));
          return { nats: natsOfImages(predictions, tokens), terms };
        }),
      { name: 'evaluate' },
    );
  }

  /**
   * Measures the model.
   * @param batches  finitely many; padded ones (`count`) keep the shape the same, which saves
   *   compiling
   * @throws {DataError} when there are none
   */
  async evaluate(
    batches: AsyncIterable<ImageOrCodeBatch> | Iterable<ImageOrCodeBatch>,
  ): Promise<TransformerEvaluation> {
    const { codeDepth, vocabSize } = this.#model;
    const nats: Float32Array[] = [];
    const sums: Record<string, number> = {};
    const counts = Array.from({ length: codeDepth }, () => new Float64Array(vocabSize));
    for await (const batch of batches) {
      const count = countOf(batch);
      const parts = await this.#reader.parts(batch, await this.#reader.conditions(batch));
      const { conditions, tokens } = parts[0]!;
      const drawn = this.#drawn(nats.length, tokens.shape);
      const measured = await this.#measure(conditions, tokens, drawn);
      nats.push((await measured.nats.data<'float32'>()).slice(0, count));
      for (const [name, value] of Object.entries(measured.terms)) {
        sums[name] = (sums[name] ?? 0) + (await value.data())[0]! * count;
      }
      const values = (await tokens.data()).subarray(0, (count * tokens.size) / batch.shape[0]!);
      values.forEach((token, index) => counts[index % codeDepth]![token]!++);
      tf.dispose(measured);
      drawn?.dispose();
      disposeParts(parts);
    }
    return summarize(Float64Array.from(concatenate(nats, Float32Array)), counts, sums);
  }

  /** Returns what the images of a batch show, a function of the batch's number alone. */
  #drawn(batch: number, [images, positions]: readonly number[]): tf.Tensor2D | undefined {
    const values = this.#objective.drawForMeasuring?.(foldIn(randomKey(0), batch), images!);
    return values && tf.tensor2d(values, [images!, positions!], 'int32');
  }

  /** Frees the compiled functions. */
  dispose(): void {
    this.#reader.dispose();
    this.#measure.dispose();
  }
}

/** @throws {DataError} without images */
function summarize(
  natsOfImages: Float64Array,
  counts: readonly Float64Array[],
  sums: Readonly<Record<string, number>>,
): TransformerEvaluation {
  const { length: count } = natsOfImages;
  if (count === 0) {
    throw new DataError({ where: 'TransformerEvaluator', expected: 'at least one image to evaluate', got: 'none' });
  }
  const natsPerToken = mean(natsOfImages);
  const unigramNatsOfLevels = counts.map(entropy);
  return {
    count,
    natsPerToken,
    bitsPerToken: natsPerToken / Math.LN2,
    perplexity: Math.exp(natsPerToken),
    unigramNatsPerToken: mean(unigramNatsOfLevels),
    unigramNatsOfLevels,
    usageOfLevels: counts.map((ofCodes) => ofCodes.filter((times) => times > 0).length / ofCodes.length),
    natsPerTokenOfImages: natsOfImages,
    terms: Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / count])),
  };
}

/** Returns the entropy of frequencies in nats. */
function entropy(counts: Float64Array): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.reduce((sum, count) => (count === 0 ? sum : sum - (count / total) * Math.log(count / total)), 0);
}
