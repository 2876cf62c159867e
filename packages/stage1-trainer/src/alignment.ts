import * as tf from '@tensorflow/tfjs-core';
import {
  assertInteger,
  checkOptions,
  detach,
  formatShape,
  Module,
  ShapeError,
  split,
  type OptionTable,
  type RandomKey,
} from '@vitvq/core';
import { Linear } from '@vitvq/layers';

/** Frozen network whose features the latents of a tokenizer learn to predict. */
export interface AlignmentFeatures {
  /** Name that a resumed training compares, such as that of the network. */
  readonly name: string;
  /** Width of the features, F. */
  readonly dim: number;
  /**
   * Returns the features of images `[B, H, W, C]` in [0, 1]: `[B, F]` of whole images, or `[B, N,
   * F]` of the places of the N tokens. Plain tensor code, which compiles; no gradient reaches it.
   */
  readonly features: (images: tf.Tensor4D) => tf.Tensor2D | tf.Tensor3D;
}

/** Options of {@link Alignment}. */
export interface AlignmentOptions {
  readonly features: AlignmentFeatures;
  /** Width of the tokenizer's latents before the quantizer. */
  readonly codeDim: number;
  /** Hidden width of the projector. @default F */
  readonly hiddenDim?: number;
  readonly key: RandomKey;
}

const alignmentOptionNames: OptionTable<AlignmentOptions> = {
  features: 'required',
  codeDim: 'required',
  hiddenDim: 'optional',
  key: 'required',
};

/** Smallest squared length that is divided by, of a vector that has no direction. */
const minimumSquaredLength = 1e-12;

/**
 * Semantic alignment: a small projector predicts the features of a frozen network from the latents
 * of a tokenizer, and the loss is 1 - cosine similarity (REPA, arXiv:2410.06940, sec. 3.2; for
 * tokenizers VA-VAE, arXiv:2501.01423, and VFMTok, arXiv:2507.08441). The latents are those before
 * the quantizer. Features of whole images are predicted from the mean of the projected tokens.
 * Variables: `hidden.*`, `output.*`, which train with the tokenizer and are no part of it.
 *
 * Deviation: the projector has one hidden layer where REPA's has two; there is no margin and no
 * adaptive weight, as VA-VAE has them.
 */
export class Alignment extends Module {
  readonly features: AlignmentFeatures;
  readonly #hidden: Linear;
  readonly #output: Linear;

  /** @throws {ConfigError} for widths that are no positive integers */
  constructor(options: AlignmentOptions) {
    super();
    const { features, codeDim, hiddenDim, key } = checkOptions(options, alignmentOptionNames, 'Alignment');
    assertInteger(features.dim, 'features.dim', 'Alignment');
    const hidden = hiddenDim ?? features.dim;
    assertInteger(hidden, 'hiddenDim', 'Alignment');
    const [hiddenKey, outputKey] = split(key) as [RandomKey, RandomKey];
    this.features = features;
    this.#hidden = this.child('hidden', new Linear({ inFeatures: codeDim, outFeatures: hidden, key: hiddenKey }));
    this.#output = this.child('output', new Linear({ inFeatures: hidden, outFeatures: features.dim, key: outputKey }));
  }

  /**
   * Returns the loss, a scalar in [0, 2].
   * @param latents  `[B, N, E]`
   * @param images  `[B, H, W, C]` in [0, 1]
   * @throws {ShapeError} for features that are neither of the images nor of their tokens
   */
  loss(latents: tf.Tensor3D, images: tf.Tensor4D): tf.Scalar {
    return tf.tidy(() => {
      const target = detach<tf.Tensor>(this.features.features(images));
      const [batch, tokens] = latents.shape;
      const { dim, name } = this.features;
      const [ofImages, ofTokens] = [formatShape([batch, dim]), formatShape([batch, tokens, dim])];
      const got = formatShape(target.shape);
      if (got !== ofImages && got !== ofTokens) {
        throw new ShapeError({
          where: `Alignment, features ${name}`,
          expected: `${ofImages} of the images, or ${ofTokens} of their tokens`,
          got,
          fix: 'Resize the features to the grid of tokens, or return their mean.',
        });
      }
      const hidden = this.#hidden.apply(latents);
      const projected = this.#output.apply(tf.mul(hidden, tf.sigmoid(hidden))); // [B, N, F]
      const predicted = target.rank === 2 ? tf.mean(projected, 1) : projected;
      const cosine = tf.sum(tf.mul(direction(predicted), direction(target)), -1);
      return tf.sub<tf.Scalar>(1, tf.mean(cosine));
    });
  }
}

/** Scales vectors along the last axis to length 1. */
function direction(x: tf.Tensor): tf.Tensor {
  return tf.mul(x, tf.rsqrt(tf.maximum(tf.sum(tf.square(x), -1, true), minimumSquaredLength)));
}
