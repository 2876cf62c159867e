import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import {
  assertImages,
  assertMembers,
  ConfigError,
  formatShape,
  randomUniform,
  countOf,
  assertTokensInRange,
  assertTokenizerFits,
  assertTokensFit,
  type RandomKey,
  type Tokenizer,
  type CodeBatch,
  type ImageOrCodeBatch,
} from '@vitvq/core';
import { compile, type CompiledFunction } from '@vitvq/engine';
import { microBatchSize } from '@vitvq/training';
import {
  repeat,
  conditionInput,
  assertSameDescription,
  type AnyTokenModel,
  type ImageTokens,
  type AnyConditioner,
  type ConditionInput,
  type ConditionValues,
} from '@vitvq/transformers';

/** Tensors of a (micro-)batch; whoever asked for them disposes of both. */
export interface BatchTensors {
  /** For `ConditionInput.embed`. */
  readonly conditions: Tensor;
  readonly tokens: ImageTokens;
}

/** Options of {@link BatchReader}. */
export interface BatchReaderOptions {
  readonly model: AnyTokenModel;
  readonly conditioner: AnyConditioner;
  readonly tokenizer?: Tokenizer;
}

/** Makes tensors of batches of images, through the frozen tokenizer, or of codes. */
export class BatchReader {
  readonly #options: BatchReaderOptions;
  readonly #input: ConditionInput;
  readonly #where: string;
  readonly #encode: CompiledFunction<(images: Tensor4D) => tf.Tensor> | undefined;
  /** Description that was found to be the conditioner's. */
  #checked: CodeBatch['conditionedBy'];

  /** @throws {ConfigError} for a tokenizer that does not fit the model */
  constructor(options: BatchReaderOptions, where: string) {
    const { tokenizer, model, conditioner } = options;
    this.#options = options;
    this.#input = conditionInput(conditioner);
    this.#where = where;
    if (!tokenizer) return;
    assertTokenizerFits(tokenizer, model, where);
    const encode = (images: Tensor4D): tf.Tensor => {
      const tokens = tokenizer.encode(images);
      assertTokensFit(tokens.shape, model, where);
      return tokens;
    };
    this.#encode = compile(encode, { name: 'encode', variables: 'frozen' });
  }

  /**
   * Returns the row-major conditions of a batch, null for padding: tokens `[B, C]`, or the numbers
   * that the conditioner embeds.
   * @throws {DataError} for conditions out of range or missing
   * @throws {ConfigError} for conditions of another conditioner
   */
  async conditions(batch: ImageOrCodeBatch): Promise<ConditionValues> {
    const { size, nullValues } = this.#input;
    const isOfCodes = typeof batch === 'object' && batch !== null && 'tokens' in batch;
    assertMembers(batch, [isOfCodes ? 'tokens' : 'images', 'shape'], 'a batch of images or codes', this.#where);
    const count = countOf(batch);
    const known = 'tokens' in batch ? batch.conditions : undefined;
    if (known) this.#assertSameConditioner(batch as CodeBatch);
    const given = known ?? (await this.#input.ofBatch(batch));
    const images = known ? batch.shape[0]! : count;
    if (given.length !== images * size) {
      throw new ConfigError({
        where: this.#where,
        expected: `${size} condition values for each of ${images} images`,
        got: `${given.length} values`,
        fix: 'Take the conditioner that the codes were made with.',
      });
    }
    const rows = given.subarray(0, count * size);
    this.#input.assertValues(rows, count, this.#where);
    const padded = repeat(nullValues, batch.shape[0]!);
    padded.set(rows);
    return padded;
  }

  /**
   * Returns equal parts of a batch.
   * @param conditions  of the whole batch
   * @throws {ConfigError} for batches that cannot be divided, for images without a tokenizer, for
   *   tokens of another shape
   * @throws {DataError} for tokens out of range, and for images with values that are not in [0, 1]
   */
  async parts(batch: ImageOrCodeBatch, conditions: ConditionValues, count = 1): Promise<BatchTensors[]> {
    const size = microBatchSize(batch.shape[0]!, count, this.#where);
    // All batches: tokens do not show that there was no image.
    if (this.#encode && 'images' in batch) {
      const { images: data, shape, indices } = batch;
      assertImages({ data, shape }, this.#where, { indices });
    }
    const parts: BatchTensors[] = [];
    try {
      for (let part = 0; part < count; part++) {
        const tokens = await this.#tokens(batch, part * size, size);
        const values = size * this.#input.size;
        const own = conditions.slice(part * values, (part + 1) * values);
        parts.push({ tokens, conditions: this.#input.tensor(own) });
      }
      return parts;
    } catch (error) {
      disposeParts(parts);
      throw error;
    }
  }

  dispose(): void {
    this.#encode?.dispose();
  }

  /**
   * @throws {ConfigError} when the conditions of a batch of codes are those of another conditioner
   */
  #assertSameConditioner({ conditionedBy }: CodeBatch): void {
    // All batches of a source have the same object.
    if (conditionedBy === undefined || conditionedBy === this.#checked) return;
    assertSameDescription(this.#options.conditioner, conditionedBy, this.#where, 'the codes were encoded with');
    this.#checked = conditionedBy;
  }

  async #tokens(batch: ImageOrCodeBatch, from: number, size: number): Promise<ImageTokens> {
    const { model } = this.#options;
    const [total, ...rest] = batch.shape as [number, ...number[]];
    const shape = [size, ...rest];
    const values = rest.reduce((product, dimension) => product * dimension, 1);
    if ('tokens' in batch) {
      assertTokensFit(batch.shape, model, this.#where);
      if (batch.tokens.length !== total * values) {
        throw new ConfigError({
          where: this.#where,
          expected: `${total * values} tokens for a batch ${formatShape(batch.shape)}`,
          got: String(batch.tokens.length),
        });
      }
      const tokens = batch.tokens.slice(from * values, (from + size) * values);
      assertTokensInRange(tokens, shape, model.vocabSize, 'tokens', this.#where);
      return tf.tensor<tf.Rank.R2>(tokens, shape as [number, number], 'int32');
    }
    if (!this.#encode) {
      throw new ConfigError({
        where: this.#where,
        expected: 'a tokenizer for batches of images',
        got: 'none',
        fix: 'Pass tokenizer, or batches of codes (openCodes).',
      });
    }
    const images = tf.tensor4d(
      batch.images.subarray(from * values, (from + size) * values),
      shape as [number, number, number, number],
    );
    try {
      return (await this.#encode(images)) as ImageTokens;
    } finally {
      images.dispose();
    }
  }
}

/** Disposes of the tensors of parts. */
export function disposeParts(parts: readonly BatchTensors[]): void {
  for (const { conditions, tokens } of parts) tf.dispose([conditions, tokens]);
}

/**
 * Returns conditions where those of some examples, drawn by the key, are replaced by what stands
 * for none in their place.
 */
export function withDropped(
  conditions: ConditionValues,
  { size, nullOf }: Pick<ConditionInput, 'size' | 'nullOf'>,
  rate: number,
  key: RandomKey,
): ConditionValues {
  if (rate === 0) return conditions;
  const kept = conditions.slice();
  randomUniform(key, conditions.length / size).forEach((draw, row) => {
    if (draw < rate) kept.set(nullOf(conditions.slice(row * size, (row + 1) * size)), row * size);
  });
  return kept;
}
