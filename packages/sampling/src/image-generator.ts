import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import {
  ConfigError,
  ShapeError,
  assertImages,
  assertInRange,
  assertInteger,
  assertTokenizerFits,
  assertTokensFit,
  assertTokensInRange,
  checkOptions,
  elementCount,
  formatShape,
  takeRows,
  type HostImages,
  type HostTokens,
  type OptionTable,
  type Tokenizer,
} from '@vitvq/core';
import { compile, type CompiledFunction } from '@vitvq/engine';
import {
  repeat,
  Unconditional,
  conditionInput,
  assertConditionerFits,
  isMasked,
  negativeLogLikelihood,
  type LikelihoodModel,
  type AnyTokenModel,
  type ImageTokens,
  type AnyConditioner,
  type ConditionInput,
  type ConditionValues,
} from '@vitvq/transformers';
import { classesToldApart } from './classes-told-apart.js';
import { completeTokens } from './complete-tokens.js';
import { createSampler } from './create-sampler.js';
import { nextDraws, Shortlist } from './internal/shortlist.js';
import type { SampleOptions, SamplingSchedule, TokenSampler } from './sample-options.js';

/** Options of an {@link ImageGenerator}. */
export interface ImageGeneratorOptions {
  readonly model: AnyTokenModel;
  /** @default none: an `Unconditional` */
  readonly conditioner?: AnyConditioner;
  readonly tokenizer: Tokenizer;
  /** Number of images in every batch, so that each function is compiled once. @default 16 */
  readonly batchSize?: number;
}

const imageGeneratorOptionNames: OptionTable<ImageGeneratorOptions> = {
  model: 'required',
  conditioner: 'optional',
  tokenizer: 'required',
  batchSize: 'optional',
};

/**
 * Options of a call; `seeds`, `temperature`, `topK`, `topP` and `decoding` are those of
 * {@link SampleOptions}.
 */
export type GenerateOptions = Omit<SampleOptions, 'conditions' | 'guidance' | 'given'> & {
  /**
   * Conditions of the images, one after the other: what the conditioner's `encode` returns, or one
   * row of its `inputShape` for each image.
   * @default no condition
   */
  readonly conditions?: ConditionValues;
  /**
   * Classifier-free guidance away from no condition, see `Guidance`; about twice the work.
   * @default none
   */
  readonly guidanceScale?: SamplingSchedule;
  /** Tokens that are known, -1 where they are not, see `SampleOptions`. @default none */
  readonly given?: HostTokens;
  /**
   * Number of images that are drawn for each seed, of which one is kept: that in which the model is
   * surest of the class. By Bayes' rule with equal priors, a model of images given classes is a
   * classifier: p(class | tokens) is p(tokens | class) over the sum of the same for all classes. A
   * candidate takes as many forward passes as there are classes, beside the drawing, and candidates
   * of all images fill the batches. The first candidate is the image of the seed alone.
   *
   * The paper keeps the half of its images that a ResNet is surest of (arXiv:2110.04627, section
   * 5.2): see `RejectionSampler`, which takes any classifier.
   * @default 1
   */
  readonly candidates?: number;
  /**
   * Probability of the class at which a candidate is kept, and no more are drawn for its seed, in
   * (0, 1]. Where none of the candidates has it, the surest of all is kept.
   * @default 1: all candidates are drawn
   */
  readonly sureEnough?: number;
  /** Ends the call before the next batch. */
  readonly signal?: AbortSignal;
};

/** Options of a single drawing of each image. */
type DrawOptions = Omit<GenerateOptions, 'candidates' | 'sureEnough'>;

/** Options of {@link ImageGenerator.stream}. */
export type StreamOptions = DrawOptions & {
  /** Least number of positions from one picture to the next. @default a row of the grid */
  readonly every?: number;
};

/** Images that are partly drawn. */
export interface PartialImages extends GeneratedImages {
  /**
   * Number of known positions. The other tokens are -1; the images show them as
   * {@link completeTokens} fills them in.
   */
  readonly count: number;
}

/** Images with the tokens that they are decoded from. */
export interface GeneratedImages {
  readonly tokens: HostTokens;
  readonly images: HostImages;
}

/** What a sampler is asked for, and the tensors that are to be disposed of after it. */
interface BatchRequest {
  readonly request: SampleOptions;
  readonly held: Tensor[];
}

