/**
 * Contracts between packages. Shape letters, one legend for the whole repository: B batch,
 * H W image, C channels, P patch, N tokens, D model width, E code width, K codebook size,
 * L codes a token (code depth), M attention heads.
 */
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D, Variable } from '@tensorflow/tfjs-core';

/** Owner of variables under stable dotted names. `Module` implements it. */
export interface VariableOwner {
  /** Returns all variables by dotted name, in a stable order. */
  namedVariables(): Map<string, Variable>;
  /** Returns the variables that an optimizer moves, by dotted name. */
  namedTrainableVariables(): Map<string, Variable>;
  /** Returns the variables that an optimizer moves. */
  trainableVariables(): Variable[];
  /** Frees all variables; a second call does nothing. */
  dispose(): void;
}

/** What a bottleneck makes of features. */
export interface BottleneckResult {
  /** `[B, N, E]`, what the decoder gets; a quantizer's are values of codes. */
  readonly quantized: Tensor3D;
  /** Codes, of a quantizer; a bottleneck whose latents are no codes has none. */
  readonly indices?: Tensor2D | Tensor3D;
  /** Scalar that training adds to its loss, at least 0. */
  readonly loss: Scalar;
  /**
   * Scalar Kullback-Leibler divergence of the latents' distributions from the standard normal one,
   * in nats a latent. Present where latents are drawn from distributions.
   */
  readonly divergence?: Scalar;
}

/** What a quantizer makes of features. */
export interface QuantizeResult extends BottleneckResult {
  /**
   * int32 `[B, N]` (`[B, N, L]` with a code depth L above 1), in `[0, K)`, also of features that
   * are NaN; `quantized` or `loss` is NaN then.
   */
  readonly indices: Tensor2D | Tensor3D;
}

/** What one call brings to a quantizer, which may ignore all of it but the mask. */
export interface QuantizeContext {
  /**
   * Whether the call belongs to a training step, in which a quantizer may count codes, move
   * averages and mix codes.
   * @default false
   */
  readonly training?: boolean;
  /**
   * Temperature of a quantizer that mixes or draws codes, above 0. As a scalar tensor it may change
   * from step to step in compiled code.
   * @default the quantizer's own
   */
  readonly temperature?: number | Scalar;
  /** Uniform noise in [0, 1) of the shape that {@link Quantizer.noiseShape} returns. */
  readonly noise?: Tensor;
  /**
   * Which tokens are real, `[B, N]`: 1, or 0 for padding. Padded tokens count in no loss and change
   * no variable, whatever they hold; `quantized` is `z` there, and the index 0.
   * @default all are real
   */
  readonly mask?: Tensor2D;
}

/** Features that a codebook is set to. */
export interface CodebookFeatures {
  /**
   * Which features are real, of the shape of the features without the last axis: 1, or 0 for
   * padding, which no code is set to. At least one must be real.
   * @default all are real
   */
  readonly mask?: Tensor;
}

/** How codes start when a codebook is set to features. */
export interface CodebookInitialization extends CodebookFeatures {
  /**
   * Rounds of k-means on the features, starting from those that were picked; at least 0.
   * @default 0
   */
  readonly kMeansIterations?: number;
}

/** One table of codes. */
export interface CodebookTable {
  /**
   * Number of codes in the table: K, but for the parts of a product, whose codes together make K.
   */
  readonly size: number;
  /** Whether codes have length 1. */
  readonly normalized: boolean;
  /**
   * How often each code was chosen in training since the last reset, `[K]`, where it is counted.
   */
  readonly usage?: Variable;
  /**
   * Returns the codes as `decode` gives them, a new tensor `[size, E]`; those of a grouped or a
   * product quantizer have the channels of one group alone.
   */
  rows(): Tensor2D;
}

