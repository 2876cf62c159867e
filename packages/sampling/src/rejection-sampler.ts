import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import {
  ConfigError,
  DataError,
  ShapeError,
  assertInteger,
  assertShape,
  assertTokenizerFits,
  checkOptions,
  formatShape,
  tokensShapeOf,
  type OptionTable,
  type Tokenizer,
} from '@vitvq/core';
import { compile, type CompiledFunction } from '@vitvq/engine';
import type { Conditions, ImageTokens } from '@vitvq/transformers';
import { nextDraws, Shortlist, type Draw } from './internal/shortlist.js';
import type { SampleOptions, TokenSampler } from './sample-options.js';

/** Images to be scored. The tensors are the sampler's: it disposes of them. */
export interface ScoredImages {
  /** int32 `[B, N]` (`[B, N, L]`). */
  readonly tokens: ImageTokens;
  /** `[B, H, W, C]`, what the tokenizer makes of the tokens; undefined without one. */
  readonly images: Tensor4D | undefined;
  /** What each image was drawn for, `[B, C]` or `[B, C, D]`. */
  readonly conditions: Conditions;
}

/**
 * Scores images, `[B]`, higher is better: the probability that a classifier gives the class, the
 * similarity of image and text, the logit of a discriminator. The score of an image must not depend
 * on the rest of its batch. The sampler disposes of the result.
 */
export type Scorer = (images: ScoredImages) => Tensor1D | Promise<Tensor1D>;

/**
 * Says which candidates are kept. `rate`, in (0, 1], keeps the best fraction of the candidates of
 * each condition (the acceptance rate of the paper). `threshold` keeps candidates that score at
 * least that much, out of at most `maximumCandidates` for each condition.
 */
export type AcceptanceRule =
  { readonly rate: number } | { readonly threshold: number; readonly maximumCandidates: number };

/**
 * Conditions, `given` tokens and the guidance's `unconditional` have one row a condition, whatever
 * `count` is.
 */
export type RejectionOptions = Omit<SampleOptions, 'seeds'> & {
  /** Images to keep for each condition. */
  readonly count: number;
  readonly accept: AcceptanceRule;
  /**
   * Seed of the first candidate of the first condition, an integer in [0, 2^53). Each further
   * candidate takes the next seed, condition after condition.
   * @default 0
   */
  readonly seed?: number;
  /** Called after each batch of candidates. */
  readonly onProgress?: (progress: RejectionProgress) => void;
};

/** How far a call of {@link RejectionSampler.sample} is. */
export interface RejectionProgress {
  /** Candidates drawn so far. */
  readonly candidates: number;
  /** The most candidates that the call draws; with a threshold it may draw fewer. */
  readonly totalCandidates: number;
}

/** Images that were kept: condition by condition, best first. */
export interface AcceptedImages {
  /** int32 `[K, N]` (`[K, N, L]`), of K images; the caller disposes of it. */
  readonly tokens: ImageTokens;
  /** `[K]`: the row of the conditions that an image is of. */
  readonly rows: Int32Array;
  /** `[K]`. */
  readonly scores: Float32Array;
  /**
   * `[K]`: with the same condition and filters, `Sampler.sample` makes the same image of its seed.
   */
  readonly seeds: readonly number[];
  /** Number of kept images over the number of candidates. */
  readonly acceptanceRate: number;
  /** Numbers for each condition; with a threshold, `accepted` may be less than `count`. */
  readonly perCondition: readonly { readonly accepted: number; readonly candidates: number }[];
}

/** Options of a {@link RejectionSampler}. */
export interface RejectionSamplerOptions {
  /** Not disposed of. */
  readonly sampler: TokenSampler;
  readonly scorer: Scorer;
  /** Makes the `images` that are scored. @default none: tokens alone are */
  readonly tokenizer?: Tokenizer;
  /** Number of candidates that are drawn at once. @default 16 */
  readonly batchSize?: number;
}

