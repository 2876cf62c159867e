import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor3D, Tensor4D, Variable } from '@tensorflow/tfjs-core';
import {
  assertInteger,
  assertShape,
  checkOptions,
  constantInitializer,
  Module,
  normalInitializer,
  patchGrid,
  split,
  toSize2D,
  type Decoder,
  type Encoder,
  type OptionTable,
  type RandomKey,
} from '@vitvq/core';
import { registerTransformer } from './internal/register-transformer.js';
import { PatchEmbedding, patchOptionNames, PixelProjection, type PatchOptions } from './patch-embedding.js';
import { Transformer, transformerOptionNames, type TransformerOptions } from './transformer.js';

/** Options of {@link ViT1DEncoder} and {@link ViT1DDecoder}. */
export type ViT1DOptions = PatchOptions &
  TransformerOptions & {
    /** Number of latent tokens, K: what an image becomes, in place of one token for each patch. */
    readonly latentTokens: number;
  };

const vit1DOptionNames: OptionTable<ViT1DOptions> = {
  ...patchOptionNames,
  ...transformerOptionNames,
  latentTokens: 'required',
};

/** Returns the initializer of tables of token vectors, N(0, 1/D), as in the authors' code. */
function tableInitializer(dim: number): ReturnType<typeof normalInitializer> {
  return normalInitializer(dim ** -0.5);
}

/** Repeats a table `[n, D]` for each image of a batch: `[B, n, D]`. */
function repeat(table: Tensor2D, batch: number): Tensor3D {
  return tf.tile(tf.expandDims<Tensor3D>(table, 0), [batch, 1, 1]);
}

/**
 * Turns images into a sequence of K tokens that have no place in the image (TiTok, Yu et al. 2024,
 * arXiv:2406.07550, sec. 3.2): patches with their positions and K learned latent tokens go through
 * one transformer, and the latent tokens alone come out. `grid` is `[1, K]`. Variables:
 * `patchPositions` `[N, D]`, `latentTokens` `[K, D]`, `patchEmbedding.…`, `blocks.0.…`, `norm.…`.
 *
 * Deviations from the authors' code: `latentTokens` is one table where theirs is the sum of two;
 * there is no class token and no norm before the first block, neither of which the paper has;
 * attention has no biases, as in the other transformers here; and the patches' positions start as
 * N(0, 1) instead of N(0, 1/D), with which short runs took longer to learn where patches lie.
 */
export class ViT1DEncoder extends Module implements Encoder {
  readonly grid: readonly [number, number];
  readonly imageSize: readonly [number, number];
  readonly dim: number;
  readonly #patchEmbedding: PatchEmbedding;
  readonly #patchPositions: Variable<tf.Rank.R2>;
  readonly #latentTokens: Variable<tf.Rank.R2>;
  readonly #transformer: Transformer;

