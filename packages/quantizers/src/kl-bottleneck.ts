import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor1D, Tensor3D } from '@tensorflow/tfjs-core';
import { Module, assertInRange, assertInteger, assertShape, checkOptions, type OptionTable } from '@vitvq/core';
import type { Bottleneck, BottleneckResult, QuantizeContext } from '@vitvq/core';
import { z } from 'zod';
import { assertNoise } from './internal/assert-noise.js';
import { integer, nonNegative } from './internal/config-schemas.js';
import { normalNoise, uniformCount } from './internal/normal-noise.js';
import { meanOf } from './internal/row-means.js';
import type { QuantizerKind } from './quantizer-kind.js';

/** Options of a {@link KLBottleneck}. */
export interface KLBottleneckOptions {
  /** Width of a latent, E. */
  readonly latentDim: number;
  /** Weight of the divergence, in nats a latent, in the loss; at least 0. @default 1e-6 */
  readonly weight?: number;
}

const klBottleneckOptionNames: OptionTable<KLBottleneckOptions> = { latentDim: 'required', weight: 'optional' };

/** Range of logarithms of variances, as in the authors' code. */
const [lowestLogVariance, highestLogVariance] = [-30, 20] as const;

/** Means and logarithms of variances of latents, `[B, N, E]`. */
interface Distributions {
  readonly mean: Tensor3D;
  readonly logVariance: Tensor3D;
}

/**
 * Variational bottleneck of a continuous autoencoder (Kingma and Welling, arXiv:1312.6114;
 * "KL-reg." of latent diffusion, arXiv:2112.10752, appendix G), to compare quantizers with. The
 * first half of a feature is the mean of its latent, the second half the logarithm of the variance,
 * which is clamped to [-30, 20]. In training a latent is drawn, mean + exp(logVariance / 2) times
 * normal noise; without noise, as in evaluation, it is the mean.
 *
 * It is no `Quantizer`: latents are no codes, and there are no indices. It has no variables.
 *
 * The loss is `weight` times the divergence KL(N(mean, variance) || N(0, 1)), summed over the
 * channels of a latent and averaged over latents. The authors' code sums this term over the latents
 * of an image and the reconstruction's over its values; beside losses that are means over the H·W·C
 * values of an image, as those of this project, their weight w is `weight: w · N / (H·W·C)` here.
 *
 * The tensor code has fixed shapes and can be compiled.
 */
export class KLBottleneck extends Module implements Bottleneck {
  readonly codeDim: number;
  /** Twice the width of a latent: means, then logarithms of variances. */
  readonly featureDim: number;
  readonly weight: number;
  /** `quantized` has a gradient of its own, to means and variances. */
  readonly gradient = 'own';

  /** @throws {ConfigError} */
  constructor(options: KLBottleneckOptions) {
    super();
    const { latentDim, weight = 1e-6 } = checkOptions(options, klBottleneckOptionNames, 'KLBottleneck');
    assertInteger(latentDim, 'latentDim', 'KLBottleneck');
    assertInRange(weight, 'weight', 'KLBottleneck', 0);
    this.codeDim = latentDim;
    this.featureDim = 2 * latentDim;
    this.weight = weight;
  }

  /** Returns `[B, N, E]`, or one channel more where E is odd: uniform numbers for normal noise. */
  noiseShape(batch: number, tokens: number): readonly [number, number, number] {
    return [batch, tokens, uniformCount(this.codeDim)];
  }

  /**
   * Draws a latent from the distribution of each feature.
   * @param z  encoder output, float32 `[B, N, 2E]`
   * @param context  training needs noise; noise in evaluation makes `quantized` random. Padding
   *   that a mask names gets its mean
   * @returns  `quantized` `[B, N, E]`; `divergence`, nats a latent; `loss`, that times the weight
   * @throws {ShapeError}
   * @throws {ConfigError} for training without noise
   */
  quantize(
    z: Tensor3D,
    { training = false, noise, mask }: QuantizeContext = {},
  ): BottleneckResult & { readonly divergence: Scalar } {
    const where = 'KLBottleneck.quantize';
    this.#assertFeatures(z, where);
    const [batch, tokens] = z.shape;
    assertNoise(noise, training, this.noiseShape(batch, tokens), "[B, N, E'] (E' even)", where);
    if (mask) assertShape(mask, [batch, tokens], `${where}, mask`);
    return tf.tidy(() => {
      const isReal = mask && tf.greater<Tensor3D>(tf.expandDims(mask, 2), 0);
      const everywhere = (width: number): Tensor3D => tf.tile(isReal!, [1, 1, width]);
      // Padding may hold NaN, whose gradient would be NaN too.
      const real = isReal ? tf.where(everywhere(this.featureDim), z, tf.zerosLike(z)) : z;
      const { mean, logVariance } = this.#split(real);
      const drawn = noise ? this.#draw({ mean, logVariance }, noise) : tf.clone(mean);
      const weights = isReal && tf.cast(tf.reshape<tf.Rank.R1>(isReal, [-1]), 'float32');
      const divergence = this.#divergence({ mean, logVariance }, weights);
      return {
        quantized: isReal ? tf.where(everywhere(this.codeDim), drawn, this.bound(z)) : drawn,
        loss: tf.mul<Scalar>(divergence, this.weight),
        divergence,
      };
    });
  }

  /** Returns the means `[B, N, E]` of features `[B, N, 2E]`. @throws {ShapeError} */
  bound(z: Tensor3D): Tensor3D {
    this.#assertFeatures(z, 'KLBottleneck.bound');
    return tf.slice(z, [0, 0, 0], [-1, -1, this.codeDim]);
  }

  /** @throws {ShapeError} */
  #assertFeatures(z: Tensor3D, where: string): void {
    assertShape(z, ['B', 'N', this.featureDim], where, 'Project z to twice latentDim first.');
  }

  #split(z: Tensor3D): Distributions {
    const [mean, logVariance] = tf.split<Tensor3D>(z, 2, 2) as [Tensor3D, Tensor3D];
    return { mean, logVariance: tf.clipByValue(logVariance, lowestLogVariance, highestLogVariance) };
  }

  #draw({ mean, logVariance }: Distributions, noise: tf.Tensor): Tensor3D {
    const rows = mean.shape[0] * mean.shape[1];
    const normal = normalNoise(tf.reshape(noise, [rows, uniformCount(this.codeDim)]), this.codeDim);
    const deviation = tf.exp(tf.mul(logVariance, 0.5));
    return tf.add(mean, tf.mul(deviation, tf.reshape(normal, mean.shape)));
  }

  /** Returns the divergence in nats a latent; `weights` `[B·N]` say which latents count. */
  #divergence({ mean, logVariance }: Distributions, weights: Tensor1D | undefined): Scalar {
    const terms = tf.sub<Tensor3D>(tf.add(tf.square(mean), tf.exp(logVariance)), tf.add(logVariance, 1));
    return meanOf(tf.reshape<tf.Rank.R1>(tf.mul(tf.sum(terms, 2), 0.5), [-1]), weights);
  }
}

const schema = z.strictObject({
  /** Width of a latent, E. */
  latentDim: integer(1),
  /** Weight of the divergence, in nats a latent. @default 1e-6 */
  weight: nonNegative.optional(),
});

/** Kind `kl`: latents that are drawn from distributions and are no codes. */
export const klKind = {
  schema,
  create: (config) => new KLBottleneck(config),
} satisfies QuantizerKind<typeof schema>;
