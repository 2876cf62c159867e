import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor1D } from '@tensorflow/tfjs-core';
import { DataError, countOf, type Tokenizer, type ImageOrCodeBatch } from '@vitvq/core';
import { compile, type CompiledFunction } from '@vitvq/engine';
import {
  Unconditional,
  conditionInput,
  assertConditionerFits,
  natsOfTokens,
  type AutoregressiveModel,
  type Conditions,
  type ImageTokens,
  type AnyConditioner,
} from '@vitvq/transformers';
import type { Stage2Evaluation } from './events.js';
import { BatchReader, disposeParts } from './internal/batch-reader.js';

export interface Stage2EvaluatorOptions {
  readonly model: AutoregressiveModel;
  /** @default none: an `Unconditional` */
  readonly conditioner?: AnyConditioner;
  /** For batches of images. */
  readonly tokenizer?: Tokenizer;
}

/** Mean negative log-likelihood of each image's tokens, `[B]` nats per token. Compiles. */
export function natsPerTokenOfImages(
  model: AutoregressiveModel,
  conditions: Conditions,
  tokens: ImageTokens,
): Tensor1D {
  return tf.tidy(() => {
    const [images] = tokens.shape;
    const nats = natsOfTokens(model, conditions, tokens);
    return tf.mean<Tensor1D>(tf.reshape(nats, [images, tokens.size / images]), 1);
  });
}

/**
 * Measures a model on held-out images or codes. Compiles once for one batch size. Conditions are those of the batches, none
 * dropped.
 *
 * Ownership: `dispose()` it; model and tokenizer stay the caller's.
 */
export class Stage2Evaluator {
  readonly #model: AutoregressiveModel;
  readonly #reader: BatchReader;
  readonly #measure: CompiledFunction<(conditions: Tensor, tokens: ImageTokens) => Tensor1D>;

  /** @throws {ConfigError} for a conditioner or a tokenizer that does not fit */
  constructor({ model, conditioner = new Unconditional(), tokenizer }: Stage2EvaluatorOptions) {
    assertConditionerFits(conditioner, model, 'Stage2Evaluator');
    this.#model = model;
    this.#reader = new BatchReader({ model, conditioner, tokenizer }, 'Stage2Evaluator');
    const input = conditionInput(conditioner);
    this.#measure = compile(
      (conditions: Tensor, tokens: ImageTokens) => natsPerTokenOfImages(model, input.embed(conditions), tokens),
      { name: 'evaluate' },
    );
  }

  /**
   * @param batches  that end; padded ones (`count`) keep the shape the same, which saves compiling
   * @throws {DataError} when there are none
   */
  async evaluate(batches: AsyncIterable<ImageOrCodeBatch> | Iterable<ImageOrCodeBatch>): Promise<Stage2Evaluation> {
    const { levels, vocabSize } = this.#model;
    const nats: number[] = [];
    const counts = Array.from({ length: levels }, () => new Float64Array(vocabSize));
    for await (const batch of batches) {
      const count = countOf(batch);
      const parts = await this.#reader.parts(batch, await this.#reader.conditions(batch));
      const { conditions, tokens } = parts[0]!;
      const measured = await this.#measure(conditions, tokens);
      nats.push(...(await measured.data()).subarray(0, count));
      const values = (await tokens.data()).subarray(0, (count * tokens.size) / batch.shape[0]!);
      values.forEach((token, index) => counts[index % levels]![token]!++);
      measured.dispose();
      disposeParts(parts);
    }
    if (nats.length === 0) {
      throw new DataError({ where: 'Stage2Evaluator', expected: 'at least one image to evaluate', got: 'none' });
    }
    const natsPerToken = mean(nats);
    const unigramNatsOfLevels = counts.map(entropy);
    return {
      count: nats.length,
      natsPerToken,
      bitsPerToken: natsPerToken / Math.LN2,
      perplexity: Math.exp(natsPerToken),
      unigramNatsPerToken: mean(unigramNatsOfLevels),
      unigramNatsOfLevels,
      usageOfLevels: counts.map((ofCodes) => ofCodes.filter((count) => count > 0).length / vocabSize),
      natsPerTokenOfImages: Float64Array.from(nats),
    };
  }

  dispose(): void {
    this.#reader.dispose();
    this.#measure.dispose();
  }
}

/** In nats, of frequencies. */
function entropy(counts: Float64Array): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.reduce((sum, count) => (count === 0 ? sum : sum - (count / total) * Math.log(count / total)), 0);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
