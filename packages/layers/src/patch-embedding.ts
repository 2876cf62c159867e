import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor3D, Tensor4D, Variable } from '@tensorflow/tfjs-core';
import {
  Module,
  assertInteger,
  assertShape,
  checkOptions,
  imageShapeAdvice,
  patchGrid,
  permuteHost,
  sameWeight,
  split,
  toSize2D,
  uniformInitializer,
  type HostTensor,
  type OptionTable,
  type RandomKey,
  type ReferenceWeight,
  type Size2D,
} from '@vitvq/core';

/** Options of {@link PatchEmbedding} and {@link PixelProjection}. */
export interface PatchOptions {
  /**
   * Size of the images in pixels, `[height, width]` or one number for a square; a multiple of
   * `patchSize`.
   */
  readonly imageSize: Size2D;
  /** Size of a patch in pixels, `[height, width]` or one number for a square. */
  readonly patchSize: Size2D;
  /** Width of a token. */
  readonly dim: number;
  /** Channels of the images. @default 3 */
  readonly channels?: number;
  readonly key: RandomKey;
}

/** Names of the options {@link PatchOptions}. */
export const patchOptionNames: OptionTable<PatchOptions> = {
  imageSize: 'required',
  patchSize: 'required',
  dim: 'required',
  channels: 'optional',
  key: 'required',
};

/** Sizes that patch embedding and pixel projection share. */
class PatchLayout {
  readonly grid: readonly [number, number];
  readonly image: readonly [number, number];
  readonly patch: readonly [number, number];
  readonly channels: number;
  /** Numbers in a patch. */
  readonly patchDim: number;

  constructor({ imageSize, patchSize, dim, channels = 3 }: PatchOptions, where: string) {
    this.grid = patchGrid(imageSize, patchSize, where);
    assertInteger(dim, 'dim', where);
    assertInteger(channels, 'channels', where);
    this.image = toSize2D(imageSize);
    this.patch = toSize2D(patchSize);
    this.channels = channels;
    this.patchDim = this.patch[0] * this.patch[1] * channels;
  }

  /** Cuts `[B, H, W, C]` to `[B·N, P·P·C]`, patches in raster order, as pixels within a patch. */
  toPatches(images: Tensor): Tensor {
    const [, columns] = this.grid;
    const [height, width] = this.patch;
    // [B·rows, P, columns, P·C]
    const strips = tf.reshape(images, [-1, height, columns, width * this.channels]);
    return tf.reshape(tf.transpose(strips, [0, 2, 1, 3]), [-1, this.patchDim]);
  }

  /** Joins patches to images: the inverse of `toPatches`. */
  toImages(patches: Tensor): Tensor4D {
    const [, columns] = this.grid;
    const [height, width] = this.patch;
    const strips = tf.reshape(patches, [-1, columns, height, width * this.channels]);
    return tf.reshape<tf.Rank.R4>(tf.transpose(strips, [0, 2, 1, 3]), [-1, ...this.image, this.channels]);
  }
}

/**
 * Returns the reference's bounds of the first values: Xavier on the `[D, P·P·C]` matrix for the
 * weight, PyTorch's default of convolutions for the bias.
 */
function bounds(dim: number, patchDim: number): { weight: number; bias: number } {
  return { weight: Math.sqrt(6 / (dim + patchDim)), bias: 1 / Math.sqrt(patchDim) };
}

/**
 * Cuts images into patches and projects each to a token: ViT's convolution whose stride is its
 * kernel size (Dosovitskiy et al. 2020), written as one 2-D matrix product. Variables: `weight`
 * `[P·P·C, D]` and `bias` `[D]`.
 */
export class PatchEmbedding extends Module {
  readonly grid: readonly [number, number];
  readonly dim: number;
  readonly #layout: PatchLayout;
  readonly #weight: Variable<tf.Rank.R2>;
  readonly #bias: Variable<tf.Rank.R1>;

  constructor(options: PatchOptions) {
    super();
    checkOptions(options, patchOptionNames, 'PatchEmbedding', { allowOthers: true });
    this.#layout = new PatchLayout(options, 'PatchEmbedding');
    this.grid = this.#layout.grid;
    this.dim = options.dim;
    const { patchDim } = this.#layout;
    const bound = bounds(this.dim, patchDim);
    const [weightKey, biasKey] = split(options.key);
    this.#weight = this.variable('weight', uniformInitializer(bound.weight)(weightKey!, [patchDim, this.dim]));
    this.#bias = this.variable('bias', uniformInitializer(bound.bias)(biasKey!, [this.dim]));
  }

