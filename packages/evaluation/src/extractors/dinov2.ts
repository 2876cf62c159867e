import * as tf from '@tensorflow/tfjs-core';
import type { TensorFile } from '@vitvq/checkpoint';
import { constantInitializer, DataError, maximumSize, type RandomKey } from '@vitvq/core';
import { LayerNorm, PatchEmbedding } from '@vitvq/layers';
import { z } from 'zod';
import type { NetworkFeatures } from './network-features.js';
import { ExtractorNetwork } from './extractor-network.js';
import { bytesOfImages } from './internal/bytes-of-images.js';
import { FrozenBlock } from './internal/frozen-block.js';
import type { WeightImport } from './internal/imported-weights.js';
import { normalizePixels } from './internal/normalize-pixels.js';
import { resizeImages } from './internal/resize-images.js';
import { resizePositions } from './internal/resize-positions.js';
import { TensorShapes } from './internal/tensor-shapes.js';
import { blockWeights, normWeights, patchWeight, sameTensor, type BlockNames } from './internal/transformer-weights.js';

/** Pixels of ImageNet. */
const statistics = { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] } as const;

const epsilon = 1e-6;
const headWidth = 64;
/** Height and width of images for which the field takes features. */
const side = 224;

const count = z.int().min(1).max(maximumSize);

/** Schema of the config of a {@link DINOv2}. */
export const dinov2Schema = z
  .strictObject({
    kind: z.literal('dinov2'),
    size: count,
    patchSize: count,
    width: count,
    depth: count,
    numHeads: count,
    mlpWidth: count,
    feedForward: z.enum(['gelu', 'swiglu']),
    /** Tokens beside those of patches and class. */
    registers: z.int().min(0).max(maximumSize),
  })
  .refine(({ width, numHeads }) => width % numHeads === 0, 'expected a width that is a multiple of numHeads');

/** Config of a {@link DINOv2}, read off the weights. */
export type DINOv2Config = z.output<typeof dinov2Schema>;

/** Letters of the published sizes by width. */
const letters: Readonly<Record<number, string>> = { 384: 's', 768: 'b', 1024: 'l', 1536: 'g' };

/**
 * Vision transformer of DINOv2 (Oquab et al. 2023, arXiv:2304.07193), with and without registers
 * (Darcet et al. 2023, arXiv:2309.16588), at 224 pixels. The table of positions is resized when the
 * weights are imported, as the authors' code does for images of 224 pixels: by a bicubic filter
 * with an offset of 0.1, and with averaging and no offset where there are registers. Images are
 * resized as clean-fid and the Fréchet distances of Stein et al. 2023 (arXiv:2306.04675) do, by
 * Pillow's bicubic filter on numbers that are not rounded.
 *
 * Features: `pooled` `[B, D]`, the class token after the last norm, and `spatial` `[B, H', W', D]`,
 * the tokens of patches after it.
 */
export class DINOv2 extends ExtractorNetwork {
  readonly kind = 'dinov2';
  readonly name: string;
  readonly config: DINOv2Config;
  readonly inputSize: readonly [number, number];
  readonly resize = { filter: 'bicubic', crop: 'none' } as const;
  readonly #embedding: PatchEmbedding;
  readonly #classToken: tf.Variable<tf.Rank.R2>;
  readonly #registers: tf.Variable<tf.Rank.R2> | undefined;
  readonly #positions: tf.Variable<tf.Rank.R2>;
  readonly #blocks: readonly FrozenBlock[];
  readonly #norm: LayerNorm;

