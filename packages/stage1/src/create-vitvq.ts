import { randomKey, split, toSize2D, type RandomKey, type Size2D } from '@vitvq/core';
import { ViTDecoder, ViTEncoder, type Activation, type ViTOptions } from '@vitvq/layers';
import { VectorQuantizer } from '@vitvq/quantizers';
import { parseOptions } from '@vitvq/training';
import { z } from 'zod';
import { ViTVQ, type PixelNormalization, type ViTVQOutput } from './vit-vq.js';

/** One transformer of the tokenizer. */
export interface TransformerSize {
  /** Width of a token, D. */
  readonly dim: number;
  /** Number of blocks. */
  readonly depth: number;
  readonly numHeads: number;
  /** Hidden width of the feed-forward layers. */
  readonly mlpDim: number;
}

/** A ViT-VQ tokenizer as data: everything but the seed. JSON holds it. */
export interface ViTVQConfig {
  /** Pixels: one number, or `[height, width]`. */
  readonly imageSize: Size2D;
  /** Pixels of a token: one number, or `[height, width]`. */
  readonly patchSize: Size2D;
  /** @default 3 */
  readonly channels?: number;
  readonly encoder: TransformerSize;
  readonly decoder: TransformerSize;
  /** K. */
  readonly codebookSize: number;
  /** E, the width of the space where codes are looked up. */
  readonly codeDim: number;
  /** Weight of the commitment term. @default 0.25 */
  readonly beta?: number;
  /** Whether features and codes are l2-normalised before they are compared. @default true */
  readonly normalize?: boolean;
  /** Whether the quantizer counts the use of its codes in training, which reviving dead ones needs. @default false */
  readonly trackUsage?: boolean;
  /** Of the feed-forward layers. @default 'tanh' */
  readonly activation?: Activation;
  /** @default 'sincos' */
  readonly positions?: ViTOptions['positions'];
  /** What the decoder predicts; see {@link ViTVQ}. @default 'pixels' */
  readonly output?: ViTVQOutput;
  /** See {@link ViTVQ}. @default { mean: 0, deviation: 1 } */
  readonly pixelNormalization?: PixelNormalization;
  /** Less memory for about a third more time a training step; see `Transformer` of @vitvq/layers. @default false */
  readonly recompute?: boolean;
}

/** Not `z.int()`, at whose problems zod stops: here all have to be told. */
const integer = (minimum: number): z.ZodNumber =>
  z.number().refine((value) => Number.isSafeInteger(value) && value >= minimum, {
    error: `expected an integer of at least ${minimum}`,
  });
const positive = integer(1);
const size2D = z.union([positive, z.tuple([positive, positive]).readonly()]);
/** An equal share of `dim` goes to each head. */
const transformerSize = z
  .strictObject({ dim: positive, depth: positive, numHeads: positive, mlpDim: positive })
  .refine(({ dim, numHeads }) => dim % numHeads === 0, {
    path: ['dim'],
    error: ({ input }) => `expected a multiple of numHeads ${(input as TransformerSize).numHeads}`,
  });

const positionsSchema = z.enum(['sincos', 'learned']).optional();

/** Sines and cosines of rows and columns take a quarter each. */
const sinCosWidth = "expected a multiple of 4, or positions 'learned'";
function hasSinCosWidth(
  name: 'encoder' | 'decoder',
): (config: Pick<ViTVQConfig, typeof name | 'positions'>) => boolean {
  return ({ positions = 'sincos', [name]: { dim } }) => positions === 'learned' || dim % 4 === 0;
}

/** Whether these options are right on their own, so that it makes sense to ask if they fit together. */
function areValid(shape: z.core.$ZodShape): { when: (payload: z.core.ParsePayload) => boolean } {
  const schema = z.object(shape);
  return { when: ({ value }) => z.safeParse(schema, value).success };
}

/** The schema of {@link ViTVQConfig} and a seed; unknown keys are problems too. */
const viTVQConfigSchema = z
  .strictObject({
    imageSize: size2D,
    patchSize: size2D,
    channels: positive.optional(),
    encoder: transformerSize,
    decoder: transformerSize,
    codebookSize: integer(2),
    codeDim: positive,
    beta: z.number().min(0).optional(),
    normalize: z.boolean().optional(),
    trackUsage: z.boolean().optional(),
    activation: z.enum(['tanh', 'gelu', 'gelu-tanh', 'relu', 'squared-relu', 'silu']).optional(),
    positions: positionsSchema,
    output: z.enum(['pixels', 'logit-laplace']).optional(),
    pixelNormalization: z.strictObject({ mean: z.number(), deviation: z.number().gt(0) }).optional(),
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
 * Builds the paper's tokenizer from its parts: {@link ViTVQ} with a `ViTEncoder`, a `VectorQuantizer` and a `ViTDecoder`.
 * For other parts, call `new ViTVQ({ encoder, quantizer, decoder, key })`.
 * @param config  a preset ({@link VIT_VQGAN_SMALL}, ...) or your own
 * @param options `seed`: the initial weights are a function of it; an integer in [0, 2^53)
 * @throws {ConfigError} naming every problem of config and seed at once
 */
export function createViTVQ(config: ViTVQConfig, { seed }: { readonly seed: number }): ViTVQ<VectorQuantizer> {
  const {
    imageSize,
    patchSize,
    channels = 3,
    encoder,
    decoder,
    codebookSize,
    codeDim,
    beta,
    normalize,
    trackUsage,
    activation,
    positions,
    output = 'pixels',
    pixelNormalization,
    recompute,
  }: ViTVQConfig = parseOptions(viTVQConfigSchema, { ...config, seed }, 'createViTVQ');
  const [encoderKey, quantizerKey, decoderKey, key] = split(randomKey(seed), 4) as [
    RandomKey,
    RandomKey,
    RandomKey,
    RandomKey,
  ];
  const shared = { imageSize, patchSize, activation, positions, recompute };
  return new ViTVQ({
    encoder: new ViTEncoder({ ...shared, ...encoder, channels, key: encoderKey }),
    quantizer: new VectorQuantizer({ codebookSize, codeDim, beta, normalize, trackUsage, key: quantizerKey }),
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
