import { assertFitsBudget, split, toSize2D, type RandomKey } from '@vitvq/core';
import { CNNDecoder, cnnDecoderReferenceWeights, CNNEncoder, cnnEncoderReferenceWeights } from '@vitvq/layers';
import { createQuantizer, quantizerReferenceWeights, quantizerSchema, type QuantizerKinds } from '@vitvq/quantizers';
import { z } from 'zod';
import type { CNNTokenizerConfig } from '../cnn-tokenizer-config.js';
import { cnnTokenizerReferenceWeights } from '../reference-weights.js';
import { VQTokenizer } from '../vq-tokenizer.js';
import type { ImportedArchitecture } from './architecture.js';
import { areValid, integer, pixelNormalizationSchema, positive, size2D } from './config-schemas.js';

const multipliers = z.array(positive).min(1).readonly();
const attentionResolutions = z.array(integer(0)).readonly().optional();

const cnnShape = z
  .strictObject({
    baseChannels: positive,
    channelMultipliers: multipliers,
    blocksPerResolution: positive,
    attentionResolutions,
  })
  .refine(
    ({ channelMultipliers, attentionResolutions: attended = [] }) =>
      attended.every((at) => at < channelMultipliers.length),
    {
      ...areValid({ channelMultipliers: multipliers, attentionResolutions }),
      path: ['attentionResolutions'],
      error: 'expected resolutions that channelMultipliers has, from 0 on',
    },
  );

const widths = z.object({ baseChannels: positive, channelMultipliers: multipliers });
const defaultGroups = 32;

function fitsGroups(
  name: 'encoder' | 'decoder',
): (config: Pick<CNNTokenizerConfig, 'numGroups' | typeof name>) => boolean {
  return ({ numGroups = defaultGroups, [name]: { baseChannels, channelMultipliers } }) =>
    [...(name === 'encoder' ? [1] : []), ...channelMultipliers].every(
      (multiplier) => (baseChannels * multiplier) % numGroups === 0,
    );
}

/** Returns the pixels of a token's side: every resolution but one halves the image. */
function pixelsPerToken({ encoder: { channelMultipliers } }: Pick<CNNTokenizerConfig, 'encoder'>): number {
  return 2 ** (channelMultipliers.length - 1);
}

const schema = (kinds: QuantizerKinds, more: z.ZodRawShape = {}) =>
  z
    .strictObject({
      architecture: z.literal('cnn'),
      imageSize: size2D,
      channels: positive.optional(),
      encoder: cnnShape,
      decoder: cnnShape,
      latentChannels: positive,
      numGroups: positive.optional(),
      quantizer: quantizerSchema(kinds),
      pixelNormalization: pixelNormalizationSchema,
      ...more,
    })
    .refine((config) => toSize2D(config.imageSize).every((side) => side % pixelsPerToken(config) === 0), {
      ...areValid({ imageSize: size2D, encoder: widths }),
      path: ['imageSize'],
      error: ({ input }) =>
        `expected a multiple of ${pixelsPerToken(input as CNNTokenizerConfig)}, the pixels of a token's side`,
    })
    .refine(({ encoder, decoder }) => encoder.channelMultipliers.length === decoder.channelMultipliers.length, {
      ...areValid({ encoder: widths, decoder: widths }),
      path: ['decoder', 'channelMultipliers'],
      error: 'expected as many resolutions as the encoder',
    })
    .refine(fitsGroups('encoder'), {
      ...areValid({ encoder: widths, numGroups: positive.optional() }),
      path: ['encoder', 'channelMultipliers'],
      error: 'expected channels in multiples of numGroups',
    })
    .refine(fitsGroups('decoder'), {
      ...areValid({ decoder: widths, numGroups: positive.optional() }),
      path: ['decoder', 'channelMultipliers'],
      error: 'expected channels in multiples of numGroups',
    });

function create(config: CNNTokenizerConfig<QuantizerKinds>, root: RandomKey, quantizers: QuantizerKinds): VQTokenizer {
  const { imageSize, channels, encoder, decoder, latentChannels, numGroups = defaultGroups } = config;
  for (const { blocksPerResolution } of [encoder, decoder]) {
    assertFitsBudget(root, { variables: blocksPerResolution }, `${blocksPerResolution} blocks of a resolution`);
  }
  const [encoderKey, quantizerKey, decoderKey, key] = split(root, 4) as [RandomKey, RandomKey, RandomKey, RandomKey];
  const shared = { imageSize, channels, numGroups, dim: latentChannels };
  return new VQTokenizer({
    encoder: new CNNEncoder({ ...shared, ...encoder, key: encoderKey }),
    quantizer: createQuantizer(config.quantizer, quantizerKey, quantizers),
    decoder: new CNNDecoder({ ...shared, ...decoder, key: decoderKey }),
    key,
    pixelNormalization: config.pixelNormalization ?? { mean: 0.5, deviation: 0.5 },
  });
}

/** Convolutional networks on both sides (VQGAN, arXiv:2012.09841; LlamaGen, arXiv:2406.06525). */
export const cnnArchitecture: ImportedArchitecture<CNNTokenizerConfig<QuantizerKinds>> = {
  schema,
  create,
  referenceWeights: ({ encoder, decoder, quantizer }, reference, where) => {
    const naming = reference === 'llama-gen' ? 'llama-gen' : 'taming';
    return cnnTokenizerReferenceWeights({
      encoder: cnnEncoderReferenceWeights(encoder, naming),
      decoder: cnnDecoderReferenceWeights(decoder, naming),
      quantizer: quantizerReferenceWeights(quantizer, where),
    });
  },
};
