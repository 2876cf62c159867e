import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import type { ExtractedFeatures } from '../feature-extractor.js';

/** What a feature extractor computes of a batch. What its network does not have is absent. */
export type NetworkFeatures = ExtractedFeatures & {
  /** Features of places, `[B, H', W', C]`, for spatial distances. */
  readonly spatial?: Tensor4D;
  /** Outputs of parts of the network by name, `[B, ...]`. */
  readonly blocks?: Readonly<Record<string, Tensor>>;
};

/**
 * How images come to the size of a network, which changes every figure. `tensorflow-1` is the
 * bilinear filter of TensorFlow 1, without averaging and with pixels at their upper left corners.
 * `bicubic` is the filter of Pillow, which averages, on numbers that are not rounded, as clean-fid
 * has it; `bicubic-bytes` rounds to bytes after each axis, as Pillow does with images. `none` takes
 * images of any size as they are.
 */
export interface ResizeRule {
  readonly filter: 'tensorflow-1' | 'bicubic' | 'bicubic-bytes' | 'none';
  /**
   * Whether the shorter side gets the length `shortSide` and the middle is cut out, as
   * preprocessing for classifiers does, or the whole image is squeezed into the size.
   */
  readonly crop: 'center' | 'none';
  /** Length in pixels of the shorter side before the middle is cut out. */
  readonly shortSide?: number;
}