const where = 'ImageGenerator';

/**
 * Draws, completes, encodes and decodes images in host memory with a transformer and its tokenizer,
 * and measures the likelihood of tokens. Works in batches of one size on any number of images. The
 * last batch is filled up with copies of its first image; no result depends on the other images of
 * the same call.
 *
 * Weights become constants of the compiled functions at their first call: create a new generator
 * after further training. Handles one request at a time.
 *
 * Ownership: `dispose()` the generator; model, conditioner and tokenizer stay the caller's.
 */
export class ImageGenerator {
  readonly #model: AnyTokenModel;
  readonly #batchSize: number;
  /** Undefined where the model does not tell the classes of images apart. */
  readonly #classCount: number | undefined;
  readonly #conditions: ConditionInput;
  readonly #sampler: TokenSampler;
  readonly #encode: CompiledFunction<(images: Tensor4D) => Tensor>;
  readonly #decode: CompiledFunction<(tokens: ImageTokens) => Tensor>;
  readonly #measure: CompiledFunction<(conditions: Tensor, tokens: ImageTokens) => Tensor>;

  /** @throws {ConfigError} for a conditioner or a tokenizer that does not fit */
  constructor(options: ImageGeneratorOptions) {
    const {
      model,
      conditioner = new Unconditional(),
      tokenizer,
      batchSize = 16,
    } = checkOptions(options, imageGeneratorOptionNames, 'ImageGenerator');
    assertInteger(batchSize, 'batchSize', where);
    assertConditionerFits(conditioner, model, where);
    assertTokenizerFits(tokenizer, model, where);
    this.#model = model;
    this.#batchSize = batchSize;
    this.#classCount = classesToldApart(model, conditioner);
    const conditions = conditionInput(conditioner);
    this.#conditions = conditions;
    this.#sampler = createSampler(model);
    this.#encode = compile((images: Tensor4D): Tensor => tokenizer.encode(images), {
      name: 'encode',
      variables: 'frozen',
    });
    this.#decode = compile(
      (tokens: ImageTokens): Tensor => tf.tidy(() => tf.clipByValue(tokenizer.decode(tokens), 0, 1)),
      { name: 'decode', variables: 'frozen' },
    );
    this.#measure = compile(
      (values: Tensor, tokens: ImageTokens) =>
        tf.tidy(() => negativeLogLikelihood(model as LikelihoodModel, conditions.embed(values), tokens)),
      { name: 'likelihood', variables: 'frozen' },
    );
  }

  /** The model that draws. */
  get model(): AnyTokenModel {
    return this.#model;
  }

  /** Draws tokens as {@link sample} does, and decodes them. */
  async generate(options: GenerateOptions): Promise<GeneratedImages> {
    const tokens = await this.sample(options);
    return { tokens, images: await this.decode(tokens, options) };
  }

  /**
   * Generates, and yields pictures on the way: after the given prefix, if there is one, then every
   * so many positions, and at the end. Leaving the loop early frees the tensors.
   * @throws {ConfigError} also for more seeds than the batch size, which is what is drawn at once
   */
  async *stream({ every = this.#model.grid[1], ...options }: StreamOptions): AsyncGenerator<PartialImages, void> {
    const { seeds, signal } = options;
    assertInteger(every, 'every', where);
    assertInteger(seeds.length, 'the number of seeds', where);
    if (seeds.length > this.#batchSize) {
      throw new ConfigError({
        where: `${where}.stream`,
        expected: `at most batchSize = ${this.#batchSize} images`,
        got: `${seeds.length} seeds`,
        fix: 'Make the generator with a larger batchSize, or stream the images in parts.',
      });
    }
    const { request, held } = this.#requests(options)(this.#rows(0, seeds.length));
    try {
      let shown = -Infinity;
      for await (const { count, tokens, shape } of this.#sampler.stream(request)) {
        signal?.throwIfAborted();
        const positions = shape[1]!;
        if (Math.floor(count / every) === Math.floor(shown / every) && count !== positions) continue;
        shown = count;
        const known: HostTokens = {
          data: tokens.slice(0, (tokens.length / shape[0]!) * seeds.length),
          shape: [seeds.length, ...shape.slice(1)],
        };
        yield { count, tokens: known, images: await this.decode(completeTokens(known, this.#model), { signal }) };
      }
    } finally {
      tf.dispose(held);
    }
  }

  /**
   * Draws tokens.
   * @throws {ConfigError} for filters, seeds and schedules that cannot work, given tokens of
   *   another grid, and candidates of a model that is no classifier
   * @throws {ShapeError} unless there are as many conditions and given tokens as seeds
   * @throws {DataError} for conditions or given tokens out of range
   */
  async sample({ candidates = 1, sureEnough = 1, ...options }: GenerateOptions): Promise<HostTokens> {
    assertInteger(options.seeds.length, 'the number of seeds', where);
    assertInteger(candidates, 'candidates', where);
    assertInRange(sureEnough, 'sureEnough', where, Number.MIN_VALUE, 1);
    return candidates === 1 ? this.#draw(options) : this.#drawSurest(options, candidates, Math.log(sureEnough));
  }

  async #draw(options: DrawOptions): Promise<HostTokens> {
    const { seeds, signal } = options;
    const requestOf = this.#requests(options);
    const draw = (rows: readonly number[]): Promise<Tensor> => this.#sampled(requestOf(rows));
    return this.#inBatches(seeds.length, Int32Array, draw, signal);
  }

  /**
   * Draws candidates of all images in full batches, and keeps of each image the one whose class the
   * model is surest of.
   * @param enough  logarithm of the probability at which no more candidates of an image are drawn
   */
  async #drawSurest(options: DrawOptions, candidates: number, enough: number): Promise<HostTokens> {
    const { seeds, conditions, signal } = options;
    this.#assertClassifies(conditions);
    const requestOf = this.#requests(options);
    const shortlists = seeds.map((seed) => {
      const seedOf = (candidate: number): number => seedOfCandidate(seed, candidate);
      return new Shortlist({ count: 1, limit: candidates, enough, seedOf });
    });
    const batchSize = this.#batchSize;
    let shape: readonly number[] = [];
    for (;;) {
      const draws = nextDraws(shortlists, batchSize);
      if (draws.length === 0) break;
      const draw = (rows: readonly number[]): Promise<Tensor> => {
        const batch = rows.map((row) => draws[row]!);
        const images = batch.map(({ row }) => row);
        const ownSeeds = batch.map(({ seed }) => seed);
        return this.#sampled(requestOf(images, ownSeeds));
      };
      const drawn = await this.#inBatches(draws.length, Int32Array, draw, signal);
      const classes = Int32Array.from(draws, ({ row }) => conditions![row]!);
      const sureness = await this.#logPosterior(drawn, classes, signal);
      const size = drawn.data.length / draws.length;
      for (const [index, { row, seed }] of draws.entries()) {
        const tokens = drawn.data.slice(index * size, (index + 1) * size);
        shortlists[row]!.judge({ seed, score: sureness[index]!, tokens });
      }
      shape = drawn.shape.slice(1);
    }
    const data = new Int32Array(seeds.length * elementCount(shape));
    for (const [image, { kept }] of shortlists.entries()) {
      const { tokens } = kept[0]!;
      data.set(tokens, image * tokens.length);
    }
    return { data, shape: [seeds.length, ...shape] };
  }

  /** Draws a batch, and frees what its request holds. */
  async #sampled({ request, held }: BatchRequest): Promise<Tensor> {
    try {
      return await this.#sampler.sample(request);
    } finally {
      tf.dispose(held);
    }
  }

  /**
   * Encodes images to tokens.
   * @throws {ConfigError} unless the tokens are those of the model's grid
   * @throws {ShapeError}
   * @throws {DataError} for values that are not in [0, 1]
   */
  async encode(images: HostImages, { signal }: Pick<GenerateOptions, 'signal'> = {}): Promise<HostTokens> {
    assertImages(images, where);
    const { data, shape } = images;
    const [count, ...size] = shape;
    const values = elementCount(size);
    const encode = (rows: readonly number[]): Promise<Tensor> =>
      callDisposing(this.#encode, tf.tensor4d(takeRows(data, values, rows), [rows.length, ...size]));
    const tokens = await this.#inBatches(count, Int32Array, encode, signal);
    assertTokensFit(tokens.shape, this.#model, where);
    return tokens;
  }

  /**
   * Decodes tokens to images, with values clipped to [0, 1].
   * @throws {ConfigError} for tokens of another grid
   * @throws {ShapeError}
   * @throws {DataError} for tokens out of range
   */
  async decode(tokens: HostTokens, { signal }: Pick<GenerateOptions, 'signal'> = {}): Promise<HostImages> {
    const count = this.#assertKnownTokens(tokens);
    const decode = (rows: readonly number[]): Promise<Tensor> => callDisposing(this.#decode, tokensOf(tokens, rows));
    const { data, shape } = await this.#inBatches(count, Float32Array, decode, signal);
    return { data, shape: shape as [number, number, number, number] };
  }

  /**
   * Returns the negative log-likelihood of each token given the conditions and the tokens before
   * it in raster order, in nats, in the order of the tokens.
   * @param options  `conditions` as in {@link GenerateOptions}
   * @throws {ConfigError} for tokens of another grid, and for a masked model, which has none
   * @throws {ShapeError}
   * @throws {DataError} for values out of range
   */
  async negativeLogLikelihood(
    tokens: HostTokens,
    { conditions, signal }: Pick<GenerateOptions, 'conditions' | 'signal'> = {},
  ): Promise<Float32Array> {
    this.#assertHasLikelihood();
    const count = this.#assertKnownTokens(tokens);
    const values = this.#conditionValues(conditions, count);
    const { size } = this.#conditions;
    const measure = (rows: readonly number[]): Promise<Tensor> =>
      callDisposing(this.#measure, this.#conditions.tensor(takeRows(values, size, rows)), tokensOf(tokens, rows));
    return (await this.#inBatches(count, Float32Array, measure, signal)).data;
  }

  dispose(): void {
    this.#sampler.dispose();
    for (const compiled of [this.#encode, this.#decode, this.#measure]) compiled.dispose();
  }

  #assertHasLikelihood(): void {
    if (!isMasked(this.#model)) return;
    throw new ConfigError({
      where,
      expected: 'a model that predicts tokens in an order',
      got: 'a masked model, which has no likelihood of an image',
      fix: 'Measure it with TransformerEvaluator of @vitvq/stage2-trainer.',
    });
  }

  /** @throws {ConfigError} unless the model tells classes, and is asked for them, apart */
  #assertClassifies(conditions: ConditionValues | undefined): void {
    this.#assertHasLikelihood();
    if (this.#classCount !== undefined && conditions) return;
    throw new ConfigError({
      where: `${where}, candidates`,
      expected: 'images of classes, by which candidates are told apart',
      got: this.#classCount === undefined ? 'a model of no classes, or of one' : 'no conditions',
      fix: 'Leave candidates out, or rank images yourself with RejectionSampler.',
    });
  }

  /**
   * Returns the logarithm of the probability that the model gives the class of each image, given
   * its tokens and equal priors.
   */
  async #logPosterior(
    tokens: HostTokens,
    classes: ConditionValues,
    signal: AbortSignal | undefined,
  ): Promise<Float64Array> {
    const count = tokens.shape[0]!;
    const ofClasses: Float64Array[] = [];
    for (let label = 0; label < this.#classCount!; label++) {
      const conditions = new Int32Array(count).fill(label);
      const nats = await this.negativeLogLikelihood(tokens, { conditions, signal });
      const size = nats.length / count;
      const sums = Float64Array.from({ length: count }, (_, image) =>
        nats.subarray(image * size, (image + 1) * size).reduce((sum, value) => sum - value, 0),
      );
      ofClasses.push(sums);
    }
    return Float64Array.from({ length: count }, (_, image) => {
      const logits = ofClasses.map((values) => values[image]!);
      const largest = Math.max(...logits);
      const total = logits.reduce((sum, value) => sum + Math.exp(value - largest), 0);
      // Images of the class that stands for none keep their first candidate.
      const own = logits[classes[image]!] ?? -Infinity;
      return own - largest - Math.log(total);
    });
  }

  /**
   * Checks the options and returns a function that makes the sampler's request for some of the
   * images, by default from their own seeds.
   */
  #requests({
    conditions,
    guidanceScale,
    given,
    seeds,
    signal: _signal,
    ...filters
  }: DrawOptions): (rows: readonly number[], ownSeeds?: readonly number[]) => BatchRequest {
    const { size } = this.#conditions;
    const values = this.#conditionValues(conditions, seeds.length);
    if (given) this.#assertTokens(given, seeds.length);
    return (rows, ownSeeds = rows.map((row) => seeds[row]!)) => {
      const ownValues = takeRows(values, size, rows);
      const own = this.#embedded(ownValues);
      const known = given && tokensOf(given, rows);
      const unconditional =
        guidanceScale === undefined ? undefined : this.#embedded(this.#conditions.nullOf(ownValues));
      return {
        request: {
          ...filters,
          seeds: ownSeeds,
          conditions: own,
          given: known,
          guidance: unconditional && { scale: guidanceScale!, unconditional },
        },
        held: [own, known, unconditional].filter((tensor) => tensor !== undefined),
      };
    };
  }

  /** Returns the images of the batch from `from` on, filled up with the first of them. */
  #rows(from: number, count: number): readonly number[] {
    return Array.from({ length: this.#batchSize }, (_, row) => (from + row < count ? from + row : from));
  }

  /** Runs a function over batches of images, given by their indices, and joins its results. */
  async #inBatches<T extends Int32Array | Float32Array>(
    count: number,
    kind: new (length: number) => T,
    run: (rows: readonly number[]) => Promise<Tensor>,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly data: T; readonly shape: readonly number[] }> {
    const batchSize = this.#batchSize;
    let data = new kind(0);
    let shape: readonly number[] = [];
    for (let from = 0; from < count; from += batchSize) {
      signal?.throwIfAborted();
      const output = await run(this.#rows(from, count));
      try {
        const values = output.size / batchSize;
        if (from === 0) {
          data = new kind(count * values);
          shape = [count, ...output.shape.slice(1)];
        }
        data.set((await output.data()).subarray(0, Math.min(batchSize, count - from) * values), from * values);
      } finally {
        output.dispose();
      }
    }
    return { data, shape };
  }

  /** Returns a row of condition values for each image; by default those of no condition. */
  #conditionValues(conditions: ConditionValues | undefined, count: number): ConditionValues {
    const { size, nullValues } = this.#conditions;
    if (!conditions) return repeat(nullValues, count);
    if (!ArrayBuffer.isView(conditions) || conditions.length !== count * size) {
      throw new ShapeError({
        where,
        expected: `conditions of ${count} images, ${size} value(s) each`,
        got: ArrayBuffer.isView(conditions) ? `${conditions.length} values` : 'no typed array',
        fix: 'Take what conditioner.encode makes of them.',
      });
    }
    this.#conditions.assertValues(conditions, count, where);
    return conditions;
  }

  #embedded(values: ConditionValues): ReturnType<ConditionInput['embed']> {
    return tf.tidy(() => this.#conditions.embed(this.#conditions.tensor(values)));
  }

  /** Returns the number of images. */
  #assertKnownTokens(tokens: HostTokens): number {
    const count = tokens.shape[0]!;
    this.#assertTokens(tokens, count);
    assertTokensInRange(tokens.data, tokens.shape, this.#model.vocabSize, 'tokens', where);
    return count;
  }

  #assertTokens({ data, shape }: HostTokens, count: number): void {
    assertTokensFit(shape, this.#model, where);
    if (count > 0 && shape[0] === count && data.length === elementCount(shape)) {
      return;
    }
    throw new ShapeError({
      where,
      expected: `tokens of ${Math.max(1, count)} image(s)`,
      got: `${data.length} values in ${formatShape(shape)}`,
    });
  }
}

/** Number of seeds that there are. */
const seedCount = 2n ** 53n;

/** Odd, and far from a small fraction of the number of seeds, so that neighbours stay apart. */
const seedStride = 5_567_210_941_303_297n;

/** Returns the seed of a candidate of an image; of the first, that of the image. */
function seedOfCandidate(seed: number, candidate: number): number {
  return Number((BigInt(seed) + BigInt(candidate) * seedStride) % seedCount);
}

/** Calls a compiled function and disposes of its arguments. */
async function callDisposing<A extends Tensor[]>(
  compiled: (...values: A) => Promise<Tensor>,
  ...values: A
): Promise<Tensor> {
  try {
    return await compiled(...values);
  } finally {
    tf.dispose(values);
  }
}

function tokensOf({ data, shape: [, ...shape] }: HostTokens, rows: readonly number[]): ImageTokens {
  const size = elementCount(shape);
  const tensor: Tensor = tf.tensor(takeRows(data, size, rows), [rows.length, ...shape], 'int32');
  return tensor as ImageTokens;
}