  constructor(options: ViT1DOptions) {
    super();
    checkOptions(options, vit1DOptionNames, 'ViT1DEncoder', { allowOthers: true });
    const { imageSize, patchSize, dim, latentTokens, key } = options;
    const [rows, columns] = patchGrid(imageSize, patchSize, 'ViT1DEncoder');
    assertInteger(latentTokens, 'latentTokens', 'ViT1DEncoder');
    this.grid = [1, latentTokens];
    this.imageSize = toSize2D(imageSize);
    this.dim = dim;
    const [patchKey, positionKey, latentKey, transformerKey] = split(key, 4) as [
      RandomKey,
      RandomKey,
      RandomKey,
      RandomKey,
    ];
    this.#patchEmbedding = this.child('patchEmbedding', new PatchEmbedding({ ...options, key: patchKey }));
    // As large as embedded pixels, so that attention can tell places apart from the first step on.
    this.#patchPositions = this.variable('patchPositions', normalInitializer(1)(positionKey, [rows * columns, dim]));
    this.#latentTokens = this.variable('latentTokens', tableInitializer(dim)(latentKey, [latentTokens, dim]));
    this.#transformer = registerTransformer(new Transformer({ ...options, key: transformerKey }), (name, part) =>
      this.child(name, part),
    );
  }

  /** `embedding`, `blocks.0` and so on, `norm`. */
  get featureNames(): readonly string[] {
    return ['embedding', ...this.#transformer.featureNames];
  }

  /**
   * Encodes images `[B, H, W, C]` in [0, 1] to tokens `[B, K, D]`.
   * @throws {ShapeError} when the images have another size
   */
  encode(images: Tensor4D): Tensor3D {
    return tf.tidy(() => this.#latents(this.#transformer.apply(this.#embed(images))));
  }

  /**
   * Returns the output of every stage for images `[B, H, W, C]` by name: `embedding` and the blocks
   * as `[B, N + K, D]`, patches before latent tokens, and `norm` `[B, K, D]`, which is what {@link
   * encode} returns. The caller disposes of all of them.
   * @throws {ShapeError} when the images have another size
   */
  features(images: Tensor4D): Record<string, Tensor3D> {
    return tf.tidy(() => {
      const embedding = this.#embed(images);
      const { norm, ...blocks } = this.#transformer.features(embedding);
      return { embedding, ...blocks, norm: this.#latents(norm!) };
    });
  }

  #embed(images: Tensor4D): Tensor3D {
    const patches = tf.add<Tensor3D>(this.#patchEmbedding.apply(images), this.#patchPositions);
    return tf.concat([patches, repeat(this.#latentTokens, images.shape[0])], 1);
  }

  #latents(tokens: Tensor3D): Tensor3D {
    const patches = this.#patchPositions.shape[0];
    return tf.slice(tokens, [0, patches, 0], [tokens.shape[0], this.grid[1], this.dim]);
  }
}

/**
 * Turns K latent tokens into images, the mirror of `ViT1DEncoder` (TiTok, arXiv:2406.07550, sec.
 * 3.2): a mask token with the position of each patch and the latent tokens with theirs go through
 * one transformer, and the former become pixels. The output is linear, as that of `ViTDecoder`.
 * Variables: `maskToken` `[1, D]`, `patchPositions` `[N, D]`, `latentPositions` `[K, D]`,
 * `blocks.0.…`, `norm.…`, `pixels.weight`, `pixels.bias`.
 *
 * Deviations from the authors' code: those of `ViT1DEncoder`, but for the positions; the mask token
 * starts as zero; and the pixels come from one projection, without the 3x3 convolution after it.
 */
export class ViT1DDecoder extends Module implements Decoder {
  readonly grid: readonly [number, number];
  readonly dim: number;
  readonly #maskToken: Variable<tf.Rank.R2>;
  readonly #patchPositions: Variable<tf.Rank.R2>;
  readonly #latentPositions: Variable<tf.Rank.R2>;
  readonly #transformer: Transformer;
  readonly #pixels: PixelProjection;

  constructor(options: ViT1DOptions) {
    super();
    checkOptions(options, vit1DOptionNames, 'ViT1DDecoder', { allowOthers: true });
    const { imageSize, patchSize, dim, latentTokens, key } = options;
    const [rows, columns] = patchGrid(imageSize, patchSize, 'ViT1DDecoder');
    assertInteger(latentTokens, 'latentTokens', 'ViT1DDecoder');
    this.grid = [1, latentTokens];
    this.dim = dim;
    const [pixelKey, patchKey, latentKey, transformerKey] = split(key, 4) as [
      RandomKey,
      RandomKey,
      RandomKey,
      RandomKey,
    ];
    const table = tableInitializer(dim);
    this.#maskToken = this.variable('maskToken', constantInitializer(0)(key, [1, dim]));
    this.#patchPositions = this.variable('patchPositions', table(patchKey, [rows * columns, dim]));
    this.#latentPositions = this.variable('latentPositions', table(latentKey, [latentTokens, dim]));
    this.#transformer = registerTransformer(new Transformer({ ...options, key: transformerKey }), (name, part) =>
      this.child(name, part),
    );
    this.#pixels = this.child('pixels', new PixelProjection({ ...options, key: pixelKey }));
  }

  /** Weight of the projection to pixels, `[D, P·P·C]`. */
  get lastLayer(): Variable {
    return this.#pixels.weight;
  }

  /** Decodes tokens `[B, K, D]` to images `[B, H, W, C]`. @throws {ShapeError} */
  decode(tokens: Tensor3D): Tensor4D {
    assertShape(tokens, ['B', this.grid[1], this.dim], 'ViT1DDecoder.decode');
    return tf.tidy(() => {
      const [batch] = tokens.shape;
      const patches = this.#patchPositions.shape[0];
      const masked = repeat(tf.add<Tensor2D>(this.#maskToken, this.#patchPositions), batch);
      const sequence = tf.concat<Tensor3D>([masked, tf.add(tokens, this.#latentPositions)], 1);
      const drawn = tf.slice(this.#transformer.apply(sequence), [0, 0, 0], [batch, patches, this.dim]);
      return this.#pixels.apply(drawn);
    });
  }
}
