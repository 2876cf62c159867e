import * as tf from '@tensorflow/tfjs';
import { ConfigError } from '@vitvq/core';
import { compile, type CompiledFunction } from '@vitvq/engine';
import type { ViTVQ } from '@vitvq/stage1';
import { conditionTensor, nullConditions, Sampler, TextConditioner, type AutoregressiveModel } from '@vitvq/stage2';
import { batchSizesOf, SAMPLING } from './config.js';
import { readGPT } from './gpt-stage.js';
import type { StageContext } from './stage-context.js';
import { readTokenizer } from './tokenizer-stage.js';

/** Images in host memory: `data` holds `[B, H, W, C]` in [0, 1]. */
export interface Pictures {
  readonly data: Float32Array;
  readonly shape: readonly [number, number, number, number];
}

/** A picture to draw. */
export interface Order {
  readonly text: string;
  readonly seed: number;
}

/** Draws pictures of texts with the models that the stages left. */
export class Painter {
  readonly #tokenizer: ViTVQ;
  readonly #model: AutoregressiveModel & { dispose(): void };
  readonly #conditioner: TextConditioner;
  readonly #batchSize: number;
  readonly #sampler: Sampler;
  readonly #decode: CompiledFunction<(codes: tf.Tensor2D) => tf.Tensor4D>;

  private constructor(
    tokenizer: ViTVQ,
    model: AutoregressiveModel & { dispose(): void },
    conditioner: TextConditioner,
    batchSize: number,
  ) {
    this.#tokenizer = tokenizer;
    this.#model = model;
    this.#conditioner = conditioner;
    this.#batchSize = batchSize;
    this.#sampler = new Sampler(model);
    this.#decode = compile((codes: tf.Tensor2D) => tokenizer.decode(codes), { name: 'decode', variables: 'frozen' });
  }

  static async open(context: StageContext): Promise<Painter> {
    const { model, conditioner } = await readGPT(context);
    if (!(conditioner instanceof TextConditioner)) {
      model.dispose();
      const got = JSON.stringify(conditioner.description);
      throw new ConfigError({ where: context.folder.of('gpt'), expected: 'a model with texts as conditions', got });
    }
    return new Painter(await readTokenizer(context), model, conditioner, batchSizesOf(context.settings).evaluation);
  }

  /** A picture an order. It depends on its text and its seed, not on what is drawn beside it. */
  async draw(orders: readonly Order[], signal?: AbortSignal): Promise<Pictures> {
    const parts: Float32Array[] = [];
    let size: [number, number, number] = [0, 0, 0];
    for (let from = 0; from < orders.length; from += this.#batchSize) {
      signal?.throwIfAborted();
      const batch = orders.slice(from, from + this.#batchSize);
      // Rows that fill the last batch repeat its first.
      const rows = Array.from({ length: this.#batchSize }, (_, row) => batch[row] ?? batch[0]!);
      const images = await this.#drawBatch(rows);
      const [, ...rest] = images.shape;
      size = rest;
      const values = (images.size / this.#batchSize) * batch.length;
      // What is shown and measured is what a viewer would see.
      parts.push((await images.data<'float32'>()).slice(0, values).map((value) => Math.min(1, Math.max(0, value))));
      images.dispose();
    }
    const data = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
    parts.reduce((at, part) => {
      data.set(part, at);
      return at + part.length;
    }, 0);
    return { data, shape: [orders.length, ...size] };
  }

  dispose(): void {
    this.#sampler.dispose();
    this.#decode.dispose();
    this.#model.dispose();
    this.#tokenizer.dispose();
  }

  async #drawBatch(orders: readonly Order[]): Promise<tf.Tensor4D> {
    const conditions = conditionTensor(this.#conditioner, this.#conditioner.encode(orders.map(({ text }) => text)));
    const unconditional = nullConditions(this.#conditioner, orders.length);
    let codes: tf.Tensor2D | undefined;
    try {
      codes = (await this.#sampler.sample({
        conditions,
        seeds: orders.map(({ seed }) => seed),
        topK: Math.min(SAMPLING.topK, this.#model.vocabSize),
        guidance: { scale: SAMPLING.guidanceScale, unconditional },
      })) as tf.Tensor2D;
      return await this.#decode(codes);
    } finally {
      tf.dispose([conditions, unconditional]);
      codes?.dispose();
    }
  }
}
