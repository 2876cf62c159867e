import type * as tf from '@tensorflow/tfjs-core';
import { ConfigError, Module } from '@vitvq/core';
import type { ExtractedFeatures, FeatureExtractor, ResizeRule } from './feature-extractor.js';
import { weightsHash } from './internal/weights-hash.js';

/**
 * Base of feature extractors: a network without weights of its own, which refuses to be used until
 * they are loaded, because random features do not measure what people see.
 */
export abstract class ExtractorNetwork extends Module implements FeatureExtractor {
  abstract readonly kind: string;
  abstract readonly name: string;
  abstract readonly inputSize: readonly [number, number];
  abstract readonly resize: ResizeRule;
  /** Sizes and settings of the network, as data that JSON holds. */
  abstract readonly config: object;
  #weightsHash: string | undefined;

  /**
   * SHA-256 of names, shapes and values of all weights.
   * @throws {ConfigError} when no weights were loaded
   */
  get weightsHash(): string {
    this.assertLoaded('weightsHash');
    return this.#weightsHash!;
  }

  abstract features(images: tf.Tensor4D): ExtractedFeatures;

  /** Marks the weights as loaded, and computes their hash. */
  async seal(): Promise<void> {
    this.#weightsHash = await weightsHash(this.namedVariables());
  }

  /** @throws {ConfigError} when no weights were loaded */
  protected assertLoaded(member: string): void {
    if (this.#weightsHash !== undefined) return;
    throw new ConfigError({
      where: `${this.constructor.name}.${member}`,
      expected: `weights of ${this.name}`,
      got: 'none: random features would not measure what people see',
      fix: 'Use importFeatureExtractor or loadFeatureExtractor; docs/feature-extractors.md says where the weights are.',
    });
  }
}
