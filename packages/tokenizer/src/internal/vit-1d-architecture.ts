import { assertFitsBudget, patchGrid, split, toSize2D, type RandomKey } from '@vitvq/core';
import { ViT1DDecoder, ViT1DEncoder } from '@vitvq/layers';
import { createQuantizer, quantizerSchema, type QuantizerKinds } from '@vitvq/quantizers';
import { z } from 'zod';
import type { ViT1DTokenizerConfig } from '../vit-1d-tokenizer-config.js';
import { VQTokenizer } from '../vq-tokenizer.js';
import type { Architecture } from './architecture.js';
import { areValid, pixelNormalizationSchema, positive, size2D } from './config-schemas.js';
import { areNested } from './nested-lengths.js';
import { activationSchema, isMultiple, outputSchema, transformerSize } from './vit-architecture.js';

const nestedLengths = z.array(positive).readonly().optional();

const schema = (kinds: QuantizerKinds, more: z.ZodRawShape = {}) =>
  z
    .strictObject({
      architecture: z.literal('vit-1d'),
      imageSize: size2D,
      patchSize: size2D,
      channels: positive.optional(),
      latentTokens: positive,
      nestedLengths,
      encoder: transformerSize,
      decoder: transformerSize,
      quantizer: quantizerSchema(kinds),
      activation: activationSchema,
      output: outputSchema,
      pixelNormalization: pixelNormalizationSchema,
      recompute: z.boolean().optional(),
      ...more,
    })
    .refine(({ imageSize, patchSize }) => isMultiple(imageSize, patchSize), {
      ...areValid({ imageSize: size2D, patchSize: size2D }),
      path: ['imageSize'],
      error: ({ input }) =>
        `expected a multiple of patchSize ${toSize2D((input as ViT1DTokenizerConfig).patchSize).join('x')}`,
    })
    .refine(({ nestedLengths: lengths, latentTokens }) => !lengths || areNested(lengths, latentTokens), {
      ...areValid({ latentTokens: positive, nestedLengths }),
      path: ['nestedLengths'],
      error: ({ input }) =>
        `expected two or more ascending numbers of tokens, the last of them latentTokens ${(input as ViT1DTokenizerConfig).latentTokens}`,
    });

function create(
  config: ViT1DTokenizerConfig<QuantizerKinds>,
  root: RandomKey,
  quantizers: QuantizerKinds,
  where: string,
): VQTokenizer {
  const { imageSize, patchSize, channels = 3, encoder, decoder, output = 'pixels', pixelNormalization } = config;
  const { latentTokens, activation, recompute } = config;
  const [rows, columns] = patchGrid(imageSize, patchSize, where);
  for (const { dim, depth } of [encoder, decoder]) {
    assertFitsBudget(
      root,
      { elements: (rows * columns + latentTokens) * dim },
      `positions of ${rows}x${columns} patches and ${latentTokens} latent tokens of width ${dim}`,
    );
    assertFitsBudget(root, { variables: depth }, `${depth} blocks`);
  }
  const [encoderKey, quantizerKey, decoderKey, key] = split(root, 4) as [RandomKey, RandomKey, RandomKey, RandomKey];
  const shared = { imageSize, patchSize, latentTokens, activation, recompute };
  return new VQTokenizer({
    encoder: new ViT1DEncoder({ ...shared, ...encoder, channels, key: encoderKey }),
    quantizer: createQuantizer(config.quantizer, quantizerKey, quantizers),
    decoder: new ViT1DDecoder({
      ...shared,
      ...decoder,
      channels: output === 'logit-laplace' ? 2 * channels : channels,
      key: decoderKey,
    }),
    key,
    output,
    pixelNormalization,
    nestedLengths: config.nestedLengths,
  });
}

/** Vision transformers that draw K latent tokens from the patches (TiTok, arXiv:2406.07550). */
export const vit1DArchitecture: Architecture<ViT1DTokenizerConfig<QuantizerKinds>> = { schema, create };
