import { assertFitsBudget, ConfigError, patchGrid, split, toSize2D, type RandomKey, type Size2D } from '@vitvq/core';
import {
  activationNames,
  attentionProblem,
  attentionSchema,
  ViTDecoder,
  vitDecoderReferenceWeights,
  ViTEncoder,
  vitEncoderReferenceWeights,
} from '@vitvq/layers';
import { createQuantizer, quantizerReferenceWeights, quantizerSchema, type QuantizerKinds } from '@vitvq/quantizers';
import { z } from 'zod';
import { vitTokenizerReferenceWeights } from '../reference-weights.js';
import type { TransformerSize, ViTTokenizerConfig } from '../vit-tokenizer-config.js';
import { VQTokenizer } from '../vq-tokenizer.js';
import type { ImportedArchitecture } from './architecture.js';
import { areValid, pixelNormalizationSchema, positive, size2D } from './config-schemas.js';

/** Schema of the activation of feed-forward layers. */
export const activationSchema = z.enum(activationNames).optional();

const transformerShape = {
  dim: positive,
  depth: positive,
  numHeads: positive,
  headDim: positive.optional(),
  mlpDim: positive,
};

const pixelsSchema = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('linear') }),
    z.strictObject({
      kind: z.literal('convolutional'),
      width: positive.optional(),
      depth: positive.optional(),
      activation: activationSchema,
    }),
  ])
  .optional();

/** Returns whether each head gets an equal part of `dim`, unless the config has `headDim`. */
const headsFit = ({ dim, numHeads, headDim }: TransformerSize): boolean =>
  headDim !== undefined || dim % numHeads === 0;

const headsProblem: Parameters<z.ZodType<TransformerSize>['refine']>[1] = {
  path: ['dim'],
  error: ({ input }) => `expected a multiple of numHeads ${(input as TransformerSize).numHeads}, or headDim`,
};

/** Size of a transformer of full attention. */
export const transformerSize = z.strictObject(transformerShape).refine(headsFit, headsProblem);

const withAttention = { ...transformerShape, attention: attentionSchema.optional() };
const encoderSize = z.strictObject(withAttention).refine(headsFit, headsProblem);
const decoderSize = z.strictObject({ ...withAttention, pixels: pixelsSchema }).refine(headsFit, headsProblem);

type Sizes = Pick<ViTTokenizerConfig<QuantizerKinds>, 'imageSize' | 'patchSize' | 'encoder' | 'decoder'>;

/** Schema of the meaning of the decoder's channels. */
export const outputSchema = z.enum(['pixels', 'logit-laplace']).optional();

const positionsSchema = z.enum(['sincos', 'learned']).optional();

/** Sines and cosines of rows and of columns take a quarter of the width each. */
const sinCosWidth = "expected a multiple of 4, or positions 'learned'";

function hasSinCosWidth(
  name: 'encoder' | 'decoder',
): (config: Pick<ViTTokenizerConfig, typeof name | 'positions'>) => boolean {
  return ({ positions = 'sincos', [name]: { dim } }) => positions === 'learned' || dim % 4 === 0;
}

/** Returns what the tokens of an image would need of the attention of one side. */
function problemOfAttention(name: 'encoder' | 'decoder', config: Sizes): string | undefined {
  const {
    imageSize,
    patchSize,
    [name]: { attention, depth },
  } = config;
  // An image that is no whole number of patches is a problem of its own.
  if (!attention || !isMultiple(imageSize, patchSize)) return undefined;
  return attentionProblem(attention, { grid: patchGrid(imageSize, patchSize, 'attention'), depth });
}

const hasFittingAttention =
  (name: 'encoder' | 'decoder') =>
  (config: Sizes): boolean =>
    problemOfAttention(name, config) === undefined;

/** Returns what is said of attention that does not fit. */
const attentionMessage = (name: 'encoder' | 'decoder') => ({
  ...areValid({ imageSize: size2D, patchSize: size2D, [name]: name === 'encoder' ? encoderSize : decoderSize }),
  path: [name, 'attention'],
  error: ({ input }: { readonly input: unknown }) => `expected ${problemOfAttention(name, input as Sizes)}`,
});

/** Returns whether patches fill an image. */
export function isMultiple(imageSize: Size2D, patchSize: Size2D): boolean {
  const [height, width] = toSize2D(imageSize);
  const [patchHeight, patchWidth] = toSize2D(patchSize);
  return height % patchHeight === 0 && width % patchWidth === 0;
}

const schema = (kinds: QuantizerKinds, more: z.ZodRawShape = {}) =>
  z
    .strictObject({
      architecture: z.literal('vit'),
      imageSize: size2D,
      patchSize: size2D,
      channels: positive.optional(),
      encoder: encoderSize,
      decoder: decoderSize,
      quantizer: quantizerSchema(kinds),
      activation: activationSchema,
      positions: positionsSchema,
      output: outputSchema,
      pixelNormalization: pixelNormalizationSchema,
      recompute: z.boolean().optional(),
      ...more,
    })
    .refine(({ imageSize, patchSize }) => isMultiple(imageSize, patchSize), {
      ...areValid({ imageSize: size2D, patchSize: size2D }),
      path: ['imageSize'],
      error: ({ input }) =>
        `expected a multiple of patchSize ${toSize2D((input as ViTTokenizerConfig).patchSize).join('x')}`,
    })
    .refine(hasFittingAttention('encoder'), attentionMessage('encoder'))
    .refine(hasFittingAttention('decoder'), attentionMessage('decoder'))
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

function create(
  config: ViTTokenizerConfig<QuantizerKinds>,
  root: RandomKey,
  quantizers: QuantizerKinds,
  where: string,
): VQTokenizer {
  const { imageSize, patchSize, channels = 3, encoder, decoder, output = 'pixels', pixelNormalization } = config;
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
  const { activation, positions, recompute } = config;
  const shared = { imageSize, patchSize, activation, positions, recompute };
  return new VQTokenizer({
    encoder: new ViTEncoder({ ...shared, ...encoder, channels, key: encoderKey }),
    quantizer: createQuantizer(config.quantizer, quantizerKey, quantizers),
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

/** Vision transformers on both sides (ViT-VQGAN, arXiv:2110.04627, sec. 3). */
export const vitArchitecture: ImportedArchitecture<ViTTokenizerConfig<QuantizerKinds>> = {
  schema,
  create,
  referenceWeights: ({ encoder, decoder, quantizer, ...shared }, _reference, where) => {
    const { pixels = { kind: 'linear' } } = decoder;
    if (pixels.kind !== 'linear') {
      throw new ConfigError({ where, expected: 'decoder.pixels that the reference has: linear', got: pixels.kind });
    }
    return vitTokenizerReferenceWeights({
      encoder: vitEncoderReferenceWeights({ ...shared, ...encoder }),
      decoder: vitDecoderReferenceWeights({ ...shared, ...decoder }),
      quantizer: quantizerReferenceWeights(quantizer, where),
    });
  },
};
