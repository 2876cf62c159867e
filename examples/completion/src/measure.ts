import type { HostImages, HostTokens } from '@vitvq/core';
import { reconstructionMetrics } from '@vitvq/evaluation';
import type { ImageGenerator } from '@vitvq/sampling';
import { halvesOf, lowerHalves, underPartners, type Halves } from './halves.js';
import { conditionsOf, type Models } from './models.js';

/** What the upper half tells the transformer of the lower one. */
export interface Knowledge {
  /** Mean over the tokens of the lower halves, in nats: under their own upper half. */
  readonly own: number;
  /** The same tokens under the upper half of another image of the class. */
  readonly other: number;
  /** Of the mean over images of `other` - `own`. */
  readonly standardError: number;
  /**
   * Fraction of the images whose own upper half makes the lower one likelier: one half, if it told
   * nothing.
   */
  readonly preferred: number;
  /** `own` and `other` for each row of the lower half. */
  readonly rows: readonly { readonly own: number; readonly other: number }[];
}

/**
 * How likely the transformer finds the true lower half of each image, under its own upper half and
 * under another's. Row by row it matters less, since a token also knows the true ones before it in
 * the lower half.
 * @param labels undefined where the class is not told
 */
export async function measureKnowledge(
  generator: ImageGenerator,
  { transformer, conditioner }: Models,
  tokens: HostTokens,
  {
    halves,
    partners,
    labels,
  }: {
    readonly halves: Halves;
    readonly partners: Int32Array;
    readonly labels: readonly (number | undefined)[];
  },
): Promise<Knowledge> {
  const conditions = await conditionsOf(conditioner, labels);
  const natsOf = async (data: Int32Array): Promise<Float32Array> =>
    lowerHalves(await generator.negativeLogLikelihood({ ...tokens, data }, { conditions }), halves);
  const own = await natsOf(tokens.data);
  const other = await natsOf(underPartners(tokens.data, halves, partners));
  return compareNats(own, other, labels.length, transformer.grid[1] * transformer.levels);
}

/**
 * Compares nats of the same tokens, image after image.
 * @param rowValues  tokens of a row
 */
export function compareNats(own: Float32Array, other: Float32Array, images: number, rowValues: number): Knowledge {
  const values = own.length / images;
  const gains = Array.from({ length: images }, (_, image) => {
    const part = (nats: Float32Array): number => mean(nats.subarray(image * values, (image + 1) * values));
    return part(other) - part(own);
  });
  const gain = mean(gains);
  const variance = gains.reduce((sum, value) => sum + (value - gain) ** 2, 0) / Math.max(1, images - 1);
  const rowOf = (nats: Float32Array, row: number): number =>
    mean(nats.filter((_, index) => Math.floor((index % values) / rowValues) === row));
  return {
    own: mean(own),
    other: mean(other),
    standardError: Math.sqrt(variance / images),
    preferred: gains.filter((value) => value > 0).length / images,
    rows: Array.from({ length: values / rowValues }, (_, row) => ({ own: rowOf(own, row), other: rowOf(other, row) })),
  };
}

/** How lower halves compare with the true ones. */
export interface Likeness {
  /** Decibels, mean over the images. */
  readonly psnr: number;
  /**
   * Distance between the mean colours of the two lower halves, in [0, 1] for each channel, mean
   * over the images.
   */
  readonly colorDistance: number;
  /**
   * How much the first row of the lower half differs from the row above it, in [0, 1], mean over
   * the values.
   */
  readonly seam: number;
}

/**
 * @param completed  lower halves count, of as many images as there are originals
 * @param reference  above the seam
 */
export function measureLikeness(completed: HostImages, originals: HostImages, reference: HostImages): Likeness {
  const [count, height, width, channels] = originals.shape;
  const halves = halvesOf(height, width * channels);
  const found = lowerHalves(completed.data.subarray(0, originals.data.length), halves);
  const wanted = lowerHalves(originals.data, halves);
  const lower = halves.values - halves.upper;
  const row = width * channels;
  const [distances, seams]: [number[], number[]] = [[], []];
  for (let image = 0; image < count; image++) {
    const part = (data: Float32Array): Float32Array => data.subarray(image * lower, (image + 1) * lower);
    const [a, b] = [meanColor(part(found), channels), meanColor(part(wanted), channels)];
    distances.push(Math.hypot(...a.map((value, channel) => value - b[channel]!)));
    const above = image * halves.values + halves.upper - row;
    for (let value = 0; value < row; value++) {
      seams.push(Math.abs(part(found)[value]! - reference.data[above + value]!));
    }
  }
  return {
    psnr: reconstructionMetrics(wanted, found, lower).psnr,
    colorDistance: mean(distances),
    seam: mean(seams),
  };
}

/** Each image's place taken by its partner's. */
export function ofPartners({ data, shape: [count, ...size] }: HostImages, partners: Int32Array): HostImages {
  const values = data.length / count;
  const result = new Float32Array(partners.length * values);
  partners.forEach((partner, image) => {
    result.set(data.subarray(partner * values, (partner + 1) * values), image * values);
  });
  return { data: result, shape: [partners.length, ...size] };
}

function meanColor(pixels: Float32Array, channels: number): number[] {
  return Array.from({ length: channels }, (_, channel) =>
    mean(pixels.filter((_, index) => index % channels === channel)),
  );
}

function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += values[index]!;
  return sum / values.length;
}
