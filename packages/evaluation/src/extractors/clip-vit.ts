import * as tf from '@tensorflow/tfjs-core';
import type { TensorFile } from '@vitvq/checkpoint';
import { assertShape, ConfigError, constantInitializer, DataError, maximumSize, type RandomKey } from '@vitvq/core';
import { LayerNorm, PatchEmbedding } from '@vitvq/layers';
import { z } from 'zod';
import type { NetworkFeatures } from './network-features.js';
import { ExtractorNetwork } from './extractor-network.js';
import { activationBeside } from './internal/activation-beside.js';
import { bytesOfImages } from './internal/bytes-of-images.js';
import { FrozenBlock } from './internal/frozen-block.js';
import type { WeightImport } from './internal/imported-weights.js';
import { normalizePixels } from './internal/normalize-pixels.js';
import { resizeImages } from './internal/resize-images.js';
import { TensorShapes } from './internal/tensor-shapes.js';
import {
  blockWeights,
  normWeights,
  patchWeight,
  sameTensor,
  transposedTensor,
  zeroWeight,
  type BlockNames,
} from './internal/transformer-weights.js';

/** Pixels on which CLIP was trained. */
const statistics = {
  mean: [0.48145466, 0.4578275, 0.40821073],
  deviation: [0.26862954, 0.26130258, 0.27577711],
} as const;

const epsilon = 1e-5;
const count = z.int().min(1).max(maximumSize);
const towerShape = { width: count, depth: count, numHeads: count, mlpWidth: count };
const isDivided = ({ width, numHeads }: { readonly width: number; readonly numHeads: number }): boolean =>
  width % numHeads === 0;
const divided = 'expected a width that is a multiple of numHeads';

/** Schemas of the two kinds, whose weights were trained with different activations. */
export const clipSchemas = { 'clip-vit': schemaOf('clip-vit'), 'open-clip-vit': schemaOf('open-clip-vit') };

/** Name of a kind of CLIP. */
export type ClipKind = 'clip-vit' | 'open-clip-vit';

function schemaOf<K extends ClipKind>(kind: K) {
  return z.strictObject({
    kind: z.literal(kind),
    /** Width of the vectors that images and texts share. */
    embeddingWidth: count,
    image: z.strictObject({ size: count, patchSize: count, ...towerShape }).refine(isDivided, divided),
    text: z.strictObject({ vocabularySize: count, contextLength: count, ...towerShape }).refine(isDivided, divided),
  });
}

/** Config of a {@link ClipViT}, read off the weights. */
export type ClipConfig = z.output<(typeof clipSchemas)[ClipKind]>;

/** Letters of the published sizes by the width of the image tower. */
const letters: Readonly<Record<number, string>> = { 768: 'b', 1024: 'l', 1280: 'h', 1408: 'g', 1664: 'bigg' };

/**
 * Image and text tower of CLIP with a vision transformer (Radford et al. 2021, arXiv:2103.00020).
 * `pooled` and {@link textFeatures} are vectors of one space, before they are scaled to length 1:
 * the CLIP score is their cosine. Images are resized as CLIP's own preprocessing does: the shorter
 * side by Pillow's bicubic filter, and the middle cut out.
 *
 * Kinds: `clip-vit` has the quick GELU of OpenAI's weights, `open-clip-vit` the exact GELU with
 * which open_clip trained those of LAION and DataComp. The shapes of both are the same, and the
 * wrong one gives wrong features without an error.
 *
 * Features: `pooled` `[B, E]`, and `spatial` `[B, H', W', D]`, the outputs of the last block for
 * the patches. Variables: `image.*`, `text.*` and the scalar `logitScale`.
 */
export class ClipViT extends ExtractorNetwork {
  readonly kind: ClipKind;
  readonly name: string;
  readonly config: ClipConfig;
  readonly inputSize: readonly [number, number];
  readonly resize;
  readonly contextLength: number;
  readonly #embedding: PatchEmbedding;
  readonly #classEmbedding: tf.Variable<tf.Rank.R1>;
  readonly #positions: tf.Variable<tf.Rank.R2>;
  readonly #before: LayerNorm;
  readonly #blocks: readonly FrozenBlock[];
  readonly #after: LayerNorm;
  readonly #projection: tf.Variable<tf.Rank.R2>;
  readonly #tokenEmbeddings: tf.Variable<tf.Rank.R2>;
  readonly #textPositions: tf.Variable<tf.Rank.R2>;
  readonly #textBlocks: readonly FrozenBlock[];
  readonly #textNorm: LayerNorm;
  readonly #textProjection: tf.Variable<tf.Rank.R2>;
  /** Logarithm of the factor of cosines in logits. */
  readonly logitScale: tf.Variable<tf.Rank.R0>;

