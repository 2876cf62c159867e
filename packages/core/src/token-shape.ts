import { formatShape } from './checks.js';
import type { Tokenizer } from './contracts.js';
import { ConfigError } from './errors.js';

/**
 * The vocabulary and the shape of the tokens of one image, as tokenizers and transformers declare
 * them.
 */
export interface TokenShape {
  /** Number of codes, K. */
  readonly vocabSize: number;
  /** Rows and columns of tokens. */
  readonly grid: readonly [number, number];
  /** Codes a token: 1, or L of a residual or a grouped quantizer. */
  readonly codeDepth: number;
}

/**
 * Checks that a tokenizer has the vocabulary, grid and code depth of a model.
 * @throws {ConfigError} otherwise
 */
export function assertTokenizerFits(
  tokenizer: Pick<Tokenizer, 'vocabSize' | 'grid' | 'codeDepth'>,
  model: TokenShape,
  where: string,
): void {
  const { vocabSize, grid, codeDepth = model.codeDepth } = tokenizer;
  const problems = [
    vocabSize === model.vocabSize ? '' : `${vocabSize} codes for a vocabulary of ${model.vocabSize}`,
    formatShape(grid) === formatShape(model.grid)
      ? ''
      : `a grid of ${grid.join('x')} for one of ${model.grid.join('x')}`,
    codeDepth === model.codeDepth ? '' : `${codeDepth} code(s) a position for ${model.codeDepth}`,
  ].filter(Boolean);
  if (problems.length === 0) return;
  throw new ConfigError({
    where,
    expected: 'a tokenizer that fits the transformer',
    got: problems.join('; '),
    fix:
      'Make the transformer with { vocabSize: tokenizer.vocabSize, grid: tokenizer.grid }: ' +
      'a GPT for one code a position, an RQTransformer of the same code depth for residual codes.',
  });
}

/**
 * Returns the shape of the tokens of `images` images: `[B, N]`, or `[B, N, L]` with a code depth of
 * L.
 */
export function tokensShapeOf({ grid, codeDepth }: TokenShape, images: number): readonly number[] {
  const positions = grid[0] * grid[1];
  return codeDepth === 1 ? [images, positions] : [images, positions, codeDepth];
}

/** Checks that tokens have the grid and code depth of a model. @throws {ConfigError} otherwise */
export function assertTokensFit(shape: readonly number[], model: TokenShape, where: string): void {
  const expected = tokensShapeOf(model, shape[0]!);
  if (formatShape(shape) === formatShape(expected)) return;
  throw new ConfigError({
    where,
    expected: `tokens ${formatShape(expected)} of a grid of ${model.grid.join('x')} with ${model.codeDepth} code(s) a token`,
    got: formatShape(shape),
    fix: 'GPT takes one code a token, RQTransformer the code depth of a residual tokenizer; the grid is the tokenizer’s.',
  });
}
