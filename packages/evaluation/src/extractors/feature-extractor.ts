import type { Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { VariableOwner } from '@vitvq/core';

// A type, because `tf.tidy` refuses interfaces.
/**
 * What a {@link FeatureExtractor} computes of a batch. What its network does not have is absent.
 */
export type ExtractedFeatures = {
  /** One vector an image, `[B, D]`: what Fréchet and kernel distances and CLIP scores compare. */
  readonly pooled?: Tensor2D;
  /** Features of places, `[B, H', W', C]`, for spatial distances. */
  readonly spatial?: Tensor4D;
  /** Logits of classes, `[B, K]`, for inception scores. */
  readonly logits?: Tensor2D;
  /** Outputs of parts of the network by name, `[B, ...]`. */
  readonly blocks?: Readonly<Record<string, Tensor>>;
};

/**
 * How images come to the size of a network, which changes every figure. `tensorflow-1` is the
 * bilinear filter of TensorFlow 1, without averaging and with pixels at their upper left corners.
 * `bicubic` is the filter of Pillow, which averages, on numbers that are not rounded, as clean-fid
 * has it; `bicubic-bytes` rounds to bytes after each axis, as Pillow does with images.
 */
export interface ResizeRule {
  readonly filter: 'tensorflow-1' | 'bicubic' | 'bicubic-bytes';
  /**
   * Whether the shorter side gets the length `shortSide` and the middle is cut out, as
   * preprocessing for classifiers does, or the whole image is squeezed into the size.
   */
  readonly crop: 'center' | 'none';
  /** Length in pixels of the shorter side before the middle is cut out. */
  readonly shortSide?: number;
}

/**
 * A trained network whose features are compared by metrics. Features of networks with other
 * weights, or after another resize, are other features: `weightsHash` and `resize` belong beside
 * every figure.
 */
export interface FeatureExtractor extends VariableOwner {
  /** Kind of network, such as `inception-v3-compat`. */
  readonly kind: string;
  /** Name for reports, with the size of the network where a kind has several. */
  readonly name: string;
  /** Height and width in pixels to which images are resized. */
  readonly inputSize: readonly [number, number];
  readonly resize: ResizeRule;
  /** SHA-256 of names, shapes and values of all weights, 64 hexadecimal digits. */
  readonly weightsHash: string;
  /**
   * Computes the features of images `[B, H, W, 3]` in [0, 1] of any size, which are rounded to the
   * 256 levels of files and resized first. Plain tensor code with fixed shapes, which compiles. The
   * caller disposes of the results.
   * @throws {ShapeError} unless the images have 3 channels
   */
  features(images: Tensor4D): ExtractedFeatures;
}