  constructor(config: ClipConfig, { key }: { readonly key: RandomKey }) {
    super();
    const { kind, image, text, embeddingWidth } = config;
    this.kind = kind;
    this.config = config;
    this.inputSize = [image.size, image.size];
    this.resize = { filter: 'bicubic-bytes', crop: 'center', shortSide: image.size } as const;
    this.contextLength = text.contextLength;
    const size = image.size === 224 ? '' : `-${image.size}px`;
    this.name = `${kind}-${letters[image.width] ?? image.width}-${image.patchSize}${size}`;
    const zeros = constantInitializer(0);
    const feedForward = kind === 'clip-vit' ? 'quick-gelu' : 'gelu';
    const blocksOf = (tower: 'image' | 'text', { depth, ...sizes }: typeof image | typeof text): FrozenBlock[] =>
      Array.from({ length: depth }, (_, index) =>
        this.child(
          `${tower}.blocks.${index}`,
          new FrozenBlock({ ...sizes, feedForward, epsilon, layerScale: false, key }),
        ),
      );
    const patches = { imageSize: image.size, patchSize: image.patchSize, dim: image.width, key };
    this.#embedding = this.child('image.embedding', new PatchEmbedding(patches));
    const [rows, columns] = this.#embedding.grid;
    this.#classEmbedding = this.variable('image.class', zeros(key, [image.width]));
    this.#positions = this.variable('image.positions', zeros(key, [rows * columns + 1, image.width]));
    this.#before = this.child('image.before', new LayerNorm({ dim: image.width, epsilon }));
    this.#blocks = blocksOf('image', image);
    this.#after = this.child('image.after', new LayerNorm({ dim: image.width, epsilon }));
    this.#projection = this.variable('image.projection', zeros(key, [image.width, embeddingWidth]));
    this.#tokenEmbeddings = this.variable('text.embedding', zeros(key, [text.vocabularySize, text.width]));
    this.#textPositions = this.variable('text.positions', zeros(key, [text.contextLength, text.width]));
    this.#textBlocks = blocksOf('text', text);
    this.#textNorm = this.child('text.after', new LayerNorm({ dim: text.width, epsilon }));
    this.#textProjection = this.variable('text.projection', zeros(key, [text.width, embeddingWidth]));
    this.logitScale = this.variable('logitScale', zeros(key, []));
  }

