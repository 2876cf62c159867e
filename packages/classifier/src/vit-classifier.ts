import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor2D, Tensor3D, Tensor4D, Variable } from '@tensorflow/tfjs-core';
import {
  assertFitsBudget,
  constantInitializer,
  Module,
  normalInitializer,
  parseOptions,
  patchGrid,
  split,
  toSize2D,
  type HostTensor,
  type ImageClassifier,
  type RandomKey,
} from '@vitvq/core';
import { Linear, PatchEmbedding, sinCosPositions2D, Transformer } from '@vitvq/layers';
import {
  classifierConfigSchema,
  type ResolvedClassifierConfig,
  type ViTClassifierConfig,
} from './vit-classifier-config.js';

/** Standard deviation of class token and learned positions at the start, as in ViT. */
const tokenStddev = 0.02;

/**
 * Vision transformer that classifies images (ViT, arXiv:2010.11929, section 3.1): patch embedding,
 * positions, pre-norm transformer, final layer norm, one vector by class token or mean, linear
 * head. Variables: `classToken` `[1, D]` with a class token, `positions` where these are learned,
 * `patchEmbedding.…`, `transformer.…` and `head.…`. Images and patches need not be square.
 *
 * The head is 0 at the start, as in section 3.2 of the paper, so that the first predictions are
 * even.
 */
export class ViTClassifier extends Module implements ImageClassifier {
  /** The config with its defaults. */
  readonly config: ResolvedClassifierConfig;
  /** Rows and columns of patches. */
  readonly grid: readonly [number, number];
  /** Height and width in pixels. */
  readonly imageSize: readonly [number, number];
  /** Number of classes, K. */
  readonly classes: number;
  readonly #patchEmbedding: PatchEmbedding;
  readonly #classToken: Variable<tf.Rank.R2> | undefined;
  readonly #fixedPositions: HostTensor | undefined;
  readonly #learnedPositions: Variable<tf.Rank.R2> | undefined;
  readonly #transformer: Transformer;
  readonly #head: Linear;

  /**
   * @param config  checked here
   * @param key  of the first weights
   * @param where  where the config comes from, for messages
   * @throws {ConfigError} naming every problem of the config at once
   */
  constructor(config: ViTClassifierConfig, key: RandomKey, where = 'ViTClassifier') {
    super();
    this.config = parseOptions(classifierConfigSchema, config, where);
    const { imageSize, patchSize, channels, dim, depth, pool, positions, classes, ...blocks } = this.config;
    this.grid = patchGrid(imageSize, patchSize, where);
    this.imageSize = toSize2D(imageSize);
    this.classes = classes;
    const [rows, columns] = this.grid;
    const leading = pool === 'class-token' ? 1 : 0;
    assertFitsBudget(key, { elements: rows * columns * dim }, `positions of ${rows}x${columns} tokens of width ${dim}`);
    assertFitsBudget(key, { variables: depth }, `${depth} blocks`);
    const [patchKey, tokenKey, positionKey, blockKey, headKey] = split(key, 5) as [
      RandomKey,
      RandomKey,
      RandomKey,
      RandomKey,
      RandomKey,
    ];
    this.#patchEmbedding = this.child(
      'patchEmbedding',
      new PatchEmbedding({ imageSize, patchSize, channels, dim, key: patchKey }),
    );
    const drawn = normalInitializer(tokenStddev);
    if (leading) this.#classToken = this.variable('classToken', drawn(tokenKey, [1, dim]));
    if (positions === 'sincos') this.#fixedPositions = sinCosPositions2D(dim, this.grid);
    else this.#learnedPositions = this.variable('positions', drawn(positionKey, [leading + rows * columns, dim]));
    const { numHeads, mlpDim, activation, recompute } = blocks;
    this.#transformer = this.child(
      'transformer',
      new Transformer({ dim, depth, numHeads, mlpDim, activation, recompute, key: blockKey }),
    );
    this.#head = this.child(
      'head',
      new Linear({ inFeatures: dim, outFeatures: classes, initializer: constantInitializer(0), key: headKey }),
    );
  }

  /**
   * Names of the results of {@link features}, in order: `embedding`, `blocks.0` and so on, `norm`,
   * `pooled`, `logits`.
   */
  get featureNames(): readonly string[] {
    return ['embedding', ...this.#transformer.featureNames, 'pooled', 'logits'];
  }

  /**
   * Maps images `[B, H, W, C]` in [0, 1] to logits `[B, K]`. Plain tensor code, which compiles; the
   * caller disposes of the result.
   * @throws {ShapeError} when the images have another size
   */
  logits(images: Tensor4D): Tensor2D {
    return tf.tidy(() => this.#head.apply(this.#pooled(this.#transformer.apply(this.#embed(images)))));
  }

  /**
   * Returns the output of every stage for images `[B, H, W, C]` in [0, 1], by name: tokens
   * `[B, N, D]` (`[B, 1 + N, D]` with a class token, which comes first), `pooled` `[B, D]` and
   * `logits` `[B, K]`. The caller disposes of all of them.
   * @throws {ShapeError} when the images have another size
   */
  features(images: Tensor4D): Record<string, Tensor> {
    return tf.tidy(() => {
      const embedding = this.#embed(images);
      const stages = this.#transformer.features(embedding);
      const pooled = this.#pooled(stages['norm']!);
      return { embedding, ...stages, pooled, logits: this.#head.apply(pooled) };
    });
  }

  /** Returns patches with their positions, after the class token where there is one. */
  #embed(images: Tensor4D): Tensor3D {
    const { mean, deviation } = this.config.pixelNormalization;
    const patches = this.#patchEmbedding.apply(tf.div(tf.sub(images, mean), deviation));
    const placed = this.#fixedPositions
      ? tf.add<Tensor3D>(patches, tf.tensor(this.#fixedPositions.data, [...this.#fixedPositions.shape]))
      : patches;
    const tokens = this.#classToken
      ? tf.concat<Tensor3D>([this.#repeated(this.#classToken, placed), placed], 1)
      : placed;
    return this.#learnedPositions ? tf.add(tokens, this.#learnedPositions) : tokens;
  }

  /** Repeats the class token for each image, `[B, 1, D]`. */
  #repeated(token: Tensor2D, { shape: [batch, , dim] }: Tensor3D): Tensor3D {
    return tf.add<Tensor3D>(tf.zeros([batch, 1, dim]), token);
  }

  /** Maps tokens to one vector an image, `[B, D]`. */
  #pooled(tokens: Tensor3D): Tensor2D {
    if (!this.#classToken) return tf.mean<Tensor2D>(tokens, 1);
    const [batch, , dim] = tokens.shape;
    return tf.reshape(tf.slice(tokens, [0, 0, 0], [batch, 1, dim]), [batch, dim]);
  }
}
