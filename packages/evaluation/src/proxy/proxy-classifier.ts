import type * as tf from '@tensorflow/tfjs-core';
import type { ExtractedFeatures, FeatureExtractor } from '../feature-extractor.js';
import { weightsHash } from '../weights-hash.js';
import type { ProxyNetwork } from './proxy-network.js';

/** What is known of how well a proxy classifies. */
export interface ProxyFacts {
  /** Number of steps of its training. */
  readonly steps: number;
  /** Seed of its training. */
  readonly seed: number;
  /** Fraction of held-out images that it classifies rightly; null where it was not tested. */
  readonly accuracy: number | null;
  /** Names of the classes, in the order of their labels; none where they were not given. */
  readonly classNames: readonly string[];
}

/**
 * A small classifier that was trained on images of the user's own, in place of the network that the
 * field uses. Its figures rank models of one data set; they are no FID, and proxies with different
 * hashes cannot be compared.
 *
 * Ownership: call `dispose()`.
 */
export class ProxyClassifier implements FeatureExtractor {
  readonly name = 'proxy classifier';
  readonly isProxy = true;
  readonly resize = 'linear, widened where images shrink';
  readonly hash: string;
  readonly inputSize: readonly [number, number];
  /** Number of classes, K. */
  readonly classes: number;
  readonly facts: ProxyFacts;
  readonly network: ProxyNetwork;

  private constructor(network: ProxyNetwork, hash: string, facts: ProxyFacts) {
    const { inputSize, classes } = network.config;
    this.network = network;
    this.hash = hash;
    this.inputSize = inputSize;
    this.classes = classes;
    this.facts = facts;
  }

  /** Wraps a network whose weights are final, and takes ownership of it. */
  static async of(network: ProxyNetwork, facts: ProxyFacts): Promise<ProxyClassifier> {
    return new ProxyClassifier(network, await weightsHash(network, architectureOf(network)), facts);
  }

  /** Returns features `[B, D]` and logits `[B, K]` of images `[B, H, W, 3]` in [0, 1]. */
  features(images: tf.Tensor4D): Required<ExtractedFeatures> {
    return this.network.features(images);
  }

  /** Frees the weights. */
  dispose(): void {
    this.network.dispose();
  }
}

function architectureOf({ config }: ProxyNetwork): string {
  return `proxy classifier 1 ${JSON.stringify(config)}`;
}
