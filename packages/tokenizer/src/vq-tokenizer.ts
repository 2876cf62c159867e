import * as tf from '@tensorflow/tfjs-core';
import {
  assertInRange,
  assertShape,
  checkOptions,
  ConfigError,
  formatShape,
  isQuantizer,
  Module,
  split,
  torchLinearInitializer,
  type Bottleneck,
  type Decoder,
  type Encoder,
  type OptionTable,
  type QuantizeContext,
  type RandomKey,
  type Tokenizer,
} from '@vitvq/core';
import { Linear } from '@vitvq/layers';
import { logitLaplaceImage, type LogitLaplaceParameters } from '@vitvq/losses';
import { likeCodes } from '@vitvq/quantizers';
import { mixNoise } from './internal/mix-noise.js';
import { areNested, fillUp, keepFirst } from './internal/nested-lengths.js';
import { quantizerOf } from './internal/quantizer-of.js';
import type { LatentNoise } from './latent-noise.js';

/** Meaning of the decoder's channels; see {@link VQTokenizerOptions.output}. */
export type VQTokenizerOutput = 'pixels' | 'logit-laplace';

/** Normalization of pixels: encoder and decoder see (x - mean) / deviation instead of a pixel x. */
export interface PixelNormalization {
  readonly mean: number;
  /** Positive divisor of centred pixels. */
  readonly deviation: number;
}

/** Options of {@link VQTokenizer.forward}. */
export interface ForwardOptions extends QuantizeContext {
  /**
   * Whether the decoder gets codes. With false the decoder gets the latents themselves (where codes
   * lie: of length 1 where codes have length 1, and so on), as in a plain autoencoder; indices and
   * quantizer loss are still returned. @default true
   */
  readonly quantize?: boolean;
  /**
   * How many tokens of each image the decoder gets, the first ones, int32 `[B]`: nested dropout.
   * Only with {@link VQTokenizerOptions.nestedLengths}. @default all
   */
  readonly lengths?: tf.Tensor1D;
  /** Noise in what the decoder gets, for a training step. @default none */
  readonly latentNoise?: LatentNoise;
}

/** Options of {@link VQTokenizer.encode} and {@link VQTokenizer.reconstruct}. */
export interface EncodeOptions {
  /**
   * Number of tokens, the first ones of all; only with {@link VQTokenizerOptions.nestedLengths}.
   * @default all
   */
  readonly tokens?: number;
}

/** Parts and options of a {@link VQTokenizer}. */
export interface VQTokenizerOptions<Q extends Bottleneck = Bottleneck> {
  readonly encoder: Encoder;
  readonly decoder: Decoder;
  /** Quantizer, or a bottleneck whose latents are no codes: such a tokenizer has no tokens. */
  readonly quantizer: Q;
  /** Key from which the two projections are drawn. */
  readonly key: RandomKey;
  /**
   * Meaning of the decoder's channels. `pixels`: the channels are the image, without a sigmoid (the
   * reference). `logit-laplace`: the decoder has twice the image's channels, first the mean in
   * logit space, then the logarithm of the scale, as the logit-laplace loss needs them; the image
   * is the sigmoid of the mean (paper, sec. 3.3; DALL-E, appendix A.3).
   * @default 'pixels'
   */
  readonly output?: VQTokenizerOutput;
  /**
   * Normalization of pixels. Pixels of mean 0 and deviation 1 let the model begin with what differs
   * between images instead of with their mean brightness. The normalization changes the encoder's
   * input and the output `pixels`, never what callers see.
   * @default { mean: 0, deviation: 1 }, as in the reference
   */
  readonly pixelNormalization?: PixelNormalization;
  /**
   * Numbers of tokens of which the tokenizer learns to make an image, ascending, the number of all
   * tokens last (nested dropout, Rippel et al. 2014, arXiv:1402.0915; FlexTok, arXiv:2502.13967).
   * In each training step an image has one of them, drawn with equal probability, and the decoder
   * gets zeros in place of the tokens after it, to which it adds their learned positions. So the
   * first tokens hold what matters most, and `encode` and `decode` may take fewer tokens.
   * Differs from FlexTok, which learns one vector for the tokens that are left out. Needs a
   * quantizer, whose latents are tokens.
   * @default none: all tokens alone
   */
  readonly nestedLengths?: readonly number[];
}

