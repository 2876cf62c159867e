import { ConfigError, type HostImages } from '@vitvq/core';
import { ImageGenerator } from '@vitvq/sampling';
import type { VQTokenizer } from '@vitvq/tokenizer';
import { TextConditioner } from '@vitvq/transformers';
import type { LoadedTransformer } from '@vitvq/transformers/node';
import { batchSizesOf, SAMPLING } from './config.js';
import { readGPT } from './gpt-stage.js';
import type { StageContext } from './stage-context.js';
import { readTokenizer } from './tokenizer-stage.js';

/** A picture to draw. */
export interface Order {
  readonly text: string;
  readonly seed: number;
}

/** Draws pictures of texts with the models that the stages left. */
export class Painter {
  readonly #tokenizer: VQTokenizer;
  readonly #model: LoadedTransformer['model'];
  readonly #conditioner: TextConditioner;
  readonly #generator: ImageGenerator;

  private constructor(
    tokenizer: VQTokenizer,
    model: LoadedTransformer['model'],
    conditioner: TextConditioner,
    batchSize: number,
  ) {
    this.#tokenizer = tokenizer;
    this.#model = model;
    this.#conditioner = conditioner;
    this.#generator = new ImageGenerator({ model, conditioner, tokenizer, batchSize });
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
  async draw(orders: readonly Order[], signal?: AbortSignal): Promise<HostImages> {
    const { images } = await this.#generator.generate({
      conditions: this.#conditioner.encode(orders.map(({ text }) => text)),
      seeds: orders.map(({ seed }) => seed),
      topK: Math.min(SAMPLING.topK, this.#model.vocabSize),
      guidanceScale: SAMPLING.guidanceScale,
      signal,
    });
    return images;
  }

  dispose(): void {
    this.#generator.dispose();
    this.#model.dispose();
    this.#tokenizer.dispose();
  }
}
