import { isQuantizer, noTokensError, type Bottleneck, type Quantizer } from '@vitvq/core';

/** Returns a bottleneck as a quantizer. @throws {ConfigError} where its latents are no codes */
export function quantizerOf(bottleneck: Bottleneck, where: string): Quantizer {
  if (isQuantizer(bottleneck)) return bottleneck;
  throw noTokensError(where);
}
