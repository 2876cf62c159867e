import {
  checkOptions,
  ConfigError,
  formatShape,
  mean,
  ShapeError,
  type HostImages,
  type OptionTable,
} from '@vitvq/core';
import { gaussianWindow, halved, similarityOfChannels, type Channel } from '../internal/structural-similarity.js';
import { assertImagePairs, channelsOf } from './image-pairs.js';

/** Options of {@link msSSIM}. */
export interface MsSSIMOptions {
  /**
   * Exponent of each scale, from the finest to the coarsest. @default 0.0448, 0.2856, 0.3001,
   * 0.2363, 0.1333, those of Wang et al. 2003
   */
  readonly weights?: readonly number[];
}

const msSSIMOptionNames: OptionTable<MsSSIMOptions> = { weights: 'optional' };

const paperWeights: readonly number[] = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];

/**
 * Returns the smallest side of an image that {@link msSSIM} takes: the window must fit into the
 * coarsest scale.
 */
export function smallestSideOfMsSSIM(scales = paperWeights.length): number {
  return (gaussianWindow.weights.length - 1) * 2 ** (scales - 1) + 1;
}

/**
 * Returns the multi-scale structural similarity of each image (Wang, Simoncelli and Bovik 2003,
 * equation 7), 1 for equal images: contrast and structure on five scales, luminance on the last,
 * with the Gaussian window of {@link ssim}. Similarities below 0 count as 0, as in the packages of
 * the field; the mean over channels comes last.
 * @param originals  `[B, H, W, C]` in [0, 1], of at least 161 x 161 pixels for five scales
 * @param reconstructions  the same shape; clip them to [0, 1] first, as a viewer would
 * @throws {ConfigError} unless the weights are positive
 * @throws {ShapeError} for images of different shapes, or too small
 * @throws {DataError} for values that are not finite, and originals that are not in [0, 1]
 */
export function msSSIM(originals: HostImages, reconstructions: HostImages, options: MsSSIMOptions = {}): Float64Array {
  const where = 'msSSIM';
  const { weights = paperWeights } = checkOptions(options, msSSIMOptionNames, where);
  if (weights.length === 0 || !weights.every((weight) => weight > 0 && weight < Infinity)) {
    throw new ConfigError({ where, expected: 'weights above 0, one a scale', got: formatShape(weights) });
  }
  assertImagePairs(originals, reconstructions, where);
  const [count, height, width] = originals.shape;
  const smallest = smallestSideOfMsSSIM(weights.length);
  if (Math.min(height, width) < smallest) {
    throw new ShapeError({
      where,
      expected: `images of at least ${smallest} x ${smallest} pixels for ${weights.length} scales`,
      got: formatShape(originals.shape),
      fix: 'Use ssim, or fewer weights, which gives another figure.',
    });
  }
  return Float64Array.from({ length: count }, (_, image) => {
    const others = channelsOf(reconstructions, image);
    return mean(channelsOf(originals, image).map((own, channel) => overScales(own, others[channel]!, weights)));
  });
}

function overScales(a: Channel, b: Channel, weights: readonly number[]): number {
  let [result, left, right] = [1, a, b];
  weights.forEach((weight, scale) => {
    const { full, contrastAndStructure } = similarityOfChannels(left, right, gaussianWindow);
    const isLast = scale === weights.length - 1;
    result *= Math.max(0, isLast ? full : contrastAndStructure) ** weight;
    if (!isLast) [left, right] = [halved(left), halved(right)];
  });
  return result;
}
