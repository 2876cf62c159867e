import * as tf from '@tensorflow/tfjs-core';
import {
  assertInRange,
  assertShape,
  ConfigError,
  Module,
  split,
  torchLinearInitializer,
  type Decoder,
  type Encoder,
  type QuantizeContext,
  type Quantizer,
  type RandomKey,
  type Tokenizer,
} from '@vitvq/core';
import { Linear } from '@vitvq/layers';
import { logitLaplaceImage, type LogitLaplaceParameters } from '@vitvq/losses';
import { likeCodes } from './internal/like-codes.js';

/** What the decoder's channels mean; see {@link ViTVQOptions.output}. */
export type ViTVQOutput = 'pixels' | 'logit-laplace';

/** What encoder and decoder see instead of a pixel x: (x - mean) / deviation. */
export interface PixelNormalization {
  readonly mean: number;
  /** Above 0. */
  readonly deviation: number;
}

export interface ForwardOptions extends QuantizeContext {
  /**
   * Without, the decoder gets the latents themselves (of length 1, where codes have it): a plain
   * autoencoder. Indices and quantizer loss are still there. @default true
   */
  readonly quantize?: boolean;
}

export interface ViTVQOptions<Q extends Quantizer = Quantizer> {
  readonly encoder: Encoder;
  readonly decoder: Decoder;
  readonly quantizer: Q;
  /** Draws the two projections. */
  readonly key: RandomKey;
  /**
   * `pixels`: the decoder's channels are the image, without a sigmoid (the reference).
   * `logit-laplace`: the decoder has twice the image's channels, first the mean in logit space,
   * then the logarithm of the scale, as the logit-laplace loss needs them; the image is the sigmoid
   * of the mean (paper, sec. 3.3; DALL-E, appendix A.3).
   * @default 'pixels'
   */
  readonly output?: ViTVQOutput;
  /**
   * Pixels of mean 0 and deviation 1 let the model begin with what is in an image instead of with
   * how bright images are; it changes the encoder's input and the output `pixels`, never what
   * callers see. @default { mean: 0, deviation: 1 }, as the reference
   */
  readonly pixelNormalization?: PixelNormalization;
}

// Types, not interfaces: only those fit the named tensors of tf.tidy.
export type ViTVQPass = {
  /**
   * What the decoder says, `[B, H, W, C]` (`2C` with `output: 'logit-laplace'`); {@link
   * ViTVQ.interpret} makes images of it.
   */
  readonly decoded: tf.Tensor4D;
  /** int32 `[B, N]` (`[B, N, L]` with a code depth L). */
  readonly indices: tf.Tensor2D | tf.Tensor3D;
  /**
   * Scalar: the quantizer's own loss, for a `VectorQuantizer` codebook term + beta x commitment
   * term.
   */
  readonly quantizerLoss: tf.Scalar;
};

export type ViTVQImages = {
  /**
   * `[B, H, W, C]`, straight from the decoder: values outside [0, 1] are possible, losses need
   * them.
   */
  readonly reconstruction: tf.Tensor4D;
  /** Of each value, `[B, H, W, C]`; only with `output: 'logit-laplace'`. */
  readonly logitLaplace?: { readonly [Name in keyof LogitLaplaceParameters]: tf.Tensor4D };
};

export type ViTVQForward = ViTVQImages & Omit<ViTVQPass, 'decoded'>;

/**
 * The ViT-VQGAN image tokenizer (arXiv:2110.04627, sec. 3): ViT encoder, projection to the
 * low-dimensional space where codes are looked up ("factorized codes"), quantizer, projection back,
 * ViT decoder.
 *
 * Variables: `encoder.*`, `preQuantization.*`, `quantizer.*`, `postQuantization.*`, `decoder.*`.
 * The two projections start as PyTorch's `nn.Linear` does, U(-1/sqrt(in), 1/sqrt(in)) for weight
 * and bias, as in the reference.
 *
 * Ownership: the model disposes of its parts; callers dispose of what the methods return.
 */
export class ViTVQ<Q extends Quantizer = Quantizer> extends Module implements Tokenizer {
  readonly encoder: Encoder;
  readonly preQuantization: Linear;
  readonly quantizer: Q;
  readonly postQuantization: Linear;
  readonly decoder: Decoder;
  readonly output: ViTVQOutput;
  readonly pixelNormalization: PixelNormalization;

