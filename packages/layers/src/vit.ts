import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor3D, Tensor4D, Variable } from '@tensorflow/tfjs-core';
import {
  assertShape,
  checkOptions,
  ConfigError,
  Module,
  normalInitializer,
  patchGrid,
  prefixReferenceWeights,
  split,
  toSize2D,
  type Decoder,
  type Encoder,
  type HostTensor,
  type OptionTable,
  type RandomKey,
  type ReferenceWeight,
} from '@vitvq/core';
import {
  PatchEmbedding,
  patchOptionNames,
  patchEmbeddingReferenceWeights,
  pixelProjectionReferenceWeights,
  type PatchOptions,
} from './patch-embedding.js';
import { createPixelHead, type PixelHead, type PixelHeadConfig } from './pixel-head.js';
import { registerTransformer } from './internal/register-transformer.js';
import { sinCosPositions2D } from './positions.js';
import {
  Transformer,
  transformerOptionNames,
  transformerReferenceWeights,
  type TransformerOptions,
} from './transformer.js';

/** Kind of positions: fixed sines and cosines (the reference) or a trained table (the paper). */
export type Positions = 'sincos' | 'learned';

/** Options of {@link ViTEncoder}, and most of those of {@link ViTDecoder}. */
export type ViTOptions = PatchOptions &
  Omit<TransformerOptions, 'grid'> & {
    /** @default 'sincos' */
    readonly positions?: Positions;
  };

const { grid: _grid, ...sharedOptionNames } = transformerOptionNames;

const vitOptionNames: OptionTable<ViTOptions> = {
  ...patchOptionNames,
  ...sharedOptionNames,
  positions: 'optional',
};

/** Options of {@link ViTDecoder}. */
export type ViTDecoderOptions = ViTOptions & {
  /** How tokens become pixels. @default { kind: 'linear' } */
  readonly pixels?: PixelHeadConfig;
};

const vitDecoderOptionNames: OptionTable<ViTDecoderOptions> = { ...vitOptionNames, pixels: 'optional' };

/** Standard deviation of a learned table at the start, as in ViT. */
const positionStddev = 0.02;

/** Positions that a ViT adds to its tokens: a constant of the module, or a variable of it. */
class PositionTable {
  readonly #fixed: HostTensor | undefined;
  readonly #learned: Variable<tf.Rank.R2> | undefined;

  constructor(
    { positions = 'sincos', dim }: ViTOptions,
    grid: readonly [number, number],
    key: RandomKey,
    where: string,
    register: (initial: HostTensor) => Variable<tf.Rank.R2>,
  ) {
    if (positions === 'sincos') this.#fixed = sinCosPositions2D(dim, grid);
    else if (positions === 'learned') {
      this.#learned = register(normalInitializer(positionStddev)(key, [grid[0] * grid[1], dim]));
    } else {
      throw new ConfigError({ where, expected: 'positions to be sincos or learned', got: `"${String(positions)}"` });
    }
  }

  /** Adds the table `[N, D]` to tokens `[B, N, D]`. */
  addTo(tokens: Tensor3D): Tensor3D {
    const table: Tensor = this.#learned ?? tf.tensor(this.#fixed!.data, [...this.#fixed!.shape]);
    return tf.add(tokens, table);
  }
}

/**
 * Turns images into tokens (ViT-VQGAN, arXiv:2110.04627, section 3.1): patch embedding, positions,
 * pre-norm transformer, final layer norm. The projection to the code width belongs to the
 * tokenizer. Variables: `patchEmbedding.…`, `blocks.0.…`, `norm.…`, and `positions` where these are
 * learned. Images and patches need not be square.
 *
 * Deviation: the reference gives heads 64 channels whatever `dim` is; here `headDim` defaults to
 * dim / numHeads, as in the paper.
 */
export class ViTEncoder extends Module implements Encoder {
  readonly grid: readonly [number, number];
  readonly imageSize: readonly [number, number];
  readonly dim: number;
  readonly #patchEmbedding: PatchEmbedding;
  readonly #positions: PositionTable;
  readonly #transformer: Transformer;