const rejectionSamplerOptionNames: OptionTable<RejectionSamplerOptions> = {
  sampler: 'required',
  scorer: 'required',
  tokenizer: 'optional',
  batchSize: 'optional',
};

const where = 'RejectionSampler';

/**
 * Samples more images than are wanted and keeps the best (arXiv:2110.04627, sec. 5.2 and table 5,
 * after VQ-VAE-2, arXiv:1906.00446: candidates are ranked by what a classifier, there a ResNet-101,
 * gives their class, and the best half is kept, an acceptance rate of 0.5). In memory are one batch
 * and what is kept. What is kept is a function of the options: it does not depend on the size of
 * the batches, as far as the scores of an image do not.
 *
 * Ownership: `dispose()` it; sampler and tokenizer stay the caller's.
 */
export class RejectionSampler {
  readonly #sampler: TokenSampler;
  readonly #scorer: Scorer;
  readonly #decode: CompiledFunction<(tokens: ImageTokens) => Tensor4D> | undefined;
  readonly #batchSize: number;

  /** @throws {ConfigError} */
  constructor(options: RejectionSamplerOptions) {
    const {
      sampler,
      scorer,
      tokenizer,
      batchSize = 16,
    } = checkOptions(options, rejectionSamplerOptionNames, 'RejectionSampler');
    assertInteger(batchSize, 'batchSize', where);
    if (tokenizer) assertTokenizerFits(tokenizer, sampler.model, where);
    this.#sampler = sampler;
    this.#scorer = scorer;
    this.#batchSize = batchSize;
    this.#decode =
      tokenizer && compile((tokens: ImageTokens) => tokenizer.decode(tokens), { name: 'decode', variables: 'frozen' });
  }

