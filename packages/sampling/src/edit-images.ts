import {
  assertInteger,
  checkOptions,
  ConfigError,
  foldIn,
  randomBits,
  randomKey,
  randomUniform,
  type HostImages,
  type HostTokens,
  type OptionTable,
} from '@vitvq/core';
import { isAnyOrder, isMasked } from '@vitvq/transformers';
import type { GeneratedImages, GenerateOptions, ImageGenerator } from './image-generator.js';
import { withoutMasked, type PixelMask, type TokenMask } from './token-masks.js';

/** Options of {@link editImages}; those of drawing are `ImageGenerator.generate`'s. */
export type EditOptions = Omit<GenerateOptions, 'given' | 'sureEnough'> & {
  /** Tokens of the images, from `generator.encode(images)`. */
  readonly tokens: HostTokens;
  /** Tokens that are drawn anew, given all others. */
  readonly mask: TokenMask;
  /**
   * Images whose pixels stay where `mask` leaves the tokens: without, all pixels come from the
   * decoder, which changes them a little everywhere. @default none
   */
  readonly keep?: { readonly images: HostImages; readonly mask: PixelMask };
  /**
   * Models of raster order: number of candidates of which each image is one. @default 8
   */
  readonly candidates?: number;
};

const editOptionNames: OptionTable<EditOptions> = {
  tokens: 'required',
  mask: 'required',
  keep: 'optional',
  candidates: 'optional',
  seeds: 'required',
  conditions: 'optional',
  guidanceScale: 'optional',
  temperature: 'optional',
  topK: 'optional',
  topP: 'optional',
  decoding: 'optional',
  signal: 'optional',
};

const where = 'editImages';

/**
 * Draws some of the tokens of images anew: in-painting (a mask of pixels), out-painting (everything
 * around a rectangle), variation (a random mask), or another class in a region (a mask, and other
 * conditions).
 *
 * Masked and any-order models draw given all tokens that stay. A model of raster order draws each
 * token without what comes after it. Where tokens that stay come after drawn ones, `candidates` are
 * drawn, and one is chosen with a probability proportional to the likelihood that it gives to those
 * tokens (sampling-importance-resampling, Rubin 1987), which becomes exact with many candidates, a
 * temperature of 1, and no filters or guidance.
 * @throws {ConfigError} for a single candidate where raster order needs several, and for candidates
 *   of other models
 * @throws {ShapeError} for a mask of other images
 */
export async function editImages(generator: ImageGenerator, options: EditOptions): Promise<GeneratedImages> {
  const { tokens, mask, keep, candidates, ...drawing } = checkOptions(options, editOptionNames, where);
  const { model } = generator;
  const given = withoutMasked(tokens, mask, model, where);
  const knowsAll = isMasked(model) || isAnyOrder(model);
  if (knowsAll && candidates !== undefined) {
    throw new ConfigError({
      where: `${where} candidates`,
      expected: 'none for a model that draws given all tokens that stay',
      got: String(candidates),
    });
  }
  const count = candidates ?? usualCandidates;
  assertInteger(count, 'candidates', where);
  const drawn =
    knowsAll || !hasTokensAfter(mask)
      ? await generator.sample({ ...drawing, given })
      : await resampled(generator, { ...drawing, given }, mask, count);
  const images = await generator.decode(drawn, drawing);
  return { tokens: drawn, images: keep ? withKept(images, keep.images, keep.mask) : images };
}

const usualCandidates = 8;

/** Returns whether a token that stays comes after one that is drawn, in any image. */
function hasTokensAfter({ data, shape: [images, positions] }: TokenMask): boolean {
  return Array.from({ length: images }, (_, image) => {
    const one = data.subarray(image * positions, (image + 1) * positions);
    return one.indexOf(1) !== -1 && one.lastIndexOf(0) > one.indexOf(1);
  }).includes(true);
}

/** Draws candidates and chooses one for each image. @throws {ConfigError} for one candidate */
async function resampled(
  generator: ImageGenerator,
  options: GenerateOptions,
  mask: TokenMask,
  candidates: number,
): Promise<HostTokens> {
  if (candidates === 1) {
    throw new ConfigError({
      where: `${where} candidates`,
      expected: 'two or more: a model of raster order draws tokens without those that come after them',
      got: '1',
      fix: 'Take a masked or an any-order model, or a mask that ends the image.',
    });
  }
  const { seeds, conditions, signal } = options;
  const best = seeds.map(() => -Infinity);
  let chosen: HostTokens | undefined;
  for (let candidate = 0; candidate < candidates; candidate++) {
    const drawn = await generator.sample({
      ...options,
      seeds: seeds.map((seed) => randomBits(foldIn(randomKey(seed), candidate), 1)[0]!),
    });
    const nats = await generator.negativeLogLikelihood(drawn, { conditions, signal });
    chosen ??= { ...drawn, data: drawn.data.slice() };
    const values = drawn.data.length / seeds.length;
    const codeDepth = values / mask.shape[1];
    for (const [image, seed] of seeds.entries()) {
      // The largest of logarithm and Gumbel noise is a draw from the weights.
      const noise = -Math.log(-Math.log(randomUniform(foldIn(randomKey(seed), candidate), 2)[1]! || 1e-20));
      let score = noise;
      for (let at = image * values; at < (image + 1) * values; at++) {
        if (mask.data[Math.floor(at / codeDepth)] === 0) score -= nats[at]!;
      }
      if (score <= best[image]!) continue;
      best[image] = score;
      chosen.data.set(drawn.data.subarray(image * values, (image + 1) * values), image * values);
    }
  }
  return chosen!;
}

/** Returns the images with the pixels of others where the mask is 0. */
function withKept(images: HostImages, originals: HostImages, { data, shape }: PixelMask): HostImages {
  const [count, height, width, channels] = images.shape;
  const isSame = [originals.shape, [...shape, channels]].every((other) => `${other}` === `${images.shape}`);
  if (!isSame) {
    throw new ConfigError({
      where: `${where} keep`,
      expected: `images and a mask of ${count}x${height}x${width} pixels`,
      got: `${originals.shape.join('x')} and ${shape.join('x')}`,
    });
  }
  const kept = images.data.map((value, at) => (data[Math.floor(at / channels)] === 0 ? originals.data[at]! : value));
  return { data: kept, shape: images.shape };
}
