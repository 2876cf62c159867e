import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, formatShape, type HostImages, type Tokenizer } from '@vitvq/core';
import { compile, type CompiledFunction } from '@vitvq/engine';
import { createSampler, type SampleOptions, type SamplingSchedule } from '@vitvq/sampling';
import { drawGrid, LazyResources, type TaskPreview } from '@vitvq/training';
import {
  conditionInput,
  repeat,
  type AnyConditioner,
  type AnyTokenModel,
  type ConditionInput,
  type Conditions,
  type ConditionValues,
  type ImageTokens,
} from '@vitvq/transformers';
import type { TransformerPreview } from '../events.js';

/** What is sampled for a preview. */
export interface SamplePreviewOptions extends Pick<SampleOptions, 'temperature' | 'topK' | 'topP'> {
  /** Number of images. @default 16 */
  readonly count?: number;
  /**
   * Row-major condition tokens `[count, C]`, such as `conditioner.encode(...)`, or the numbers of a
   * conditioner that embeds.
   * @default none for all of them
   */
  readonly conditions?: ConditionValues;
  /**
   * Strength of classifier-free guidance, for a config with a `conditionDropRate`.
   * @default no guidance
   */
  readonly guidanceScale?: SamplingSchedule;
  /** Seed of the first image; each further image has the next one. @default 0 */
  readonly seed?: number;
}

/** Options of {@link SamplePreviews}. */
export interface SamplePreviewsOptions {
  readonly model: AnyTokenModel;
  readonly conditioner: AnyConditioner;
  readonly tokenizer?: Tokenizer;
  readonly preview: SamplePreviewOptions;
}

const defaultCount = 16;

/** Samples a few images during a training, always from the same seeds and conditions. */
export class SamplePreviews {
  readonly #options: SamplePreviewsOptions;
  readonly #input: ConditionInput;
  readonly #count: number;
  readonly #resources = new LazyResources();

  /** @throws {ConfigError} for another number of conditions than images */
  constructor(options: SamplePreviewsOptions, where: string) {
    this.#options = options;
    this.#input = conditionInput(options.conditioner);
    const { conditions, count } = options.preview;
    this.#count = count ?? (conditions ? conditions.length / this.#input.size : defaultCount);
    if (conditions && conditions.length !== this.#count * this.#input.size) {
      throw new ConfigError({
        where: `${where} preview.conditions`,
        expected: `tokens ${formatShape([this.#count, this.#input.size])}`,
        got: `${conditions.length} tokens`,
      });
    }
  }

  /** Samples and decodes. */
  async draw(): Promise<TaskPreview<TransformerPreview>> {
    const tokens = await this.#sample();
    try {
      const images = await this.#decode(tokens);
      return {
        preview: { tokens: Int32Array.from(await tokens.data()), tokensShape: tokens.shape, images },
        pictures: images ? [drawGrid('samples', images)] : [],
      };
    } finally {
      tokens.dispose();
    }
  }

  /** Frees sampler and compiled functions. */
  dispose(): void {
    this.#resources.dispose();
  }

  async #sample(): Promise<ImageTokens> {
    const { model, preview } = this.#options;
    const { count: _count, conditions, guidanceScale, seed = 0, ...filters } = preview;
    // Weights that are part of the program would have to be compiled anew for each preview.
    const sampler = this.#resources.once('sample', () => createSampler(model, { weights: 'live' }));
    const wanted = conditions ?? repeat(this.#input.nullValues, this.#count);
    const given = await this.#conditions(wanted);
    const unconditional = await this.#conditions(this.#input.nullOf(wanted));
    try {
      return await sampler.sample({
        ...filters,
        conditions: given,
        seeds: Array.from({ length: this.#count }, (_, image) => seed + image),
        guidance: guidanceScale === undefined ? undefined : { scale: guidanceScale, unconditional },
      });
    } finally {
      tf.dispose([given, unconditional]);
    }
  }

  async #conditions(values: ConditionValues): Promise<Conditions> {
    const input = this.#input.tensor(values);
    if (!('embed' in this.#options.conditioner)) return input as tf.Tensor2D;
    const embed = this.#resources.once('embed', (): CompiledFunction<(input: tf.Tensor) => Conditions> =>
      compile((numbers: tf.Tensor) => this.#input.embed(numbers), { name: 'embed conditions' }),
    );
    try {
      return await embed(input);
    } finally {
      input.dispose();
    }
  }

  async #decode(tokens: ImageTokens): Promise<HostImages | undefined> {
    const { tokenizer } = this.#options;
    if (!tokenizer) return undefined;
    const decode = this.#resources.once('decode', (): CompiledFunction<(tokens: ImageTokens) => tf.Tensor4D> =>
      compile((codes: ImageTokens) => tokenizer.decode(codes), { name: 'decode', variables: 'frozen' }),
    );
    const images = await decode(tokens);
    try {
      return { data: Float32Array.from(await images.data()), shape: images.shape };
    } finally {
      images.dispose();
    }
  }
}