  /**
   * @throws {ConfigError} when encoder and decoder have different grids, or the normalization makes
   *   no sense
   */
  constructor({
    encoder,
    decoder,
    quantizer,
    key,
    output = 'pixels',
    pixelNormalization = { mean: 0, deviation: 1 },
  }: ViTVQOptions<Q>) {
    super();
    assertInRange(pixelNormalization.mean, 'pixelNormalization.mean', 'ViTVQ', -Number.MAX_VALUE);
    assertInRange(pixelNormalization.deviation, 'pixelNormalization.deviation', 'ViTVQ', Number.MIN_VALUE);
    if (encoder.grid[0] !== decoder.grid[0] || encoder.grid[1] !== decoder.grid[1]) {
      throw new ConfigError({
        where: 'ViTVQ',
        expected: `a decoder with the encoder's grid of ${encoder.grid.join('x')} tokens`,
        got: decoder.grid.join('x'),
        fix: 'Give both the same image and patch size.',
      });
    }
    const [preKey, postKey] = split(key) as [RandomKey, RandomKey];
    const { codeDim } = quantizer;
    this.encoder = this.child('encoder', encoder);
    this.preQuantization = this.child('preQuantization', projection(encoder.dim, codeDim, preKey));
    this.quantizer = this.child('quantizer', quantizer);
    this.postQuantization = this.child('postQuantization', projection(codeDim, decoder.dim, postKey));
    this.decoder = this.child('decoder', decoder);
    this.output = output;
    this.pixelNormalization = pixelNormalization;
  }

  /** Number of codes. */
  get vocabSize(): number {
    return this.quantizer.codebookSize;
  }

  /** Codes a token: 1, or L of a residual quantizer. */
  get codeDepth(): number {
    return this.quantizer.codeDepth;
  }

  /** Rows and columns of tokens. */
  get grid(): readonly [number, number] {
    return this.encoder.grid;
  }

  /** Height and width of the images, where the encoder takes one size only. */
  get imageSize(): readonly [number, number] | undefined {
    return this.encoder.imageSize;
  }

  /** Weight of the layer that makes the pixels, where the decoder names it. */
  get lastLayer(): tf.Variable | undefined {
    return this.decoder.lastLayer;
  }

  /** The encoder's as `encoder.…`, where it has any; then `latents` and `quantized`. */
  get featureNames(): readonly string[] {
    const ofEncoder = (this.encoder.featureNames ?? []).map((name) => `encoder.${name}`);
    return [...ofEncoder, 'latents', 'quantized'];
  }

  /**
   * Returns the shape of the uniform noise that the quantizer takes for so many images, if it
   * draws.
   */
  noiseShape(batchSize: number): readonly number[] | undefined {
    return this.quantizer.noiseShape?.(batchSize, this.grid[0] * this.grid[1]);
  }

