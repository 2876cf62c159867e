import { z } from 'zod';
import { assertFitsBudget, randomKey, split, toSize2D, parseOptions, type RandomKey, type Size2D } from '@vitvq/core';
import { CNNDecoder, CNNEncoder, type CNNShape } from '@vitvq/layers';
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
import { ViTVQ, type PixelNormalization } from './vq-tokenizer.js';

/** A tokenizer with convolutions as data: everything but the seed. JSON holds it. */
export interface CNNVQConfig<K extends QuantizerKinds = BuiltInQuantizerKinds> {
  /**
   * Pixels: one number, or `[height, width]`; a multiple of 2^(levels - 1). The weights do not
   * depend on it.
   */
  readonly imageSize: Size2D;
  /** @default 3 */
  readonly channels?: number;
  readonly encoder: CNNShape;
  /** As many levels as the encoder. taming-transformers and LlamaGen have a block more in each. */
  readonly decoder: CNNShape;
  /** Channels between encoder and quantizer, and between quantizer and decoder (`z_channels`). */
  readonly latentChannels: number;
  /** Turns latents into codes. */
  readonly quantizer: QuantizerConfig<K>;
  /** Of the group norms. @default 32 */
  readonly numGroups?: number;
  /** See {@link ViTVQ}. @default { mean: 0.5, deviation: 0.5 }: encoder and decoder see [-1, 1] */
  readonly pixelNormalization?: PixelNormalization;
}

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
    ({ channelMultipliers, attentionResolutions: levels = [] }) => levels.every((at) => at < channelMultipliers.length),
    {
      ...areValid({ channelMultipliers: multipliers, attentionResolutions }),
      path: ['attentionResolutions'],
      error: 'expected levels that channelMultipliers has, from 0 on',
    },
  );

const widths = z.object({ baseChannels: positive, channelMultipliers: multipliers });
const defaultGroups = 32;

function fitsGroups(name: 'encoder' | 'decoder'): (config: Pick<CNNVQConfig, 'numGroups' | typeof name>) => boolean {
  return ({ numGroups = defaultGroups, [name]: { baseChannels, channelMultipliers } }) =>
    [...(name === 'encoder' ? [1] : []), ...channelMultipliers].every(
      (multiplier) => (baseChannels * multiplier) % numGroups === 0,
    );
}

/** Every level but one halves. */
function divisor({ encoder: { channelMultipliers } }: Pick<CNNVQConfig, 'encoder'>): number {
  return 2 ** (channelMultipliers.length - 1);
}

/** Returns the schema of {@link CNNVQConfig} and a seed; unknown keys are problems too. */
const cnnVQConfigSchema = (kinds: QuantizerKinds) =>
  z
    .strictObject({
      imageSize: size2D,
      channels: positive.optional(),
      encoder: cnnShape,
      decoder: cnnShape,
      latentChannels: positive,
      numGroups: positive.optional(),
      quantizer: quantizerSchema(kinds),
      pixelNormalization: pixelNormalizationSchema,
      seed: integer(0),
    })
    .refine((config) => toSize2D(config.imageSize).every((side) => side % divisor(config) === 0), {
      ...areValid({ imageSize: size2D, encoder: widths }),
      path: ['imageSize'],
      error: ({ input }) => `expected a multiple of ${divisor(input as CNNVQConfig)}, which the levels make one token`,
    })
    .refine(({ encoder, decoder }) => encoder.channelMultipliers.length === decoder.channelMultipliers.length, {
      ...areValid({ encoder: widths, decoder: widths }),
      path: ['decoder', 'channelMultipliers'],
      error: 'expected as many levels as the encoder',
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

/**
 * Builds a tokenizer with a convolutional encoder and decoder, as VQGAN (taming-transformers,
 * arXiv:2012.09841) and LlamaGen (arXiv:2406.06525) have: {@link ViTVQ} with a `CNNEncoder`, the
 * config's quantizer and a `CNNDecoder`. Their `quant_conv` and `post_quant_conv` are the
 * tokenizer's two projections. It trains like any other.
 * @param config  a preset ({@link VQGAN_F16}, {@link LLAMA_GEN_VQ_16}, ...) or your own
 * @param options  `seed`: the initial weights are a function of it; an integer in [0, 2^53).
 *   `quantizers`: kinds of quantizers that the config may ask for, `{ ...quantizerKinds, mine }`
 *   for one of your own
 * @throws {ConfigError} naming every problem of config and seed at once
 */
export function createCNNVQ<Q extends QuantizerConfig>(
  config: CNNVQConfig & { readonly quantizer: Q },
  options: { readonly seed: number },
): ViTVQ<ConfiguredQuantizer<Q>>;
export function createCNNVQ<K extends QuantizerKinds, Q extends QuantizerConfig<K>>(
  config: CNNVQConfig<K> & { readonly quantizer: Q },
  options: { readonly seed: number; readonly quantizers: K },
): ViTVQ<ConfiguredQuantizer<Q, K>>;
export function createCNNVQ(
  config: unknown,
  { seed, quantizers = quantizerKinds }: { readonly seed: number; readonly quantizers?: QuantizerKinds },
): ViTVQ {
  return buildCNNVQ(config, seed, 'createCNNVQ', quantizers);
}

/**
 * Builds the tokenizer of a config from anywhere; errors say `where` the config comes from.
 * @param random  the seed of the weights, or a key such as the one of `skipInitialization`
 * @throws {ConfigError}
 */
export function buildCNNVQ(config: unknown, random: number | RandomKey, where: string, kinds: QuantizerKinds): ViTVQ {
  const seed = typeof random === 'number' ? random : 0;
  const {
    imageSize,
    channels,
    encoder,
    decoder,
    latentChannels,
    numGroups = defaultGroups,
    pixelNormalization = { mean: 0.5, deviation: 0.5 },
    quantizer,
  }: CNNVQConfig<QuantizerKinds> = parseOptions(cnnVQConfigSchema(kinds), { ...(config as CNNVQConfig), seed }, where);
  const root = typeof random === 'number' ? randomKey(seed) : random;
  for (const { blocksPerResolution } of [encoder, decoder]) {
    assertFitsBudget(root, { variables: blocksPerResolution }, `${blocksPerResolution} blocks a level`);
  }
  const [encoderKey, quantizerKey, decoderKey, key] = split(root, 4) as [RandomKey, RandomKey, RandomKey, RandomKey];
  const shared = { imageSize, channels, numGroups, dim: latentChannels };
  return new ViTVQ({
    encoder: new CNNEncoder({ ...shared, ...encoder, key: encoderKey }),
    quantizer: createQuantizer(quantizer, quantizerKey, kinds),
    decoder: new CNNDecoder({ ...shared, ...decoder, key: decoderKey }),
    key,
    pixelNormalization,
  });
}
