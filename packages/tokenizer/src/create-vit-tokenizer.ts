import { z } from 'zod';
import {
  assertFitsBudget,
  patchGrid,
  randomKey,
  split,
  toSize2D,
  parseOptions,
  type RandomKey,
  type Size2D,
} from '@vitvq/core';
import { ViTDecoder, ViTEncoder, type Activation, type ViTOptions } from '@vitvq/layers';
import {
  createQuantizer,
  quantizerKinds,
  quantizerSchema,
  type BuiltInQuantizerKinds,
  type ConfiguredQuantizer,
  type QuantizerConfig,
  type QuantizerKinds,
} from '@vitvq/quantizers';
import { areValid, integer, pixelNormalizationSchema, positive, size2D } from './internal/config-schemas.js';
import { ViTVQ, type PixelNormalization, type ViTVQOutput } from './vq-tokenizer.js';

/** One transformer of the tokenizer. */
export interface TransformerSize {
  /** Width of a token, D. */
  readonly dim: number;
  /** Number of blocks. */
  readonly depth: number;
  readonly numHeads: number;
  /** Width of a head. @default dim / numHeads */
  readonly headDim?: number;
  /** Hidden width of the feed-forward layers. */
  readonly mlpDim: number;
}

/** A ViT-VQ tokenizer as data: everything but the seed. JSON holds it. */
export interface ViTVQConfig<K extends QuantizerKinds = BuiltInQuantizerKinds> {
  /** Pixels: one number, or `[height, width]`. */
  readonly imageSize: Size2D;
  /** Pixels of a token: one number, or `[height, width]`. */
  readonly patchSize: Size2D;
  /** @default 3 */
  readonly channels?: number;
  readonly encoder: TransformerSize;
  readonly decoder: TransformerSize;
  /** Turns latents into codes. */
  readonly quantizer: QuantizerConfig<K>;
  /** Of the feed-forward layers. @default 'tanh' */
  readonly activation?: Activation;
  /** @default 'sincos' */
  readonly positions?: ViTOptions['positions'];
  /** What the decoder predicts; see {@link ViTVQ}. @default 'pixels' */
  readonly output?: ViTVQOutput;
  /** See {@link ViTVQ}. @default { mean: 0, deviation: 1 } */
  readonly pixelNormalization?: PixelNormalization;
  /**
   * Less memory for about a third more time a training step; see `Transformer` of @vitvq/layers.
   * @default false
   */
  readonly recompute?: boolean;
}

/** An equal share of `dim` goes to each head, unless the config says how much. */
const transformerSize = z
  .strictObject({
    dim: positive,
    depth: positive,
    numHeads: positive,
    headDim: positive.optional(),
    mlpDim: positive,
  })
  .refine(({ dim, numHeads, headDim }) => headDim !== undefined || dim % numHeads === 0, {
    path: ['dim'],
    error: ({ input }) => `expected a multiple of numHeads ${(input as TransformerSize).numHeads}, or headDim`,
  });

const positionsSchema = z.enum(['sincos', 'learned']).optional();

/** Sines and cosines of rows and columns take a quarter each. */
const sinCosWidth = "expected a multiple of 4, or positions 'learned'";
function hasSinCosWidth(
  name: 'encoder' | 'decoder',
): (config: Pick<ViTVQConfig, typeof name | 'positions'>) => boolean {
  return ({ positions = 'sincos', [name]: { dim } }) => positions === 'learned' || dim % 4 === 0;
}

/** Returns the schema of {@link ViTVQConfig} and a seed; unknown keys are problems too. */
const viTVQConfigSchema = (kinds: QuantizerKinds) =>
  z
    .strictObject({
      imageSize: size2D,
      patchSize: size2D,
      channels: positive.optional(),
      encoder: transformerSize,
      decoder: transformerSize,
      quantizer: quantizerSchema(kinds),
      activation: z.enum(['tanh', 'gelu', 'gelu-tanh', 'relu', 'squared-relu', 'silu']).optional(),
      positions: positionsSchema,
      output: z.enum(['pixels', 'logit-laplace']).optional(),
      pixelNormalization: pixelNormalizationSchema,
      recompute: z.boolean().optional(),
      seed: integer(0),
    })
    .refine(({ imageSize, patchSize }) => isMultiple(imageSize, patchSize), {
      ...areValid({ imageSize: size2D, patchSize: size2D }),
      path: ['imageSize'],
      error: ({ input }) => `expected a multiple of patchSize ${toSize2D((input as ViTVQConfig).patchSize).join('x')}`,
    })
    .refine(hasSinCosWidth('encoder'), {
      ...areValid({ encoder: z.object({ dim: positive }), positions: positionsSchema }),
      path: ['encoder', 'dim'],
      error: sinCosWidth,
    })
    .refine(hasSinCosWidth('decoder'), {
      ...areValid({ decoder: z.object({ dim: positive }), positions: positionsSchema }),
      path: ['decoder', 'dim'],
      error: sinCosWidth,
    });