  constructor(options: ViTOptions) {
    super();
    checkOptions(options, vitOptionNames, 'ViTEncoder', { allowOthers: true });
    this.grid = patchGrid(options.imageSize, options.patchSize, 'ViTEncoder');
    this.imageSize = toSize2D(options.imageSize);
    this.dim = options.dim;
    const [patchKey, positionKey, transformerKey] = split(options.key, 3);
    this.#positions = new PositionTable(options, this.grid, positionKey!, 'ViTEncoder', (initial) =>
      this.variable('positions', initial),
    );
    this.#patchEmbedding = this.child('patchEmbedding', new PatchEmbedding({ ...options, key: patchKey! }));
    this.#transformer = registerTransformer(
      new Transformer({ ...options, grid: this.grid, key: transformerKey! }),
      (name, part) => this.child(name, part),
    );
  }

  /** `embedding`, `blocks.0` and so on, `norm`. */
  get featureNames(): readonly string[] {
    return ['embedding', ...this.#transformer.featureNames];
  }

  /**
   * Encodes images `[B, H, W, C]` in [0, 1] to tokens `[B, N, D]`.
   * @throws {ShapeError} when the images have another size
   */
  encode(images: Tensor4D): Tensor3D {
    return tf.tidy(() => this.#transformer.apply(this.#embed(images)));
  }

  /**
   * Returns the output of every stage for images `[B, H, W, C]`, `[B, N, D]` each, by name:
   * `embedding` is the patches with their positions, `norm` is what {@link encode} returns. The
   * caller disposes of all of them.
   * @throws {ShapeError} when the images have another size
   */
  features(images: Tensor4D): Record<string, Tensor3D> {
    return tf.tidy(() => {
      const embedding = this.#embed(images);
      return { embedding, ...this.#transformer.features(embedding) };
    });
  }

  #embed(images: Tensor4D): Tensor3D {
    return this.#positions.addTo(this.#patchEmbedding.apply(images));
  }
}

/**
 * Turns tokens into images, the mirror of `ViTEncoder`: positions, pre-norm transformer, final
 * layer norm, projection to pixels. The output is linear: it is not clamped and has no sigmoid (in
 * the paper a sigmoid belongs to the logit-Laplace loss alone). Variables: `blocks.0.…`, `norm.…`,
 * those of the last layers as `pixels.…` (`pixels.weight` and `pixels.bias` where these are
 * linear), and `positions` where these are learned.
 */
export class ViTDecoder extends Module implements Decoder {
  readonly grid: readonly [number, number];
  readonly dim: number;
  readonly #positions: PositionTable;
  readonly #transformer: Transformer;
  readonly #pixels: PixelHead;

  constructor(options: ViTDecoderOptions) {
    super();
    checkOptions(options, vitDecoderOptionNames, 'ViTDecoder', { allowOthers: true });
    const { pixels = { kind: 'linear' } } = options;
    this.grid = patchGrid(options.imageSize, options.patchSize, 'ViTDecoder');
    this.dim = options.dim;
    const [pixelKey, positionKey, transformerKey] = split(options.key, 3);
    this.#positions = new PositionTable(options, this.grid, positionKey!, 'ViTDecoder', (initial) =>
      this.variable('positions', initial),
    );
    this.#transformer = registerTransformer(
      new Transformer({ ...options, grid: this.grid, key: transformerKey! }),
      (name, part) => this.child(name, part),
    );
    this.#pixels = this.child('pixels', createPixelHead(pixels, { ...options, key: pixelKey! }));
  }

  /** Weight of the last layer: with `linear` pixels the projection, `[D, P·P·C]`. */
  get lastLayer(): Variable {
    return this.#pixels.weight;
  }

  /** Decodes tokens `[B, N, D]` to images `[B, H, W, C]`. @throws {ShapeError} */
  decode(tokens: Tensor3D): Tensor4D {
    assertShape(tokens, ['B', this.grid[0] * this.grid[1], this.dim], 'ViTDecoder.decode');
    return tf.tidy(() => this.#pixels.apply(this.#transformer.apply(this.#positions.addTo(tokens))));
  }
}

type ReferenceOptions = Pick<
  ViTOptions,
  'patchSize' | 'channels' | 'depth' | 'positions' | 'useOutputProjection' | 'attention'
>;

/**
 * Returns the weights of positions and transformer; the reference's names have the prefix
 * `transformer`, ours have not. The reference's table of positions (`en_pos_embedding`,
 * `de_pos_embedding`) is listed for learned positions only: a fixed one is computed here, not
 * loaded.
 */
function transformerAndPositions(options: ReferenceOptions, positionName: string): ReferenceWeight[] {
  const positions: ReferenceWeight = {
    name: 'positions',
    referenceName: positionName,
    fromReference: ({ shape, data }) => ({ shape: shape.slice(1), data }),
    toReference: ({ shape, data }) => ({ shape: [1, ...shape], data }),
  };
  return [
    ...(options.positions === 'learned' ? [positions] : []),
    ...transformerReferenceWeights(options).map((weight) => ({
      ...weight,
      referenceName: `transformer.${weight.referenceName}`,
    })),
  ];
}

/** Returns the weights of the reference's `ViTEncoder`. */
export function vitEncoderReferenceWeights(options: ReferenceOptions): ReferenceWeight[] {
  return [
    ...prefixReferenceWeights(patchEmbeddingReferenceWeights(options), 'patchEmbedding', 'to_patch_embedding.0'),
    ...transformerAndPositions(options, 'en_pos_embedding'),
  ];
}

/** Returns the weights of the reference's `ViTDecoder`. */
export function vitDecoderReferenceWeights(options: ReferenceOptions): ReferenceWeight[] {
  return [
    ...transformerAndPositions(options, 'de_pos_embedding'),
    ...prefixReferenceWeights(pixelProjectionReferenceWeights(options), 'pixels', 'to_pixel.1'),
  ];
}