/** Codes that a quantizer learns, with what can be done to them from outside. */
export interface Codebook {
  /**
   * The tables: one, or one for each level of a residual quantizer or each group of a grouped or a
   * product quantizer where these do not share one.
   */
  readonly tables: readonly CodebookTable[];
  /** Whether what `decode` returns has length 1; sums of codes do not, nor do groups together. */
  readonly normalized: boolean;
  /**
   * Sets every code to a row of what its table quantizes: of `z`, for later levels of what the
   * levels before leave over of `z`, for groups of their channels of `z`.
   * @param z  features of a batch, `[..., E]`; with fewer rows than codes some codes start equal
   * @param uniform  uniform noise in [0, 1), one number a code of every table, which picks the rows
   */
  initialize(z: Tensor, uniform: Tensor1D, options?: CodebookInitialization): void;
  /**
   * Sets every code that was not chosen since the last reset to a row of what its table quantizes,
   * and counts anew. Present where every table has `usage`.
   * @param z  features of a batch, `[..., E]`
   * @param uniform  uniform noise in [0, 1), one number a code of every table, which picks the rows
   * @returns how many codes were set
   */
  readonly reset?: (z: Tensor, uniform: Tensor1D, options?: CodebookFeatures) => Scalar;
}

/**
 * How a residual quantizer refines codes that are fixed: the codes of each level are those of the
 * level before times `scale`, so that they are as small as what that level leaves over.
 */
export interface Refinement {
  /** Factor of each channel from one level to the next, in (0, 1). */
  readonly scale: readonly number[];
  /** Maps features `[B, N, E]` to the range that the codes of all levels together reach. */
  bound(z: Tensor3D): Tensor3D;
  /** Quantizes features that `bound` has mapped, or what a level leaves over of them. */
  quantize(bounded: Tensor3D, context?: QuantizeContext): QuantizeResult;
}

/**
 * What lies between the encoder and the decoder of an autoencoder: a {@link Quantizer}, or one
 * whose latents are no codes.
 */
export interface Bottleneck extends VariableOwner {
  /** Width of a latent that the decoder gets, E. */
  readonly codeDim: number;
  /** Width of the features that `quantize` takes. @default codeDim */
  readonly featureDim?: number;
  /**
   * How `quantized` passes its gradient to `z`: `straight-through`, unchanged; `rotation`, turned
   * and scaled as the code is towards the feature; `own`, as a differentiable function of `z`.
   * @default 'straight-through'
   */
  readonly gradient?: 'straight-through' | 'rotation' | 'own';
  /** Temperature without one in the context. Present where a training may set the temperature. */
  readonly temperature?: number;
  /** Present where codes are learned in tables. */
  readonly codebook?: Codebook;
  /**
   * Returns the shape of the uniform noise that the bottleneck takes in training. Present where it
   * draws.
   */
  readonly noiseShape?: (batch: number, tokens: number) => readonly number[];
  /**
   * Maps features to where latents `[B, N, E]` lie, without quantizing them or drawing: what the
   * decoder of an autoencoder gets in place of codes. Where it is missing, features are as codes,
   * but for the length where `codebook.normalized`.
   */
  readonly bound?: (z: Tensor3D) => Tensor3D;
  /**
   * Makes latents of `z` `[B, N, E]`, or as wide as `featureDim`. The caller disposes of the
   * results, or works in `tf.tidy`.
   */
  quantize(z: Tensor3D, context?: QuantizeContext): BottleneckResult;
}

/** Turns features into codes and back. `decode(q.indices)` equals `q.quantized` up to rounding. */
export interface Quantizer extends Bottleneck {
  readonly codebookSize: number;
  /** Codes a token: 1, or L of a residual or a grouped quantizer. */
  readonly codeDepth: number;
  /** Present where codes are fixed. */
  readonly refinement?: Refinement;
  /** Quantizes `z` `[B, N, E]`. The caller disposes of the three results, or works in `tf.tidy`. */
  quantize(z: Tensor3D, context?: QuantizeContext): QuantizeResult;
  /**
   * Returns the codes `[B, N, E]` of int32 indices in `[0, K)`, `[B, N]` or `[B, N, L]`. An index
   * out of range is an error or gives NaN, and never another code.
   */
  decode(indices: Tensor2D | Tensor3D): Tensor3D;
}

