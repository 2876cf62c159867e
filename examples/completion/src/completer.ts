import * as tf from '@tensorflow/tfjs';
import { compile, type CompiledFunction } from '@vitvq/engine';
import { conditionTensor, Sampler, type Conditioner, type ImageTokens } from '@vitvq/stage2';
import { SAMPLING } from './config.js';
import { halvesOf, keepUpper, type Halves } from './halves.js';
import type { Models } from './models.js';

/** Images in host memory: `data` holds `[B, H, W, C]` in [0, 1]. */
export interface Pictures {
  readonly data: Float32Array;
  readonly shape: readonly [number, number, number, number];
}

/** An image to complete. */
export interface CompletionRequest {
  /** Its position among the images whose tokens are given. */
  readonly image: number;
  readonly seed: number;
  /** Undefined: without a class. */
  readonly label: number | undefined;
}

/** Codes of images, images of codes, and images whose lower half the transformer draws; all in batches of one size. */
export class Completer {
  /** What a half of an image's tokens is. */
  readonly halves: Halves;
  readonly #models: Models;
  readonly #batchSize: number;
  readonly #sampler: Sampler;
  readonly #encode: CompiledFunction<(images: tf.Tensor4D) => tf.Tensor>;
  readonly #decode: CompiledFunction<(tokens: tf.Tensor2D) => tf.Tensor4D>;

  constructor(models: Models, batchSize: number) {
    const { tokenizer, transformer } = models;
    this.#models = models;
    this.#batchSize = batchSize;
    this.halves = halvesOf(transformer.grid[0], transformer.grid[1] * transformer.levels);
    this.#sampler = new Sampler(transformer);
    this.#encode = compile((images: tf.Tensor4D): tf.Tensor => tokenizer.encode(images), {
      name: 'encode',
      variables: 'frozen',
    });
    this.#decode = compile((tokens: tf.Tensor2D) => tokenizer.decode(tokens), { name: 'decode', variables: 'frozen' });
  }

  /** Tokens of every image, one after the other. */
  async encode({ data, shape }: Pictures): Promise<Int32Array> {
    const [count, ...size] = shape;
    const values = data.length / count;
    const tokens = new Int32Array(count * this.halves.values);
    for (const batch of batches(count, this.#batchSize)) {
      const images = new Float32Array(this.#batchSize * values);
      batch.forEach((image, row) => images.set(data.subarray(image * values, (image + 1) * values), row * values));
      const input = tf.tensor4d(images, [this.#batchSize, ...size]);
      const output = await this.#encode(input);
      const wanted = batch.length * this.halves.values;
      tokens.set((await output.data<'int32'>()).subarray(0, wanted), batch[0]! * this.halves.values);
      tf.dispose([input, output]);
    }
    return tokens;
  }

  /** What is left of images in their codes. */
  async decode(tokens: Int32Array): Promise<Pictures> {
    const count = tokens.length / this.halves.values;
    return this.#pictures(count, (batch) => this.#tensor(tokens, batch));
  }

  /**
   * The upper half of the tokens of each request's image, and below what the transformer draws. All requests with a class, or
   * all without.
   */
  async complete(tokens: Int32Array, requests: readonly CompletionRequest[]): Promise<Pictures> {
    const { conditioner, transformer } = this.#models;
    const isGuided = requests[0]?.label !== undefined;
    const topK = Math.min(SAMPLING.topK, transformer.vocabSize);
    return this.#pictures(requests.length, async (batch) => {
      // Rows that fill the last batch repeat its first.
      const rows = Array.from({ length: this.#batchSize }, (_, row) => requests[batch[row] ?? batch[0]!]!);
      const images = rows.map(({ image }) => image);
      const given = this.#tensor(keepUpper(tokens, this.halves, -1), images);
      const labels = rows.map(({ label }) => label);
      const conditions = await conditionsOf(conditioner, labels);
      const unconditional = await conditionsOf(
        conditioner,
        labels.map(() => undefined),
      );
      try {
        return await this.#sampler.sample({
          conditions,
          seeds: rows.map(({ seed }) => seed),
          given,
          topK,
          guidance: isGuided ? { scale: SAMPLING.guidanceScale, unconditional } : undefined,
        });
      } finally {
        tf.dispose([given, conditions, unconditional]);
      }
    });
  }

  dispose(): void {
    this.#sampler.dispose();
    this.#encode.dispose();
    this.#decode.dispose();
  }

  /** Images of the tokens that `tokensOf` gives for each batch, which it is the owner of no more. */
  async #pictures(
    count: number,
    tokensOf: (batch: readonly number[]) => ImageTokens | Promise<ImageTokens>,
  ): Promise<Pictures> {
    const parts: Float32Array[] = [];
    let size: [number, number, number] = [0, 0, 0];
    for (const batch of batches(count, this.#batchSize)) {
      const tokens = (await tokensOf(batch)) as tf.Tensor2D;
      const images = await this.#decode(tokens);
      const [rows, ...rest] = images.shape;
      size = rest;
      parts.push((await images.data<'float32'>()).slice(0, (images.size / rows) * batch.length));
      tf.dispose([tokens, images]);
    }
    const data = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
    parts.reduce((at, part) => {
      // What is shown and measured is what a viewer would see.
      data.set(
        part.map((value) => Math.min(1, Math.max(0, value))),
        at,
      );
      return at + part.length;
    }, 0);
    return { data, shape: [count, ...size] };
  }

  /** Tokens of some images; rows that fill the batch are 0. */
  #tensor(tokens: Int32Array, images: readonly number[]): ImageTokens {
    const { values } = this.halves;
    return tokensTensor(tokens, values, images, this.#batchSize, this.#models.transformer.levels);
  }
}

/** int32 `[batchSize, N]`, `[batchSize, N, L]` with several levels: tokens of some images, and zeros. */
export function tokensTensor(
  tokens: Int32Array,
  values: number,
  images: readonly number[],
  batchSize: number,
  levels: number,
): ImageTokens {
  const rows = new Int32Array(batchSize * values);
  images.forEach((image, row) => rows.set(tokens.subarray(image * values, (image + 1) * values), row * values));
  return levels === 1
    ? tf.tensor2d(rows, [batchSize, values], 'int32')
    : tf.tensor3d(rows, [batchSize, values / levels, levels], 'int32');
}

/** Condition tokens of classes; undefined is no class. */
export async function conditionsOf(
  conditioner: Conditioner,
  labels: readonly (number | undefined)[],
): Promise<tf.Tensor2D> {
  const { length, nullTokens } = conditioner;
  const known = Int32Array.from(labels, (label) => label ?? 0);
  const encoded = await conditioner.ofBatch({ tokens: new Int32Array(), shape: [labels.length], labels: known });
  labels.forEach((label, row) => {
    if (label === undefined) encoded.set(nullTokens, row * length);
  });
  return conditionTensor(conditioner, encoded);
}

/** Positions `0 .. count - 1` in batches; the last one may be smaller. */
export function* batches(count: number, batchSize: number): Generator<number[]> {
  for (let from = 0; from < count; from += batchSize) {
    yield Array.from({ length: Math.min(batchSize, count - from) }, (_, row) => from + row);
  }
}