const vqTokenizerOptionNames: OptionTable<VQTokenizerOptions> = {
  encoder: 'required',
  decoder: 'required',
  quantizer: 'required',
  key: 'required',
  output: 'optional',
  pixelNormalization: 'optional',
  nestedLengths: 'optional',
};

const encodeOptionNames: OptionTable<EncodeOptions> = { tokens: 'optional' };

// Types, because only types fit the named tensors of tf.tidy; interfaces do not.
/** Images that a decoder's output stands for. */
export type VQTokenizerImages = {
  /**
   * Images `[B, H, W, C]`, not clamped: values outside [0, 1] are possible, and losses need them.
   */
  readonly reconstruction: tf.Tensor4D;
  /** Parameters of each value, `[B, H, W, C]`; only with `output: 'logit-laplace'`. */
  readonly logitLaplace?: { readonly [Name in keyof LogitLaplaceParameters]: tf.Tensor4D };
};

/** Results of {@link VQTokenizer.forward}. */
export type VQTokenizerForward<Indices = tf.Tensor2D | tf.Tensor3D | undefined> = VQTokenizerImages & {
  /**
   * Output of the decoder, `[B, H, W, C]` (`2C` with `output: 'logit-laplace'`), from which {@link
   * VQTokenizer.toImages} makes the images.
   */
  readonly decoded: tf.Tensor4D;
  /** What the quantizer got, `[B, N, E]`, as {@link VQTokenizer.latents} returns it. */
  readonly latents: tf.Tensor3D;
  /**
   * Tokens, int32 `[B, N]` (`[B, N, L]` with a code depth L); undefined where latents are no codes.
   */
  readonly indices: Indices;
  /**
   * Scalar: the quantizer's own loss, which is codebook term + beta x commitment term for a
   * `VectorQuantizer`.
   */
  readonly quantizerLoss: tf.Scalar;
  /** Scalar divergence of a `KLBottleneck`, in nats a latent; undefined of others. */
  readonly divergence?: tf.Scalar;
};

/**
 * Image tokenizer of any encoder, quantizer and decoder (ViT-VQGAN, arXiv:2110.04627, sec. 3): the
 * encoder, a projection to the low-dimensional space where codes are looked up ("factorized
 * codes"), the quantizer, a projection back, and the decoder.
 *
 * Variables: `encoder.*`, `preQuantization.*`, `quantizer.*`, `postQuantization.*`, `decoder.*`.
 * The two projections start as PyTorch's `nn.Linear` does, U(-1/sqrt(in), 1/sqrt(in)) for weight
 * and bias, as in the reference.
 *
 * With a bottleneck whose latents are no codes, such as `KLBottleneck` of @vitvq/quantizers, there
 * are no tokens: what needs them throws a `ConfigError`.
 *
 * Ownership: the tokenizer disposes of its parts; callers dispose of what the methods return.
 */
export class VQTokenizer<Q extends Bottleneck = Bottleneck> extends Module implements Tokenizer {
  readonly encoder: Encoder;
  readonly preQuantization: Linear;
  readonly quantizer: Q;
  readonly postQuantization: Linear;
  readonly decoder: Decoder;
  readonly output: VQTokenizerOutput;
  readonly pixelNormalization: PixelNormalization;
  /** Numbers of tokens that an image may have; undefined: all of them alone. */
  readonly nestedLengths: readonly number[] | undefined;

