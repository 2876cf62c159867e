import type { Bottleneck, ContinuousTokenizer, Quantizer } from './contracts.js';
import { ConfigError } from './errors.js';

/** Returns whether the latents of a bottleneck are codes. */
export function isQuantizer(bottleneck: Bottleneck): bottleneck is Quantizer {
  return 'decode' in bottleneck;
}

/** Returns whether a tokenizer says of itself that its latents are no codes. */
export function isContinuous(tokenizer: object): tokenizer is ContinuousTokenizer {
  return 'isContinuous' in tokenizer && tokenizer.isContinuous === true;
}

/**
 * Refuses a tokenizer whose latents are no codes, where tokens are needed.
 * @throws {ConfigError}
 */
export function assertHasTokens(tokenizer: object, where: string): void {
  if (isContinuous(tokenizer)) throw noTokensError(where);
}

/** Returns the error of a place that needs tokens of a tokenizer that has none. */
export function noTokensError(where: string): ConfigError {
  return new ConfigError({
    where,
    expected: 'a tokenizer of tokens, whose latents are codes',
    got: 'one whose latents are no codes (a quantizer such as kl)',
    fix: 'Train one with a quantizer of codes, such as { kind: vector } or { kind: fsq }.',
  });
}
