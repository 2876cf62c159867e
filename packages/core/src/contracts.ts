/**
 * Contracts between packages. Shape letters, one legend for the whole repository: B batch, H W image, C channels,
 * P patch, N tokens, D model width, E code width, K codebook size, L residual levels, M heads.
 */
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D, Variable } from '@tensorflow/tfjs-core';

export interface QuantizeResult {
  /** `[B, N, E]`; straight-through: its gradient reaches `z` unchanged. */
  readonly quantized: Tensor3D;
  /** int32 `[B, N]` (`[B, N, L]` with L residual levels), in `[0, K)`. */
  readonly indices: Tensor2D | Tensor3D;
  /** Scalar: codebook term + beta x commitment term, mean over B·N·E. */
  readonly loss: Scalar;
}

/** Turns features into codes and back. `decode(q.indices)` equals `q.quantized` up to rounding. */
export interface Quantizer {
  readonly codebookSize: number;
  readonly codeDim: number;
  /** Codes a token: 1, or L of a residual quantizer. */
  readonly levels: number;
  /** `z` `[B, N, E]`. Call it inside `tf.tidy`, or dispose of the three results. */
  quantize(z: Tensor3D): QuantizeResult;
  /** int32 indices, `[B, N]` or `[B, N, L]`, to `[B, N, E]`. */
  decode(indices: Tensor2D | Tensor3D): Tensor3D;
  namedVariables(): Map<string, Variable>;
  trainableVariables(): Variable[];
  dispose(): void;
}

/** Image to codes and back. */
export interface Tokenizer {
  readonly vocabSize: number;
  /** Rows and columns of tokens. */
  readonly grid: readonly [number, number];
  /** Codes a position: 1, or L residual levels. One that does not say is believed to have as many as are needed. */
  readonly levels?: number;
  /** Images `[B, H, W, C]` in [0, 1] to int32 tokens `[B, N]` in raster order (`[B, N, L]` with L residual levels). */
  encode(images: Tensor4D): Tensor2D | Tensor3D;
  decode(indices: Tensor2D | Tensor3D): Tensor4D;
}

/** Pure function of two tensors of the same shape; weights are applied by whoever composes losses. */
export type Loss = (prediction: Tensor, target: Tensor) => Scalar;

/** Feature maps `[B, H, W, C]` to tokens `[B, N, D]`. */
export interface Encoder {
  readonly grid: readonly [number, number];
  readonly dim: number;
  /** Height and width of the images, where it takes one size only. */
  readonly imageSize?: readonly [number, number];
  /** Names of what {@link features} returns, in order. */
  readonly featureNames?: readonly string[];
  encode(images: Tensor4D): Tensor3D;
  /**
   * What each stage makes of the images, by name, where the encoder lets one look inside: `[B, n, c]`, tokens and widths of
   * the stage's own. The last is what {@link encode} returns, so that whoever wants both runs the encoder once.
   */
  features?(images: Tensor4D): Record<string, Tensor3D>;
}

/** Tokens `[B, N, D]` to images `[B, H, W, C]`. */
export interface Decoder {
  readonly grid: readonly [number, number];
  readonly dim: number;
  /** Weight of the layer that makes the pixels: where the adaptive weight of an adversarial loss compares gradients. */
  readonly lastLayer?: Variable;
  decode(tokens: Tensor3D): Tensor4D;
}

/**
 * Tells real images from others. The shape of the logits is its own affair (`[B]`, or a map `[B, H', W', 1]`); losses take
 * means over all of them.
 */
export interface Discriminator {
  /** Height and width of the images, where it takes one size only. */
  readonly imageSize?: readonly [number, number];
  /**
   * Images `[B, H, W, C]` in [0, 1] to logits, higher for real ones. Differentiable twice, for R1. `training: false` keeps
   * statistics of batches, where there are any, out of logits and variables; without options it trains.
   */
  logits(images: Tensor4D, options?: { readonly training: boolean }): Tensor;
  trainableVariables(): Variable[];
  dispose(): void;
}

/** The two sides of an adversarial game, from logits of any shape. */
export interface AdversarialLoss {
  /** Tells it from others: a resumed training compares it. */
  readonly name?: string;
  /** What the generator minimises. */
  generator(fake: Tensor): Scalar;
  /** What the discriminator minimises; `fake` are logits of generated images. */
  discriminator(real: Tensor, fake: Tensor): Scalar;
}

/** How different pairs of images look, as features of a network that was trained on other images see them. */
export interface PerceptualLoss {
  /** Two batches `[B, H, W, C]` in [0, 1] to one distance a pair, `[B]`; 0 for equal images. Differentiable towards both. */
  distance(images: Tensor4D, reconstructions: Tensor4D): Tensor1D;
}