  constructor(config: DINOv2Config, { key }: { readonly key: RandomKey }) {
    super();
    const { size, patchSize, width, depth, registers, ...block } = config;
    this.config = config;
    this.inputSize = [size, size];
    this.name = `dinov2-vit-${letters[width] ?? width}-${patchSize}${registers > 0 ? `-reg${registers}` : ''}`;
    const zeros = constantInitializer(0);
    this.#embedding = this.child('embedding', new PatchEmbedding({ imageSize: size, patchSize, dim: width, key }));
    const [rows, columns] = this.#embedding.grid;
    this.#classToken = this.variable('class', zeros(key, [1, width]));
    this.#registers = registers > 0 ? this.variable('registers', zeros(key, [registers, width])) : undefined;
    this.#positions = this.variable('positions', zeros(key, [rows * columns + 1, width]));
    this.#blocks = Array.from({ length: depth }, (_, index) =>
      this.child(`blocks.${index}`, new FrozenBlock({ ...block, width, epsilon, layerScale: true, key })),
    );
    this.#norm = this.child('norm', new LayerNorm({ dim: width, epsilon }));
  }

  /**
   * Computes the features of images `[B, H, W, 3]` in [0, 1].
   * @throws {ShapeError} @throws {ConfigError} when no weights were loaded
   */
  features(images: tf.Tensor4D): NetworkFeatures {
    this.assertLoaded('features');
    return tf.tidy(() => {
      const resized = resizeImages(bytesOfImages(images, 'DINOv2.features'), this.inputSize, this.resize);
      const patches = this.#embedding.apply(normalizePixels(resized, statistics)); // [B, N, D]
      const [batch, tokens, width] = patches.shape;
      const repeated = (token: tf.Tensor2D): tf.Tensor3D =>
        tf.tile(tf.reshape<tf.Rank.R3>(token, [1, token.shape[0], width]), [batch, 1, 1]);
      let x = tf.add<tf.Tensor3D>(tf.concat([repeated(this.#classToken), patches], 1), this.#positions);
      const registers = this.#registers?.shape[0] ?? 0;
      if (this.#registers) {
        const [first, rest] = tf.split(x, [1, tokens], 1) as [tf.Tensor3D, tf.Tensor3D];
        x = tf.concat([first, repeated(this.#registers), rest], 1);
      }
      for (const block of this.#blocks) x = block.apply(x);
      x = this.#norm.apply(x);
      const pooled = tf.reshape<tf.Rank.R2>(tf.slice(x, [0, 0, 0], [batch, 1, width]), [batch, width]);
      const places = tf.slice(x, [0, 1 + registers, 0], [batch, tokens, width]);
      return { pooled, spatial: tf.reshape<tf.Rank.R4>(places, [batch, ...this.#embedding.grid, width]) };
    });
  }
}

/** Names in which the authors' files differ from those of transformers. */
interface Layout {
  readonly embedding: string;
  readonly class: string;
  readonly registers: string;
  readonly positions: string;
  readonly blocks: string;
  readonly norm: string;
  readonly block: (name: string, isGated: boolean) => BlockNames;
}

const original: Layout = {
  embedding: 'patch_embed.proj',
  class: 'cls_token',
  registers: 'register_tokens',
  positions: 'pos_embed',
  blocks: 'blocks',
  norm: 'norm',
  block: (name, isGated) => ({
    attentionNorm: `${name}.norm1`,
    qkv: [{ weight: `${name}.attn.qkv.weight`, bias: `${name}.attn.qkv.bias` }],
    output: `${name}.attn.proj`,
    mlpNorm: `${name}.norm2`,
    hidden: `${name}.mlp.${isGated ? 'w12' : 'fc1'}`,
    projection: `${name}.mlp.${isGated ? 'w3' : 'fc2'}`,
    scales: [`${name}.ls1.gamma`, `${name}.ls2.gamma`],
  }),
};

const transformers: Layout = {
  embedding: 'embeddings.patch_embeddings.projection',
  class: 'embeddings.cls_token',
  registers: 'embeddings.register_tokens',
  positions: 'embeddings.position_embeddings',
  blocks: 'encoder.layer',
  norm: 'layernorm',
  block: (name, isGated) => ({
    attentionNorm: `${name}.norm1`,
    qkv: ['query', 'key', 'value'].map((part) => ({
      weight: `${name}.attention.attention.${part}.weight`,
      bias: `${name}.attention.attention.${part}.bias`,
    })),
    output: `${name}.attention.output.dense`,
    mlpNorm: `${name}.norm2`,
    hidden: `${name}.mlp.${isGated ? 'weights_in' : 'fc1'}`,
    projection: `${name}.mlp.${isGated ? 'weights_out' : 'fc2'}`,
    scales: [`${name}.layer_scale1.lambda1`, `${name}.layer_scale2.lambda1`],
  }),
};

/**
 * Finds the sizes of a DINOv2 in the names of its authors or of transformers.
 * @throws {DataError} for other networks
 */
export function findDinov2(opened: TensorFile): WeightImport & { readonly config: DINOv2Config } {
  const noun = 'DINOv2 of its authors or of transformers';
  const shapes = new TensorShapes(opened, noun);
  const layout = shapes.oneOf([original.class, transformers.class]) === original.class ? original : transformers;
  const [width, , patchSize] = shapes.of(`${layout.embedding}.weight`, 4) as [number, number, number];
  const [, positions] = shapes.of(layout.positions, 3) as [number, number];
  const isGated = !shapes.has(`${layout.block(`${layout.blocks}.0`, false).hidden}.weight`);
  const { hidden, projection } = layout.block(`${layout.blocks}.0`, isGated);
  shapes.of(`${hidden}.weight`, 2);
  const mlpWidth = shapes.of(`${projection}.weight`, 2)[1]!;
  const grid = Math.round(Math.sqrt(positions - 1));
  const size = Math.floor(side / patchSize) * patchSize;
  if (grid * grid !== positions - 1 || grid === 0 || size === 0) {
    const expected = `positions of a square of patches, which fit into ${side} pixels`;
    throw new DataError({ where: opened.file, expected, got: `${positions} positions of ${patchSize} pixels` });
  }
  const registers = shapes.has(layout.registers) ? shapes.of(layout.registers, 3)[1]! : 0;
  const config: DINOv2Config = {
    kind: 'dinov2',
    size,
    patchSize,
    width,
    depth: shapes.count(layout.blocks, `${hidden.slice(layout.blocks.length + 3)}.weight`),
    numHeads: width / headWidth,
    mlpWidth,
    feedForward: isGated ? 'swiglu' : 'gelu',
    registers,
  };
  const target = size / patchSize;
  return {
    config,
    weights: [
      patchWeight('embedding.weight', `${layout.embedding}.weight`, width, patchSize),
      sameTensor('embedding.bias', `${layout.embedding}.bias`, [width]),
      {
        variable: 'class',
        sources: [{ name: layout.class, shape: [1, 1, width] }],
        convert: ([token]) => ({ shape: [1, width], data: token!.data }),
      },
      ...(registers > 0
        ? [
            {
              variable: 'registers',
              sources: [{ name: layout.registers, shape: [1, registers, width] }],
              convert: ([token]: readonly { readonly data: Float32Array | Int32Array }[]) => ({
                shape: [registers, width],
                data: token!.data,
              }),
            },
          ]
        : []),
      {
        variable: 'positions',
        sources: [{ name: layout.positions, shape: [1, positions, width] }],
        convert: ([table]) => resizePositions(table!, grid, target, registers > 0),
      },
      ...Array.from({ length: config.depth }, (_, index) =>
        blockWeights(`blocks.${index}`, layout.block(`${layout.blocks}.${index}`, isGated), config),
      ).flat(),
      ...normWeights('norm', layout.norm, width),
    ],
    isIgnored: (name) => /(^|\.)mask_token$/.test(name),
    noun,
    fix: 'docs/feature-extractors.md lists the files that are read.',
  };
}
