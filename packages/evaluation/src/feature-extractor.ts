import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';

// A type, because `tf.tidy` refuses interfaces.
/** What an extractor says of a batch of images. */
export type ExtractedFeatures = {
  /** One vector an image, float32 `[B, D]`. */
  readonly pooled: Tensor2D;
  /** Logits of classes, float32 `[B, K]`, where the network is a classifier. */
  readonly logits?: Tensor2D;
};

/**
 * A network with trained weights whose features metrics compare: one that was imported, or the
 * proxy that `trainProxyClassifier` trains. Whoever made the extractor disposes of it.
 */
export interface FeatureExtractor {
  /** Name for people, which cards carry, such as `inception-v3-compat`. */
  readonly name: string;
  /**
   * SHA-256 of architecture and weights in hexadecimal digits. Figures of extractors with different
   * hashes cannot be compared.
   */
  readonly hash: string;
  /** Height and width to which `features` scales the images. */
  readonly inputSize: readonly [height: number, width: number];
  /** How `features` scales images of another size, in words or as data for cards. @default none */
  readonly resize?: string | object;
  /**
   * Whether this is a network that stands in for the one that the field uses; cards then say
   * "proxy".
   * @default false
   */
  readonly isProxy?: boolean;
  /**
   * Returns the features of images `[B, H, W, C]` in [0, 1] of any size. Plain tensor code, which
   * compiles; the caller disposes of the results.
   */
  features(images: Tensor4D): ExtractedFeatures;
}
