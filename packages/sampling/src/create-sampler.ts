import { isAnyOrder, isMasked, type AnyTokenModel } from '@vitvq/transformers';
import { AnyOrderSampler } from './any-order-sampler.js';
import { MaskedSampler } from './masked-sampler.js';
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
