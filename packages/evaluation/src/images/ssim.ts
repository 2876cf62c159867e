import {
  assertOneOf,
  checkOptions,
  formatShape,
  mean,
  ShapeError,
  type HostImages,
  type OptionTable,
} from '@vitvq/core';
import { gaussianWindow, similarityOfChannels, uniformWindow } from '../internal/structural-similarity.js';
import { assertImagePairs, channelsOf } from './image-pairs.js';

/** Options of {@link ssim}. */
export interface SSIMOptions {
  /**
   * Weights of the pixels around each pixel. `gaussian` is the window of Wang et al. 2004, 11 x 11
   * with a deviation of 1.5; `uniform` is the default of scikit-image, 7 x 7 with variances of
   * samples. The two give different figures. @default 'gaussian'
   */
  readonly window?: 'gaussian' | 'uniform';
}

const windows = { gaussian: gaussianWindow, uniform: uniformWindow } as const;

/** Smallest side of an image that {@link ssim} takes with its Gaussian window. */
export const smallestSideOfSSIM = gaussianWindow.weights.length;

const ssimOptionNames: OptionTable<SSIMOptions> = { window: 'optional' };

/**
 * Returns the structural similarity of each image (Wang et al. 2004, equation 13), from -1 to 1 for
 * equal images: the mean over channels and over all positions at which the window lies within the
 * image. The figures are those of `structural_similarity` of scikit-image, with `data_range=1` and
 * for the Gaussian window with `gaussian_weights=True, use_sample_covariance=False`.
 * @param originals  `[B, H, W, C]` in [0, 1]
 * @param reconstructions  the same shape; clip them to [0, 1] first, as a viewer would
 * @throws {ShapeError} for images of different shapes, or smaller than the window
 * @throws {DataError} for values that are not finite, and originals that are not in [0, 1]
 */
export function ssim(originals: HostImages, reconstructions: HostImages, options: SSIMOptions = {}): Float64Array {
  const where = 'ssim';
  const { window = 'gaussian' } = checkOptions(options, ssimOptionNames, where);
  assertOneOf(window, Object.keys(windows), 'window', where);
  assertImagePairs(originals, reconstructions, where);
  const chosen = windows[window];
  const [count, height, width] = originals.shape;
  const smallest = chosen.weights.length;
  if (Math.min(height, width) < smallest) {
    const expected = `images of at least ${smallest} x ${smallest} pixels`;
    throw new ShapeError({ where, expected, got: formatShape(originals.shape) });
  }
  return Float64Array.from({ length: count }, (_, image) => {
    const others = channelsOf(reconstructions, image);
    return mean(
      channelsOf(originals, image).map((own, channel) => similarityOfChannels(own, others[channel]!, chosen).full),
    );
  });
}