  /**
   * @throws {ConfigError} for a rule that cannot work, and for what `Sampler.sample` refuses
   * @throws {ShapeError} unless there is one score an image, and one row of everything a condition
   * @throws {DataError} for a score that is not a number
   */
  async sample({ count, accept, seed = 0, onProgress, ...options }: RejectionOptions): Promise<AcceptedImages> {
    assertInteger(count, 'count', where);
    assertInteger(seed, 'seed', where, 0, Number.MAX_SAFE_INTEGER);
    assertRows(options);
    const limit = candidatesPerCondition(accept, count);
    const threshold = 'threshold' in accept ? accept.threshold : undefined;
    const shortlists = Array.from(
      { length: options.conditions.shape[0] },
      (_, row) => new Shortlist({ count, limit, threshold, seedOf: (candidate) => seed + row * limit + candidate }),
    );
    const totalCandidates = shortlists.length * limit;
    // Always as many, so that one program serves all batches.
    const size = Math.min(this.#batchSize, totalCandidates);
    let candidates = 0;
    for (let draws = nextDraws(shortlists, size); draws.length > 0; draws = nextDraws(shortlists, size)) {
      const { tokens, scores } = await this.#draw(options, draws, size);
      const perImage = tokens.length / size;
      draws.forEach((draw, index) => {
        const own = tokens.slice(index * perImage, (index + 1) * perImage);
        shortlists[draw.row]!.judge({ seed: draw.seed, score: scores[index]!, tokens: own });
      });
      candidates += draws.length;
      onProgress?.({ candidates, totalCandidates });
    }
    return this.#accepted(shortlists);
  }

  dispose(): void {
    this.#decode?.dispose();
  }

  /** Draws and scores a batch, filled up with its last image. */
  async #draw(
    options: Omit<SampleOptions, 'seeds'>,
    draws: readonly Draw[],
    size: number,
  ): Promise<{ readonly tokens: Int32Array; readonly scores: Float32Array }> {
    const padded = Array.from({ length: size }, (_, index) => draws[Math.min(index, draws.length - 1)]!);
    const { conditions, given, guidance } = options;
    const held: Tensor[] = [];
    const hold = <T extends Tensor>(tensor: T): T => {
      held.push(tensor);
      return tensor;
    };
    try {
      const indices = hold(
        tf.tensor1d(
          padded.map(({ row }) => row),
          'int32',
        ),
      );
      const rowsOf = <T extends Tensor>(x: T): T => hold(tf.gather(x, indices));
      const own = rowsOf(conditions as Tensor) as Conditions;
      const tokens = hold(
        (await this.#sampler.sample({
          ...options,
          conditions: own,
          seeds: padded.map((draw) => draw.seed),
          given: given && (rowsOf(given as Tensor) as ImageTokens),
          guidance: guidance && {
            ...guidance,
            unconditional: rowsOf(guidance.unconditional as Tensor) as Conditions,
          },
        })) as Tensor,
      ) as ImageTokens;
      const images = this.#decode && hold(await this.#decode(tokens));
      const scores = hold(await this.#scorer({ tokens, images, conditions: own }));
      assertShape(scores, [size], `${where} scorer`, 'It gives one score for each image of the batch.');
      const values = Float32Array.from(await scores.data());
      draws.forEach(({ row, seed }, index) => {
        if (!Number.isNaN(values[index])) return;
        throw new DataError({
          where: `${where} scorer`,
          expected: 'a number for every image',
          got: `NaN for the image of condition ${row}, seed ${seed}`,
        });
      });
      return { tokens: Int32Array.from(await tokens.data()), scores: values };
    } finally {
      tf.dispose(held);
    }
  }

  #accepted(shortlists: readonly Shortlist[]): AcceptedImages {
    const kept = shortlists.flatMap((shortlist, row) => shortlist.kept.map((candidate) => ({ ...candidate, row })));
    const perCondition = shortlists.map(({ kept: own, judged }) => ({ accepted: own.length, candidates: judged }));
    const shape = tokensShapeOf(this.#sampler.model, kept.length);
    const tokens = new Int32Array(shape.reduce((product, dimension) => product * dimension, 1));
    kept.forEach((image, index) => tokens.set(image.tokens, index * image.tokens.length));
    const tensor: Tensor = tf.tensor(tokens, [...shape], 'int32');
    return {
      tokens: tensor as ImageTokens,
      rows: Int32Array.from(kept, ({ row }) => row),
      scores: Float32Array.from(kept, ({ score }) => score),
      seeds: kept.map(({ seed }) => seed),
      acceptanceRate: kept.length / perCondition.reduce((sum, { candidates }) => sum + candidates, 0),
      perCondition,
    };
  }
}

/** Throws unless there is a row of everything for each condition. @throws {ShapeError} */
function assertRows({ conditions, given, guidance }: Omit<SampleOptions, 'seeds'>): void {
  const [rows] = conditions.shape;
  if (rows === 0) throw new ShapeError({ where, expected: 'at least one condition', got: 'none' });
  for (const [name, tensor] of [
    ['given', given],
    ['guidance.unconditional', guidance?.unconditional],
  ] as const) {
    if (!tensor || tensor.shape[0] === rows) continue;
    throw new ShapeError({
      where,
      expected: `${name} with a row for each of ${rows} conditions`,
      got: formatShape(tensor.shape),
    });
  }
}

/** @throws {ConfigError} */
function candidatesPerCondition(accept: AcceptanceRule, count: number): number {
  if ('rate' in accept) {
    const { rate } = accept;
    if (!(rate > 0 && rate <= 1)) {
      throw new ConfigError({ where, expected: 'accept.rate to be in (0, 1]', got: String(rate) });
    }
    // 3 / 0.3 is a little above 10.
    return Math.ceil((count / rate) * (1 - 2 ** -50));
  }
  const { threshold, maximumCandidates } = accept;
  if (!Number.isFinite(threshold)) {
    throw new ConfigError({ where, expected: 'accept.threshold to be a finite number', got: String(threshold) });
  }
  assertInteger(maximumCandidates, 'accept.maximumCandidates', where, count);
  return maximumCandidates;
}
