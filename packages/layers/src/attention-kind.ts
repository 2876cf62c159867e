import type { Tensor4D } from '@tensorflow/tfjs-core';
import { ConfigError, type RandomKey, type VariableOwner } from '@vitvq/core';
import type { z } from 'zod';

/** Computes what tokens take from each other, for queries, keys and values that are projected. */
export interface AttentionMechanism extends VariableOwner {
  /** Maps q, k and v `[B, M, N, headDim]` to `[B, M, N, headDim]`. */
  attend(q: Tensor4D, k: Tensor4D, v: Tensor4D): Tensor4D;
}

/** Tokens among which a transformer attends. */
export interface TokenLayout {
  /** Rows and columns; a sequence of N tokens has the grid `[1, N]`. */
  readonly grid: readonly [number, number];
  /** Number of blocks, where it is known. */
  readonly depth?: number;
}

/** Everything besides its config that a mechanism is built from. */
export interface AttentionSetting {
  readonly numHeads: number;
  readonly headDim: number;
  /** Rows and columns of tokens, where they are known; kinds that need them call `gridOf`. */
  readonly grid: readonly [number, number] | undefined;
  /** Number of the block, from 0. */
  readonly blockIndex: number;
  readonly key: RandomKey;
}

/** Row of the table of kinds: what a config of this kind looks like, and what it builds. */
export interface AttentionKind<S extends z.ZodObject = z.ZodObject> {
  /** Schema of a config without its `kind`; unknown keys are problems. */
  readonly schema: S;
  /**
   * Whether the result is that of full attention, so that weights that were trained with full
   * attention mean the same here.
   */
  readonly equalsFull: boolean;
  /**
   * Returns what these tokens would need of the config, to be read after "expected"; undefined for
   * a config that fits.
   */
  problem?(config: z.output<S>, layout: TokenLayout): string | undefined;
  /** Builds the mechanism of a config that was checked. */
  create(config: z.output<S>, setting: AttentionSetting): AttentionMechanism;
}

/** Returns the grid of a setting. @throws {ConfigError} where there is none */
export function gridOf({ grid }: AttentionSetting, kind: string): readonly [number, number] {
  if (grid) return grid;
  throw new ConfigError({
    where: 'MultiHeadAttention',
    expected: `grid, the rows and columns of the tokens, for attention of kind ${kind}`,
    got: 'none',
  });
}
