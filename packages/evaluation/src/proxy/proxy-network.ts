import * as tf from '@tensorflow/tfjs-core';
import { assertFitsBudget, foldIn, Module, normalInitializer, type RandomKey } from '@vitvq/core';
import { Convolution, GroupNorm, Linear } from '@vitvq/layers';
import { z } from 'zod';
import type { ExtractedFeatures } from '../feature-extractor.js';
import { resizeImages } from '../internal/resize-images.js';

const side = z.int().min(8).max(1024);

/** Channels of one group of the norms. */
const groupWidth = 8;

/** Schema of {@link ProxyNetworkConfig}; it fills in the defaults. */
export const proxyNetworkSchema = z.strictObject({
  /** Height and width to which images are scaled. */
  inputSize: z.tuple([side, side]).default([32, 32]),
  /** Channels of each stage, which halves the images; the last ones are the features. */
  channels: z.array(z.int().min(groupWidth).max(4096).multipleOf(groupWidth)).min(1).max(8).default([32, 64, 128]),
  /** Number of classes, K. */
  classes: z.int().min(2).max(1_000_000),
});

/** Sizes of a proxy classifier, as data that JSON holds. */
export type ProxyNetworkConfig = z.output<typeof proxyNetworkSchema>;

/**
 * A small convolutional classifier: in each stage a convolution of stride 2 and a residual one,
 * with group norms; the mean over places is the features, of which a linear layer makes logits.
 *
 * Variables: `stages.S.down`, `stages.S.downNorm`, `stages.S.keep`, `stages.S.keepNorm`, `head`.
 */
export class ProxyNetwork extends Module {
  readonly config: ProxyNetworkConfig;
  readonly #stages: readonly {
    readonly down: Convolution;
    readonly downNorm: GroupNorm;
    readonly keep: Convolution;
    readonly keepNorm: GroupNorm;
  }[];
  readonly #head: Linear;

  constructor(config: ProxyNetworkConfig, key: RandomKey) {
    super();
    this.config = config;
    const { channels, classes } = config;
    const convolution = (name: string, inChannels: number, outChannels: number, stride: number, seed: number) => {
      const initializer = normalInitializer(Math.sqrt(2 / (9 * inChannels)));
      const options = { inChannels, outChannels, stride, useBias: false, initializer, key: foldIn(key, seed) };
      return this.child(name, new Convolution(options));
    };
    const norm = (name: string, width: number): GroupNorm => {
      assertFitsBudget(key, { elements: 2 * width, variables: 2 }, `norms of ${width} channels`);
      return this.child(name, new GroupNorm({ channels: width, numGroups: width / groupWidth, epsilon: 1e-5 }));
    };
    this.#stages = channels.map((width, stage) => ({
      down: convolution(`stages.${stage}.down`, channels[stage - 1] ?? 3, width, 2, 2 * stage),
      downNorm: norm(`stages.${stage}.downNorm`, width),
      keep: convolution(`stages.${stage}.keep`, width, width, 1, 2 * stage + 1),
      keepNorm: norm(`stages.${stage}.keepNorm`, width),
    }));
    const inFeatures = channels.at(-1)!;
    this.#head = this.child(
      'head',
      new Linear({ inFeatures, outFeatures: classes, key: foldIn(key, 2 * channels.length) }),
    );
  }

  /** Returns features `[B, D]` and logits `[B, K]` of images `[B, H, W, 3]` in [0, 1]. */
  features(images: tf.Tensor4D): Required<ExtractedFeatures> {
    return tf.tidy(() => {
      let x: tf.Tensor4D = tf.sub(tf.mul(resizeImages(images, this.config.inputSize), 4), 2);
      for (const { down, downNorm, keep, keepNorm } of this.#stages) {
        x = tf.relu(downNorm.apply(down.apply(x)));
        x = tf.add(x, tf.relu(keepNorm.apply(keep.apply(x))));
      }
      const pooled = tf.mean<tf.Tensor2D>(x, [1, 2]);
      return { pooled, logits: this.#head.apply(pooled) };
    });
  }
}