function isMultiple(imageSize: Size2D, patchSize: Size2D): boolean {
  const [height, width] = toSize2D(imageSize);
  const [patchHeight, patchWidth] = toSize2D(patchSize);
  return height % patchHeight === 0 && width % patchWidth === 0;
}

/**
 * Builds the paper's tokenizer from its parts: {@link ViTVQ} with a `ViTEncoder`, the config's
 * quantizer and a `ViTDecoder`. For other parts, call `new ViTVQ({ encoder, quantizer, decoder, key
 * })`.
 * @param config  a preset ({@link VIT_VQGAN_SMALL}, ...) or your own
 * @param options  `seed`: the initial weights are a function of it; an integer in [0, 2^53).
 *   `quantizers`: kinds of quantizers that the config may ask for, `{ ...quantizerKinds, mine }`
 *   for one of your own
 * @throws {ConfigError} naming every problem of config and seed at once
 */
export function createViTVQ<Q extends QuantizerConfig>(
  config: ViTVQConfig & { readonly quantizer: Q },
  options: { readonly seed: number },
): ViTVQ<ConfiguredQuantizer<Q>>;
export function createViTVQ<K extends QuantizerKinds, Q extends QuantizerConfig<K>>(
  config: ViTVQConfig<K> & { readonly quantizer: Q },
  options: { readonly seed: number; readonly quantizers: K },
): ViTVQ<ConfiguredQuantizer<Q, K>>;
export function createViTVQ(
  config: unknown,
  { seed, quantizers = quantizerKinds }: { readonly seed: number; readonly quantizers?: QuantizerKinds },
): ViTVQ {
  return buildViTVQ(config, seed, 'createViTVQ', quantizers);
}

/**
 * Builds the tokenizer of a config from anywhere; errors say `where` the config comes from.
 * @param random  the seed of the weights, or a key such as the one of `skipInitialization`
 * @throws {ConfigError}
 */
export function buildViTVQ(config: unknown, random: number | RandomKey, where: string, kinds: QuantizerKinds): ViTVQ {
  const seed = typeof random === 'number' ? random : 0;
  const {
    imageSize,
    patchSize,
    channels = 3,
    encoder,
    decoder,
    activation,
    positions,
    output = 'pixels',
    pixelNormalization,
    recompute,
    quantizer,
  }: ViTVQConfig<QuantizerKinds> = parseOptions(viTVQConfigSchema(kinds), { ...(config as ViTVQConfig), seed }, where);
  const root = typeof random === 'number' ? randomKey(seed) : random;
  const [rows, columns] = patchGrid(imageSize, patchSize, where);
  for (const { dim, depth } of [encoder, decoder]) {
    // Fixed positions are computed first of all.
    assertFitsBudget(
      root,
      { elements: rows * columns * dim },
      `positions of ${rows}x${columns} tokens of width ${dim}`,
    );
    assertFitsBudget(root, { variables: depth }, `${depth} blocks`);
  }
  const [encoderKey, quantizerKey, decoderKey, key] = split(root, 4) as [RandomKey, RandomKey, RandomKey, RandomKey];
  const shared = { imageSize, patchSize, activation, positions, recompute };
  return new ViTVQ({
    encoder: new ViTEncoder({ ...shared, ...encoder, channels, key: encoderKey }),
    quantizer: createQuantizer(quantizer, quantizerKey, kinds),
    decoder: new ViTDecoder({
      ...shared,
      ...decoder,
      channels: output === 'logit-laplace' ? 2 * channels : channels,
      key: decoderKey,
    }),
    key,
    output,
    pixelNormalization,
  });
}