  /**
   * @throws {ConfigError} when encoder and decoder have different grids, the normalization is out
   *   of range, or the nested lengths are not ascending to the number of tokens
   *   or need tokens that there are none of
   */
  constructor(options: VQTokenizerOptions<Q>) {
    super();
    checkOptions<VQTokenizerOptions>(options, vqTokenizerOptionNames, 'VQTokenizer');
    const { encoder, decoder, quantizer, key, output = 'pixels' } = options;
    const { pixelNormalization = { mean: 0, deviation: 1 }, nestedLengths } = options;
    assertInRange(pixelNormalization.mean, 'pixelNormalization.mean', 'VQTokenizer', -Number.MAX_VALUE);
    assertInRange(pixelNormalization.deviation, 'pixelNormalization.deviation', 'VQTokenizer', Number.MIN_VALUE);
    if (encoder.grid[0] !== decoder.grid[0] || encoder.grid[1] !== decoder.grid[1]) {
      throw new ConfigError({
        where: 'VQTokenizer',
        expected: `a decoder with the encoder's grid of ${encoder.grid.join('x')} tokens`,
        got: decoder.grid.join('x'),
        fix: 'Give both the same image and patch size.',
      });
    }
    const tokens = encoder.grid[0] * encoder.grid[1];
    if (nestedLengths && !areNested(nestedLengths, tokens)) {
      throw new ConfigError({
        where: 'VQTokenizer',
        expected: `nestedLengths to be two or more ascending numbers of tokens, the last of them all ${tokens}`,
        got: formatShape(nestedLengths),
      });
    }
    if (nestedLengths) quantizerOf(quantizer, 'VQTokenizer, nestedLengths');
    const [preKey, postKey] = split(key) as [RandomKey, RandomKey];
    const { codeDim, featureDim = codeDim } = quantizer;
    this.encoder = this.child('encoder', encoder);
    this.preQuantization = this.child('preQuantization', projection(encoder.dim, featureDim, preKey));
    this.quantizer = this.child('quantizer', quantizer);
    this.postQuantization = this.child('postQuantization', projection(codeDim, decoder.dim, postKey));
    this.decoder = this.child('decoder', decoder);
    this.output = output;
    this.pixelNormalization = pixelNormalization;
    this.nestedLengths = nestedLengths && [...nestedLengths];
  }

  /** Whether latents are no codes, so that there are no tokens. */
  get isContinuous(): boolean {
    return !isQuantizer(this.quantizer);
  }

  /** Number of codes, K. @throws {ConfigError} where latents are no codes */
  get vocabSize(): number {
    return quantizerOf(this.quantizer, 'VQTokenizer.vocabSize').codebookSize;
  }

