import type { HostTokens, TokenShape } from '@vitvq/core';

/**
 * Fills in the tokens that are not drawn yet (-1), so that a tokenizer can decode images in the
 * making. Such a token repeats the token of the position above it, or in the first row that of the
 * position before it, because the decoder's attention sees it from everywhere and it should
 * resemble a likely neighbor.
 * @param tokens  `[B, N]` or `[B, N, L]`, such as `Sampler.stream` yields; not changed
 */
export function completeTokens(
  { data, shape }: HostTokens,
  { grid: [rows, columns], codeDepth }: Pick<TokenShape, 'grid' | 'codeDepth'>,
): HostTokens {
  const complete = data.slice();
  const [row, image] = [columns * codeDepth, rows * columns * codeDepth];
  complete.forEach((token, index) => {
    if (token !== -1) return;
    const within = index % image;
    complete[index] = (within >= row ? complete[index - row] : within >= codeDepth ? complete[index - codeDepth] : 0)!;
  });
  return { data: complete, shape };
}