  /**
   * What the quantizer sees: images `[B, H, W, C]` in [0, 1] to `[B, N, E]`, not yet normalised.
   */
  latents(images: tf.Tensor4D): tf.Tensor3D {
    return tf.tidy(() => this.preQuantization.apply(this.encoder.encode(this.#normalize(images))));
  }

  /**
   * What every stage before the decoder makes of images `[B, H, W, C]` in [0, 1], by name, in one
   * pass: the encoder's stages, then `latents` `[B, N, E]` as {@link latents} gives them, then
   * `quantized` `[B, N, E]`, the codes that the decoder gets for them. A linear probe looks at
   * these (sec. 4.2). Without noise: the same every time.
   * @throws {ShapeError} when the images have another size than the encoder takes
   */
  features(images: tf.Tensor4D): Record<string, tf.Tensor3D> {
    return tf.tidy(() => {
      const pixels = this.#normalize(images);
      const ofEncoder = Object.entries(this.encoder.features?.(pixels) ?? {});
      const latents = this.preQuantization.apply(ofEncoder.at(-1)?.[1] ?? this.encoder.encode(pixels));
      const { quantized } = this.quantizer.quantize(latents);
      return {
        ...Object.fromEntries(ofEncoder.map(([name, stage]) => [`encoder.${name}`, stage])),
        latents,
        quantized,
      };
    });
  }

  /**
   * Quantized latents `[B, N, E]` to the decoder's output, `[B, H, W, C]` (`2C` with `output:
   * 'logit-laplace'`).
   */
  decodeLatents(quantized: tf.Tensor3D): tf.Tensor4D {
    return tf.tidy(() => this.decoder.decode(this.postQuantization.apply(quantized)));
  }

  /**
   * Everything that a loss needs, in one pass. Without `training` and noise it is the same every
   * time.
   * @param images  `[B, H, W, C]` in [0, 1]
   */
  forward(images: tf.Tensor4D, options?: ForwardOptions): ViTVQForward {
    return tf.tidy(() => {
      const { decoded, indices, quantizerLoss } = this.pass(images, options);
      return { ...this.interpret(decoded), indices, quantizerLoss };
    });
  }

  /** As {@link forward}, with what the decoder says instead of the images that it stands for. */
  pass(images: tf.Tensor4D, { quantize = true, ...options }: ForwardOptions = {}): ViTVQPass {
    return tf.tidy(() => {
      const latents = this.latents(images);
      const { quantized, indices, loss } = this.quantizer.quantize(latents, options);
      const decoded = this.decodeLatents(quantize ? quantized : likeCodes(latents, this.quantizer.codebook));
      return { decoded, indices, quantizerLoss: loss };
    });
  }

  /**
   * What the decoder says to images, not clamped.
   * @throws {ConfigError} for an odd number of channels with logit-laplace
   */
  interpret(decoded: tf.Tensor4D): ViTVQImages {
    return tf.tidy(() => {
      if (this.output === 'pixels') return { reconstruction: this.#denormalize(decoded) };
      const channels = decoded.shape[3];
      if (channels % 2 !== 0) {
        throw new ConfigError({
          where: 'ViTVQ',
          expected: "a decoder with an even number of channels for output 'logit-laplace' (means, then scales)",
          got: `${channels} channels`,
          fix: "Give the decoder twice the image's channels.",
        });
      }
      const [mean, logScale] = tf.split(decoded, 2, 3) as [tf.Tensor4D, tf.Tensor4D];
      return { reconstruction: logitLaplaceImage(mean), logitLaplace: { mean, logScale } };
    });
  }

  /**
   * Images `[B, H, W, C]` in [0, 1] to int32 tokens `[B, N]`, raster order (`[B, N, L]` with a code
   * depth L).
   */
  encode(images: tf.Tensor4D): tf.Tensor2D | tf.Tensor3D {
    return tf.tidy(() => this.quantizer.quantize(this.latents(images)).indices);
  }

  /** Tokens to images `[B, H, W, C]`, clamped to [0, 1]: ready to be shown or saved. */
  decode(indices: tf.Tensor2D | tf.Tensor3D): tf.Tensor4D {
    return tf.tidy(() => tf.clipByValue(this.decodeUnclamped(indices), 0, 1));
  }

  /** As {@link decode}, without the clamp: what the reference's `decode_codes` returns. */
  decodeUnclamped(indices: tf.Tensor2D | tf.Tensor3D): tf.Tensor4D {
    const [rows, columns] = this.grid;
    const { codeDepth } = this.quantizer;
    const expected = codeDepth === 1 ? ['B', rows * columns] : ['B', rows * columns, codeDepth];
    assertShape(indices, expected, 'ViTVQ.decode', `This model has ${rows}x${columns} tokens an image.`);
    return tf.tidy(() => this.interpret(this.decodeLatents(this.quantizer.decode(indices))).reconstruction);
  }

  /** Images to tokens and back, clamped to [0, 1]. */
  reconstruct(images: tf.Tensor4D): tf.Tensor4D {
    return tf.tidy(() => this.decode(this.encode(images)));
  }

  #normalize(images: tf.Tensor4D): tf.Tensor4D {
    const { mean, deviation } = this.pixelNormalization;
    const centred = mean === 0 ? images : tf.sub<tf.Tensor4D>(images, mean);
    return deviation === 1 ? centred : tf.div(centred, deviation);
  }

  #denormalize(decoded: tf.Tensor4D): tf.Tensor4D {
    const { mean, deviation } = this.pixelNormalization;
    const scaled = deviation === 1 ? decoded : tf.mul<tf.Tensor4D>(decoded, deviation);
    return mean === 0 ? scaled : tf.add(scaled, mean);
  }
}

function projection(inFeatures: number, outFeatures: number, key: RandomKey): Linear {
  const initializer = torchLinearInitializer(inFeatures);
  return new Linear({ inFeatures, outFeatures, key, initializer, biasInitializer: initializer });
}