  /**
   * Number of codes of one token: 1, or L of a residual or a grouped quantizer.
   * @throws {ConfigError} where latents are no codes
   */
  get codeDepth(): number {
    return quantizerOf(this.quantizer, 'VQTokenizer.codeDepth').codeDepth;
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

  /** Names of {@link features}: the encoder's as `encoder.…`, then `latents` and `quantized`. */
  get featureNames(): readonly string[] {
    const ofEncoder = (this.encoder.featureNames ?? []).map((name) => `encoder.${name}`);
    return [...ofEncoder, 'latents', 'quantized'];
  }

  /**
   * Returns the shape of the uniform noise that the quantizer takes for a batch; undefined for a
   * quantizer that draws nothing.
   */
  noiseShape(batchSize: number): readonly number[] | undefined {
    return this.quantizer.noiseShape?.(batchSize, this.grid[0] * this.grid[1]);
  }

  /**
   * Returns the int32 tokens `[B, N]` of images, in raster order, or in the order of the latent
   * tokens of a 1-D tokenizer (`[B, N, L]` with a code depth L).
   * @param images  `[B, H, W, C]` in [0, 1]
   * @throws {ConfigError} for a number of tokens that the tokenizer cannot leave off at, and where
   *   latents are no codes
   */
  encode(images: tf.Tensor4D, options: EncodeOptions = {}): tf.Tensor2D | tf.Tensor3D {
    const { tokens } = checkOptions(options, encodeOptionNames, 'VQTokenizer.encode');
    if (tokens !== undefined) this.#assertLength(tokens, 'VQTokenizer.encode');
    const quantizer = quantizerOf(this.quantizer, 'VQTokenizer.encode');
    return tf.tidy(() => {
      const { indices } = quantizer.quantize(this.latents(images));
      if (tokens === undefined) return indices;
      const [batch, , ...levels] = indices.shape;
      return tf.slice(indices, [0, 0, ...levels.map(() => 0)], [batch, tokens, ...levels]);
    });
  }

  /**
   * Returns the images `[B, H, W, C]` of tokens. What becomes of a token that is no code differs
   * between quantizers and engines, as compiled code does not look at values: check tokens from
   * elsewhere with `assertTokensInRange` of @vitvq/core.
   * @param tokens  int32 `[B, N]` (`[B, N, L]` with a code depth L); with nested lengths, the first
   *   n tokens alone are enough
   * @param options  `clamp`: whether values are clamped to [0, 1], ready to be shown or saved; the
   *   reference's `decode_codes` does not clamp. @default true
   * @throws {ShapeError} when the tokens have another shape
   * @throws {ConfigError} where latents are no codes
   */
  decode(tokens: tf.Tensor2D | tf.Tensor3D, { clamp = true }: { readonly clamp?: boolean } = {}): tf.Tensor4D {
    const [rows, columns] = this.grid;
    const quantizer = quantizerOf(this.quantizer, 'VQTokenizer.decode');
    const { codeDepth } = quantizer;
    const count = tokens.shape[1];
    const isPart = this.nestedLengths !== undefined && count !== undefined && count >= 1 && count < rows * columns;
    const length = isPart ? count : rows * columns;
    const expected = codeDepth === 1 ? ['B', length] : ['B', length, codeDepth];
    assertShape(tokens, expected, 'VQTokenizer.decode', `This model has ${rows}x${columns} tokens an image.`);
    return tf.tidy(() => {
      const { reconstruction } = this.toImages(this.decodeLatents(quantizer.decode(tokens)));
      return clamp ? tf.clipByValue(reconstruction, 0, 1) : reconstruction;
    });
  }

  /**
   * Returns the reconstructions of images `[B, H, W, C]`, clamped to [0, 1]: tokens and back, or
   * the means of latents that are no codes and back.
   * @throws {ConfigError} for a number of tokens that the tokenizer cannot leave off at
   */
  reconstruct(images: tf.Tensor4D, options: EncodeOptions = {}): tf.Tensor4D {
    if (!this.isContinuous) return tf.tidy(() => this.decode(this.encode(images, options)));
    const { tokens } = checkOptions(options, encodeOptionNames, 'VQTokenizer.reconstruct');
    if (tokens !== undefined) this.#assertLength(tokens, 'VQTokenizer.reconstruct');
    return tf.tidy(() => {
      const { quantized } = this.quantizer.quantize(this.latents(images));
      return tf.clipByValue(this.toImages(this.decodeLatents(quantized)).reconstruction, 0, 1);
    });
  }

  /**
   * Returns a tokenizer of the first tokens alone, for everything that takes a `Tokenizer`: an
   * evaluation of this number of tokens, codes for a shorter transformer. It shares the variables.
   * @throws {ConfigError} for a tokenizer without nested lengths, and for another number of tokens
   *   than 1 to N
   */
  firstTokens(count: number): Tokenizer & Pick<VQTokenizer, 'imageSize' | 'codeDepth'> {
    this.#assertLength(count, 'VQTokenizer.firstTokens');
    const { vocabSize, codeDepth, imageSize } = this;
    return {
      vocabSize,
      codeDepth,
      imageSize,
      grid: [1, count],
      encode: (images) => this.encode(images, { tokens: count }),
      decode: (tokens) => this.decode(tokens),
    };
  }

  /**
   * Returns everything that a loss needs, from one pass. Without `training` and noise the results
   * are the same every time.
   * @param images  `[B, H, W, C]` in [0, 1]
   * @throws {ConfigError} for lengths without nested lengths
   */
  forward(
    images: tf.Tensor4D,
    { quantize = true, lengths, latentNoise, ...context }: ForwardOptions = {},
  ): VQTokenizerForward<ReturnType<Q['quantize']>['indices']> {
    if (lengths) this.#nestedLengths('VQTokenizer.forward');
    return tf.tidy(() => {
      const latents = this.latents(images);
      const { quantized, indices, loss, divergence } = this.quantizer.quantize(latents, context);
      const decoderLatents = quantize ? quantized : likeCodes(this.quantizer, latents);
      const noisy = latentNoise ? mixNoise(decoderLatents, latentNoise, this.quantizer) : decoderLatents;
      const decoded = this.#decode(noisy, lengths);
      return { ...this.toImages(decoded), decoded, latents, indices, quantizerLoss: loss, divergence };
    });
  }

  /**
   * Returns what the quantizer gets for images, `[B, N, E]`, not yet normalised.
   * @param images  `[B, H, W, C]` in [0, 1]
   */
  latents(images: tf.Tensor4D): tf.Tensor3D {
    return tf.tidy(() => this.preQuantization.apply(this.encoder.encode(this.#normalize(images))));
  }

  /**
   * Returns the output of every stage before the decoder, by name, from one pass: the encoder's
   * stages, then `latents` `[B, N, E]` as {@link latents} returns them, then `quantized`
   * `[B, N, E]`, the codes that the decoder gets for them. A linear probe is trained on these
   * (sec. 4.2). The quantizer gets no noise, so that the features are the same every time.
   * @param images  `[B, H, W, C]` in [0, 1]
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
   * Returns the decoder's output `[B, H, W, C]` (`2C` with `output: 'logit-laplace'`) for latents
   * `[B, N, E]`, quantized or not; with nested lengths, those of the first n tokens are enough.
   */
  decodeLatents(latents: tf.Tensor3D): tf.Tensor4D {
    return this.#decode(latents, undefined);
  }

  /**
   * Returns the images that the decoder's output stands for, not clamped.
   * @throws {ConfigError} for an odd number of channels with logit-laplace
   */
  toImages(decoded: tf.Tensor4D): VQTokenizerImages {
    return tf.tidy(() => {
      if (this.output === 'pixels') return { reconstruction: this.#denormalize(decoded) };
      const channels = decoded.shape[3];
      if (channels % 2 !== 0) {
        throw new ConfigError({
          where: 'VQTokenizer',
          expected: "a decoder with an even number of channels for output 'logit-laplace' (means, then scales)",
          got: `${channels} channels`,
          fix: "Give the decoder twice the image's channels.",
        });
      }
      const [mean, logScale] = tf.split(decoded, 2, 3) as [tf.Tensor4D, tf.Tensor4D];
      return { reconstruction: logitLaplaceImage(mean), logitLaplace: { mean, logScale } };
    });
  }

  #decode(latents: tf.Tensor3D, lengths: tf.Tensor1D | undefined): tf.Tensor4D {
    return tf.tidy(() => {
      const features = this.postQuantization.apply(latents);
      const complete = this.nestedLengths ? fillUp(features, this.grid[0] * this.grid[1]) : features;
      return this.decoder.decode(lengths ? keepFirst(complete, lengths) : complete);
    });
  }

  /** @throws {ConfigError} for a tokenizer without nested lengths */
  #nestedLengths(where: string): readonly number[] {
    if (this.nestedLengths) return this.nestedLengths;
    throw new ConfigError({
      where,
      expected: 'a tokenizer with nestedLengths, which makes images of fewer tokens',
      got: 'one that needs all of them',
      fix: 'Create and train it with nestedLengths.',
    });
  }

  /** @throws {ConfigError} for a number of tokens that images cannot have */
  #assertLength(count: number, where: string): void {
    const all = this.#nestedLengths(where).at(-1)!;
    if (Number.isInteger(count) && count >= 1 && count <= all) return;
    throw new ConfigError({ where, expected: `1 to ${all} tokens`, got: String(count) });
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
