import { ConfigError } from '@vitvq/core';
import { LayerNorm } from './layer-norm.js';
import { RMSNorm } from './rms-norm.js';

/** Name of a norm over channels: `layer` is {@link LayerNorm}, `rms` {@link RMSNorm}. */
export type Norm = (typeof normNames)[number];

/** Every {@link Norm}, for schemas of configs. */
export const normNames = ['layer', 'rms'] as const;

/** Epsilon of norms unless another one is asked for. */
export const defaultNormEpsilon = 1e-5;

/**
 * Returns a norm over `dim` channels.
 * @throws {ConfigError} for another name
 */
export function createNorm(
  norm: Norm,
  { dim, normEpsilon: epsilon = defaultNormEpsilon }: { readonly dim: number; readonly normEpsilon?: number },
  where: string,
): LayerNorm | RMSNorm {
  switch (norm) {
    case 'layer':
      return new LayerNorm({ dim, epsilon });
    case 'rms':
      return new RMSNorm({ dim, epsilon });
    default:
      throw new ConfigError({
        where,
        expected: `a norm of ${normNames.join(', ')}`,
        got: `"${String(norm)}"`,
      });
  }
}