  /**
   * Computes the features of images `[B, H, W, 3]` in [0, 1].
   * @throws {ShapeError} @throws {ConfigError} when no weights were loaded
   */
  features(images: tf.Tensor4D): NetworkFeatures {
    this.assertLoaded('features');
    return tf.tidy(() => {
      const resized = resizeImages(bytesOfImages(images, 'ClipViT.features'), this.inputSize, this.resize);
      const patches = this.#embedding.apply(normalizePixels(resized, statistics)); // [B, N, D]
      const [batch, tokens, width] = patches.shape;
      const classes = tf.tile(tf.reshape<tf.Rank.R3>(this.#classEmbedding, [1, 1, width]), [batch, 1, 1]);
      let x: tf.Tensor3D = this.#before.apply(tf.add(tf.concat([classes, patches], 1), this.#positions));
      for (const block of this.#blocks) x = block.apply(x);
      const first = tf.reshape<tf.Rank.R2>(tf.slice(x, [0, 0, 0], [batch, 1, width]), [batch, width]);
      const pooled = tf.matMul<tf.Tensor2D>(this.#after.apply(first), this.#projection);
      const spatial = tf.reshape<tf.Rank.R4>(tf.slice(x, [0, 1, 0], [batch, tokens, width]), [
        batch,
        ...this.#embedding.grid,
        width,
      ]);
      return { pooled, spatial };
    });
  }

  /**
   * Computes the vectors `[B, E]` of texts.
   * @param tokens  int32 `[B, N]` of at most `contextLength` tokens by CLIP's own byte-pair
   *   encoding: the start token, the text, and the end token, which has the largest number and may
   *   be followed by others; what follows is not seen
   * @throws {ShapeError} @throws {ConfigError} for too many tokens, or when no weights were loaded
   */
  textFeatures(tokens: tf.Tensor2D): tf.Tensor2D {
    this.assertLoaded('textFeatures');
    assertShape(tokens, ['B', 'N'], 'ClipViT.textFeatures');
    const [batch, length] = tokens.shape;
    if (length > this.contextLength) {
      throw new ConfigError({
        where: 'ClipViT.textFeatures',
        expected: `at most ${this.contextLength} tokens`,
        got: `${length}`,
        fix: 'Shorten the texts; the last token is the end token.',
      });
    }
    return tf.tidy(() => {
      const { width } = this.config.text;
      const embedded = tf.gather<tf.Tensor>(this.#tokenEmbeddings, tf.cast(tokens, 'int32'));
      let x = tf.add<tf.Tensor3D>(embedded, tf.slice(this.#textPositions, [0, 0], [length, width]));
      const mask = causalMask(length);
      for (const block of this.#textBlocks) x = block.apply(x, mask);
      // The first of the largest numbers is the end token.
      const end = tf.cast(tf.argMax(tokens, 1), 'float32'); // [B]
      const places = tf.range(0, length, 1, 'float32'); // [N]
      const isEnd = tf.cast(tf.equal(places, tf.reshape(end, [batch, 1])), 'float32'); // [B, N]
      const last = tf.sum<tf.Tensor2D>(tf.mul(this.#textNorm.apply(x), tf.reshape(isEnd, [batch, length, 1])), 1);
      return tf.matMul<tf.Tensor2D>(last, this.#textProjection);
    });
  }
}

/** Returns 0 where a token sees another one, itself and those before it, and -1e9 elsewhere. */
function causalMask(length: number): tf.Tensor2D {
  const values = Float32Array.from({ length: length * length }, (_, at) =>
    at % length > Math.floor(at / length) ? -1e9 : 0,
  );
  return tf.tensor2d(values, [length, length]);
}

/** Heads of the image towers whose heads are wider than 64. */
const wideHeads: Readonly<Record<number, number>> = { 1280: 16, 1408: 16, 1664: 16 };

/** Names in which the files of OpenAI and open_clip differ from those of transformers. */
interface Layout {
  readonly image: Readonly<Record<'patches' | 'class' | 'positions' | 'before' | 'blocks' | 'after', string>>;
  readonly text: Readonly<Record<'embedding' | 'positions' | 'blocks' | 'after', string>>;
  /** Names of the projections, which are transposed in files of transformers. */
  readonly projections: readonly [image: string, text: string];
  readonly isTransposed: boolean;
  readonly block: (name: string) => BlockNames;
}

const openai: Layout = {
  image: {
    patches: 'visual.conv1.weight',
    class: 'visual.class_embedding',
    positions: 'visual.positional_embedding',
    before: 'visual.ln_pre',
    blocks: 'visual.transformer.resblocks',
    after: 'visual.ln_post',
  },
  text: {
    embedding: 'token_embedding.weight',
    positions: 'positional_embedding',
    blocks: 'transformer.resblocks',
    after: 'ln_final',
  },
  projections: ['visual.proj', 'text_projection'],
  isTransposed: false,
  block: (name) => ({
    attentionNorm: `${name}.ln_1`,
    qkv: [{ weight: `${name}.attn.in_proj_weight`, bias: `${name}.attn.in_proj_bias` }],
    output: `${name}.attn.out_proj`,
    mlpNorm: `${name}.ln_2`,
    hidden: `${name}.mlp.c_fc`,
    projection: `${name}.mlp.c_proj`,
  }),
};

const transformers: Layout = {
  image: {
    patches: 'vision_model.embeddings.patch_embedding.weight',
    class: 'vision_model.embeddings.class_embedding',
    positions: 'vision_model.embeddings.position_embedding.weight',
    before: 'vision_model.pre_layrnorm',
    blocks: 'vision_model.encoder.layers',
    after: 'vision_model.post_layernorm',
  },
  text: {
    embedding: 'text_model.embeddings.token_embedding.weight',
    positions: 'text_model.embeddings.position_embedding.weight',
    blocks: 'text_model.encoder.layers',
    after: 'text_model.final_layer_norm',
  },
  projections: ['visual_projection.weight', 'text_projection.weight'],
  isTransposed: true,
  block: (name) => ({
    attentionNorm: `${name}.layer_norm1`,
    qkv: ['q', 'k', 'v'].map((part) => ({
      weight: `${name}.self_attn.${part}_proj.weight`,
      bias: `${name}.self_attn.${part}_proj.bias`,
    })),
    output: `${name}.self_attn.out_proj`,
    mlpNorm: `${name}.layer_norm2`,
    hidden: `${name}.mlp.fc1`,
    projection: `${name}.mlp.fc2`,
  }),
};

/** Tensors beside the weights: tables of indices, and numbers of the scripts of OpenAI. */
const ignored = /(^|\.)(position_ids|attn_mask|input_resolution|context_length|vocab_size|logit_bias)$/;

/**
 * Finds the sizes of a CLIP in the names of OpenAI, open_clip or transformers.
 * @throws {DataError} for other networks, and for a kind whose activation is not the one that a
 *   config of transformers beside the file states
 */
export async function findClip(
  kind: ClipKind,
  opened: TensorFile,
): Promise<WeightImport & { readonly config: ClipConfig }> {
  const noun = 'CLIP with a vision transformer, of OpenAI, open_clip or transformers';
  const shapes = new TensorShapes(opened, noun);
  const layout =
    shapes.oneOf([openai.image.patches, transformers.image.patches]) === openai.image.patches ? openai : transformers;
  const stated = layout === transformers ? await activationBeside(opened.file) : undefined;
  const meant = stated === undefined ? kind : stated === 'quick_gelu' ? 'clip-vit' : 'open-clip-vit';
  if (meant !== kind) {
    throw new DataError({
      where: opened.file,
      expected: `weights of kind ${kind}`,
      got: `${meant}: the config.json beside the file has hidden_act ${JSON.stringify(stated?.slice(0, 40))}`,
      fix: `Import it as ${meant}.`,
    });
  }
  const [width, , patchSize] = shapes.of(layout.image.patches, 4) as [number, number, number];
  const [positions] = shapes.of(layout.image.positions, 2) as [number];
  const [vocabularySize, textWidth] = shapes.of(layout.text.embedding, 2) as [number, number];
  const [contextLength] = shapes.of(layout.text.positions, 2) as [number];
  const projection = shapes.of(layout.projections[0], 2);
  const grid = Math.round(Math.sqrt(positions - 1));
  if (grid * grid !== positions - 1 || grid === 0) {
    throw new DataError({ where: opened.file, expected: 'positions of a square of patches', got: `${positions}` });
  }
  const towerOf = (blocks: string, towerWidth: number): { depth: number; mlpWidth: number } => {
    const { hidden } = layout.block(`${blocks}.0`);
    const depth = shapes.count(blocks, `${hidden.slice(blocks.length + 3)}.weight`);
    return { depth, mlpWidth: shapes.of(`${hidden}.weight`, 2)[0] ?? towerWidth };
  };
  const config: ClipConfig = {
    kind,
    embeddingWidth: projection[layout.isTransposed ? 0 : 1]!,
    image: {
      size: grid * patchSize,
      patchSize,
      width,
      numHeads: wideHeads[width] ?? width / 64,
      ...towerOf(layout.image.blocks, width),
    },
    text: {
      vocabularySize,
      contextLength,
      width: textWidth,
      numHeads: textWidth / 64,
      ...towerOf(layout.text.blocks, textWidth),
    },
  };
  return {
    config,
    weights: clipWeights(layout, config),
    isIgnored: (name) => ignored.test(name),
    noun,
    fix: 'docs/feature-extractors.md lists the files that are read.',
  };
}

function clipWeights(layout: Layout, { kind, embeddingWidth, image, text }: ClipConfig): WeightImport['weights'] {
  const feedForward = kind === 'clip-vit' ? 'quick-gelu' : 'gelu';
  const { isTransposed, projections } = layout;
  const blocksOf = (tower: 'image' | 'text', sizes: typeof image | typeof text): WeightImport['weights'] =>
    Array.from({ length: sizes.depth }, (_, index) =>
      blockWeights(`${tower}.blocks.${index}`, layout.block(`${layout[tower].blocks}.${index}`), {
        ...sizes,
        feedForward,
      }),
    ).flat();
  const projectionOf = (tower: 'image' | 'text', name: string, width: number): WeightImport['weights'][number] =>
    isTransposed
      ? transposedTensor(`${tower}.projection`, name, [embeddingWidth, width])
      : sameTensor(`${tower}.projection`, name, [width, embeddingWidth]);
  return [
    patchWeight('image.embedding.weight', layout.image.patches, image.width, image.patchSize),
    zeroWeight('image.embedding.bias', [image.width]),
    sameTensor('image.class', layout.image.class, [image.width]),
    sameTensor('image.positions', layout.image.positions, [(image.size / image.patchSize) ** 2 + 1, image.width]),
    ...normWeights('image.before', layout.image.before, image.width),
    ...blocksOf('image', image),
    ...normWeights('image.after', layout.image.after, image.width),
    projectionOf('image', projections[0], image.width),
    sameTensor('text.embedding', layout.text.embedding, [text.vocabularySize, text.width]),
    sameTensor('text.positions', layout.text.positions, [text.contextLength, text.width]),
    ...blocksOf('text', text),
    ...normWeights('text.after', layout.text.after, text.width),
    projectionOf('text', projections[1], text.width),
    sameTensor('logitScale', 'logit_scale', []),
  ];
}
