import type * as tf from '@tensorflow/tfjs-core';
import { ConfigError, Module } from '@vitvq/core';
import type { FeatureExtractor } from '../feature-extractor.js';
import { hashOfNetwork } from './internal/hash-of-network.js';
import type { NetworkFeatures, ResizeRule } from './network-features.js';

/**
 * A trained network whose features metrics compare. Features of other weights, or after another
 * resize, are other features: `hash` and `resize` belong beside every figure. A network begins
 * without weights and refuses to be used until they are loaded, because random features do not
 * measure what people see.
 */
export abstract class ExtractorNetwork extends Module implements FeatureExtractor {
  /** Kind of network, such as `inception-v3-compat`. */
  abstract readonly kind: string;
  /** Name for reports, with the size of the network where a kind has several. */
  abstract readonly name: string;
  /** Height and width in pixels to which images are resized. */
  abstract readonly inputSize: readonly [height: number, width: number];
  abstract readonly resize: ResizeRule;
  /** Sizes and settings of the network, as data that JSON holds. */
  abstract readonly config: object;
  #hash: string | undefined;

  /**
   * SHA-256 of the config and of names, shapes and values of all weights, 64 hexadecimal digits.
   * @throws {ConfigError} when no weights were loaded
   */
  get hash(): string {
    this.assertLoaded('hash');
    return this.#hash!;
  }

  /**
   * Computes the features of images `[B, H, W, 3]` in [0, 1] of any size, which are rounded to the
   * 256 levels of files and resized first. Plain tensor code with fixed shapes, which compiles. The
   * caller disposes of the results.
   * @throws {ShapeError} unless the images have 3 channels
   * @throws {ConfigError} when no weights were loaded
   */
  abstract features(images: tf.Tensor4D): NetworkFeatures;

  /** Marks the weights as loaded, and computes the hash. */
  async seal(): Promise<void> {
    this.#hash = await hashOfNetwork(this.config, this.namedVariables());
  }

  /** @throws {ConfigError} when no weights were loaded */
  protected assertLoaded(member: string): void {
    if (this.#hash !== undefined) return;
    throw new ConfigError({
      where: `${this.constructor.name}.${member}`,
      expected: `weights of ${this.name}`,
      got: 'none: random features would not measure what people see',
      fix: 'Use importFeatureExtractor or loadFeatureExtractor; docs/feature-extractors.md says where the weights are.',
    });
  }
}