  /**
   * Maps images `[B, H, W, C]` to tokens `[B, N, D]`.
   * @throws {ShapeError} when the images have another size
   */
  apply(images: Tensor4D): Tensor3D {
    const { image, channels } = this.#layout;
    assertShape(images, ['B', ...image, channels], 'PatchEmbedding.apply', imageShapeAdvice(images.shape, channels));
    return tf.tidy(() => {
      const patches = this.#layout.toPatches(images) as tf.Tensor2D;
      const tokens = tf.add(tf.matMul(patches, this.#weight), this.#bias);
      return tf.reshape(tokens, [images.shape[0], this.grid[0] * this.grid[1], this.dim]);
    });
  }
}

/**
 * Projects tokens to pixels and joins the patches: the transposed convolution at the end of the
 * reference's decoder, as one 2-D matrix product. Variables: `weight` `[D, P·P·C]` and `bias`
 * `[C]`, one number a channel.
 */
export class PixelProjection extends Module {
  readonly grid: readonly [number, number];
  readonly dim: number;
  readonly #layout: PatchLayout;
  readonly weight: Variable<tf.Rank.R2>;
  readonly #bias: Variable<tf.Rank.R1>;

  constructor(options: PatchOptions) {
    super();
    checkOptions(options, patchOptionNames, 'PixelProjection', { allowOthers: true });
    this.#layout = new PatchLayout(options, 'PixelProjection');
    this.grid = this.#layout.grid;
    this.dim = options.dim;
    const { patchDim, channels } = this.#layout;
    const bound = bounds(this.dim, patchDim);
    const [weightKey, biasKey] = split(options.key);
    this.weight = this.variable('weight', uniformInitializer(bound.weight)(weightKey!, [this.dim, patchDim]));
    this.#bias = this.variable('bias', uniformInitializer(bound.bias)(biasKey!, [channels]));
  }

  /** Maps tokens `[B, N, D]` to images `[B, H, W, C]`. @throws {ShapeError} */
  apply(tokens: Tensor3D): Tensor4D {
    assertShape(tokens, ['B', this.grid[0] * this.grid[1], this.dim], 'PixelProjection.apply');
    return tf.tidy(() => {
      const rows = tf.reshape<tf.Rank.R2>(tokens, [-1, this.dim]);
      return tf.add(this.#layout.toImages(tf.matMul(rows, this.weight)), this.#bias);
    });
  }
}

type PatchShape = Pick<PatchOptions, 'patchSize' | 'channels'>;

/** Returns the weights of the `nn.Conv2d` with stride = kernel: `[D, C, P, P]` there. */
export function patchEmbeddingReferenceWeights({ patchSize, channels = 3 }: PatchShape): ReferenceWeight[] {
  const [height, width] = toSize2D(patchSize);
  return [
    {
      name: 'weight',
      referenceName: 'weight',
      fromReference: (tensor) => matrix(permuteHost(tensor, [2, 3, 1, 0]), (shape) => [-1, shape[3]!]),
      toReference: ({ shape, data }) =>
        permuteHost({ shape: [height, width, channels, shape[1]!], data }, [3, 2, 0, 1]),
    },
    sameWeight('bias', 'bias'),
  ];
}

/** Returns the weights of the `nn.ConvTranspose2d` with stride = kernel: `[D, C, P, P]` there. */
export function pixelProjectionReferenceWeights({ patchSize, channels = 3 }: PatchShape): ReferenceWeight[] {
  const [height, width] = toSize2D(patchSize);
  return [
    {
      name: 'weight',
      referenceName: 'weight',
      fromReference: (tensor) => matrix(permuteHost(tensor, [0, 2, 3, 1]), (shape) => [shape[0]!, -1]),
      toReference: ({ shape, data }) =>
        permuteHost({ shape: [shape[0]!, height, width, channels], data }, [0, 3, 1, 2]),
    },
    sameWeight('bias', 'bias'),
  ];
}

/** Returns the same values as a matrix; -1 stands for the size that follows from the other. */
function matrix(
  { shape, data }: HostTensor,
  pick: (shape: readonly number[]) => readonly [number, number],
): HostTensor {
  const [rows, columns] = pick(shape);
  return { shape: rows < 0 ? [data.length / columns, columns] : [rows, data.length / rows], data };
}
