import { isAnyOrder, isMasked, type AnyTokenModel } from '@vitvq/transformers';
import { z } from 'zod';
import { anyOrderDecodingSchema, AnyOrderSampler } from './any-order-sampler.js';
import { maskedDecodingSchema, MaskedSampler } from './masked-sampler.js';
import type { OrderFreeSamplerOptions, TokenSampler } from './sample-options.js';
import { Sampler } from './sampler.js';

/**
 * Creates the sampler of a model: a {@link MaskedSampler}, an {@link AnyOrderSampler}, or a {@link
 * Sampler} of raster order. The caller disposes of it.
 * @throws {ConfigError}
 */
export function createSampler(model: AnyTokenModel, options: OrderFreeSamplerOptions = {}): TokenSampler {
  if (isMasked(model)) return new MaskedSampler(model, options);
  return isAnyOrder(model) ? new AnyOrderSampler(model, options) : new Sampler(model, options);
}

/**
 * Returns the schema of the decoding of a kind of transformer, which accepts none for models of
 * raster order: they have no choice.
 * @param kind  of a `TransformerSize`; undefined where there is no transformer
 */
export function decodingSchemaOf(kind: string | undefined): z.ZodType {
  if (kind === 'masked') return maskedDecodingSchema;
  if (kind === 'any-order') return anyOrderDecodingSchema;
  return z.never({ error: 'expected null: only masked and any-order transformers have a decoding' });
}