/** Turns images into codes and back. */
export interface Tokenizer {
  readonly vocabSize: number;
  /** Rows and columns of tokens. */
  readonly grid: readonly [number, number];
  /** Codes a token: 1, or L. Without it the number of codes is taken on trust. */
  readonly codeDepth?: number;
  /**
   * Turns images `[B, H, W, C]` in [0, 1] into int32 tokens `[B, N]` in raster order (`[B, N, L]`
   * with a code depth L above 1).
   */
  encode(images: Tensor4D): Tensor2D | Tensor3D;
  /** Turns tokens into images `[B, H, W, C]`. */
  decode(indices: Tensor2D | Tensor3D): Tensor4D;
}

/** Turns images into latents that are no codes, and back: there are no tokens. */
export interface ContinuousTokenizer {
  readonly isContinuous: true;
  /** Returns the reconstructions of images `[B, H, W, C]` in [0, 1]. */
  reconstruct(images: Tensor4D): Tensor4D;
}

/** Pure function of two tensors of the same shape; whoever composes losses applies the weights. */
export type Loss = (prediction: Tensor, target: Tensor) => Scalar;

/** Turns images `[B, H, W, C]` into tokens `[B, N, D]`. */
export interface Encoder extends VariableOwner {
  readonly grid: readonly [number, number];
  readonly dim: number;
  /** Height and width of the images, where the encoder takes one size only. */
  readonly imageSize?: readonly [number, number];
  /** Names of what {@link features} returns, in order. */
  readonly featureNames?: readonly string[];
  encode(images: Tensor4D): Tensor3D;
  /**
   * Returns the output of each stage by name, `[B, n, c]` with tokens and widths of the stage's
   * own. The last one is what {@link encode} returns, so that one run of the encoder gives both.
   */
  features?(images: Tensor4D): Record<string, Tensor3D>;
}

/** Turns tokens `[B, N, D]` into images `[B, H, W, C]`. */
export interface Decoder extends VariableOwner {
  readonly grid: readonly [number, number];
  readonly dim: number;
  /**
   * Weight of the layer that makes the pixels: the adaptive weight of an adversarial loss compares
   * gradients there.
   */
  readonly lastLayer?: Variable;
  decode(tokens: Tensor3D): Tensor4D;
}

/** Tells the classes of images. */
export interface ImageClassifier extends VariableOwner {
  /** Number of classes, K. */
  readonly classes: number;
  /** Height and width of the images, where the classifier takes one size only. */
  readonly imageSize?: readonly [number, number];
  /** Names of what {@link features} returns, in order. */
  readonly featureNames?: readonly string[];
  /** Maps images `[B, H, W, C]` in [0, 1] to logits `[B, K]`. */
  logits(images: Tensor4D): Tensor2D;
  /** Returns the output of each stage by name; the last one is what {@link logits} returns. */
  features?(images: Tensor4D): Record<string, Tensor>;
}

/**
 * Tells real images from others. The shape of the logits is its own affair (`[B]`, or a map
 * `[B, H', W', 1]`); losses take means over all of them.
 */
export interface Discriminator extends VariableOwner {
  /** Height and width of the images, where the discriminator takes one size only. */
  readonly imageSize?: readonly [number, number];
  /**
   * Turns images `[B, H, W, C]` in [0, 1] into logits, higher for real ones. Differentiable twice,
   * for R1. `training: false` keeps statistics of batches, where there are any, out of logits and
   * variables; without options the call counts as training.
   */
  logits(images: Tensor4D, options?: { readonly training: boolean }): Tensor;
}

/** Both sides of an adversarial game, as functions of logits of any shape. */
export interface AdversarialLoss {
  /** Name that a resumed training compares. */
  readonly name?: string;
  /** Returns what the generator minimises. */
  generator(fake: Tensor): Scalar;
  /** Returns what the discriminator minimises; `fake` are logits of generated images. */
  discriminator(real: Tensor, fake: Tensor): Scalar;
}

/** Compares pairs of images by the features of a network that was trained on other images. */
export interface PerceptualLoss {
  /**
   * Turns two batches `[B, H, W, C]` in [0, 1] into one distance a pair, `[B]`, 0 for equal images.
   * Differentiable towards both.
   */
  distance(images: Tensor4D, reconstructions: Tensor4D): Tensor1D;
}
