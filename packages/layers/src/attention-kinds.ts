import { ConfigError, parseOptions } from '@vitvq/core';
import { z } from 'zod';
import type { AttentionKind, AttentionMechanism, AttentionSetting, TokenLayout } from './attention-kind.js';
import { axialKind } from './axial-attention.js';
import { blockwiseKind } from './blockwise-attention.js';
import { linformerKind } from './linformer-attention.js';
import { performerKind } from './performer-attention.js';
import { fullKind } from './scaled-dot-product-attention.js';
import { stridedKind } from './strided-attention.js';
import { windowedKind } from './windowed-attention.js';

/** Kinds of attention of encoders and decoders, by the `kind` of their configs. */
export const attentionKinds = {
  full: fullKind,
  windowed: windowedKind,
  axial: axialKind,
  strided: stridedKind,
  linformer: linformerKind,
  performer: performerKind,
  blockwise: blockwiseKind,
} as const satisfies Readonly<Record<string, AttentionKind>>;

type Kinds = typeof attentionKinds;

/** Fields of a schema; a schema without fields asks for nothing. */
type Fields<S extends z.ZodObject> = z.input<S> extends Record<string, never> ? unknown : Readonly<z.input<S>>;

/** Attention as data that JSON holds: `kind`, and what the kind's schema asks for. */
export type AttentionConfig = {
  [T in keyof Kinds]: { readonly kind: T } & Fields<Kinds[T]['schema']>;
}[keyof Kinds];

/** Schema of an {@link AttentionConfig}. */
export const attentionSchema: z.ZodType<AttentionConfig, AttentionConfig> = z.discriminatedUnion(
  'kind',
  Object.entries<AttentionKind>(attentionKinds).map(([kind, { schema }]) =>
    schema.safeExtend({ kind: z.literal(kind) }),
  ) as unknown as [z.ZodObject<{ kind: z.ZodLiteral<string> }>],
) as unknown as z.ZodType<AttentionConfig, AttentionConfig>;

/** Returns the row of a config, and the config without its kind. */
function rowOf(config: AttentionConfig): readonly [AttentionKind, Record<string, unknown>] {
  const { kind, ...rest } = config;
  return [attentionKinds[kind], rest];
}

/**
 * Returns what these tokens would need of a config that is right on its own, to be read after
 * "expected"; undefined where both fit together.
 */
export function attentionProblem(config: AttentionConfig, layout: TokenLayout): string | undefined {
  const [row, rest] = rowOf(config);
  return row.problem?.(rest, layout);
}

/**
 * Throws unless a config is right and fits the tokens, where these are known.
 * @throws {ConfigError}
 */
export function assertAttention(config: AttentionConfig, layout: Partial<TokenLayout>, where: string): void {
  parseOptions(z.strictObject({ attention: attentionSchema }), { attention: config }, where);
  const { grid, depth } = layout;
  const problem = grid && attentionProblem(config, { grid, depth });
  if (problem === undefined) return;
  throw new ConfigError({ where, expected: `attention with ${problem}`, got: JSON.stringify(config) });
}

/**
 * Builds the mechanism of a config.
 * @throws {ConfigError} when the config is wrong or does not fit the tokens
 */
export function createAttention(config: AttentionConfig, setting: AttentionSetting, where: string): AttentionMechanism {
  assertAttention(config, { grid: setting.grid }, where);
  const [row, rest] = rowOf(config);
  return row.create(rest, setting);
}
