import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import {
  assertImages,
  assertMembers,
  assertTokensFit,
  assertTokensInRange,
  countOf,
  type ImageBatch,
  type Tokenizer,
} from '@vitvq/core';
import { compile, type CompiledFunction } from '@vitvq/engine';
import type { AnyConditioner } from '@vitvq/transformers';
import type { ShardRows } from './shard.js';

/** Batches of images to rows of shards. */
export class ImageEncoder {
  readonly #tokenizer: Tokenizer;
  readonly #conditioner: AnyConditioner | undefined;
  readonly #where: string;
  readonly #encode: CompiledFunction<(images: Tensor4D) => tf.Tensor>;

  /** @param where  function of the caller, for errors */
  constructor(tokenizer: Tokenizer, conditioner: AnyConditioner | undefined, where: string) {
    this.#where = where;
    this.#tokenizer = tokenizer;
    this.#conditioner = conditioner;
    const encode = (images: Tensor4D): tf.Tensor => tokenizer.encode(images);
    this.#encode = compile(encode, { name: 'encode', variables: 'frozen' });
  }

  /** Padding is left out. `index` is the batch's within its view. */
  async encode(batch: ImageBatch, index: number): Promise<{ rows: ShardRows; codeDepth: number }> {
    const where = this.#where;
    assertMembers(batch, ['images', 'shape'], 'a batch of images', where);
    const { shape, images, labels, indices } = batch;
    const count = countOf(batch);
    const places = indices?.slice(0, count) ?? Int32Array.from({ length: count }, (_, row) => index * shape[0]! + row);
    // All batches: codes do not show that there was no image.
    assertImages({ data: images, shape }, where, { indices: places });
    const { values, tokensShape } = await this.#tokens(images, shape as [number, number, number, number]);
    const codeDepth = tokensShape[2] ?? 1;
    const { vocabSize, grid } = this.#tokenizer;
    assertTokensFit(tokensShape, { vocabSize, grid, codeDepth }, where);
    assertTokensInRange(values, tokensShape, vocabSize, 'tokens', where);
    const rows = {
      tokens: values.slice(0, (count * values.length) / shape[0]!),
      indices: places,
      labels: labels?.slice(0, count),
      conditions: await this.#conditioner?.ofBatch(batch),
    };
    return { rows, codeDepth };
  }

  async #tokens(
    images: Float32Array,
    shape: [number, number, number, number],
  ): Promise<{ values: Int32Array; tokensShape: readonly number[] }> {
    const input = tf.tensor4d(images, shape);
    try {
      const output = await this.#encode(input);
      const values = Int32Array.from(await output.data());
      output.dispose();
      return { values, tokensShape: output.shape };
    } finally {
      input.dispose();
    }
  }

  dispose(): void {
    this.#encode.dispose();
  }
}
