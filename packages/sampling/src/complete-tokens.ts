import type { HostTokens, TokenShape } from '@vitvq/core';

/**
 * Tokens of images in the making as a decoder needs them, all there: one that is not known yet (-1) repeats the position above
 * it, in the first row the one before it. A decoder's attention sees it everywhere, so it should look like a likely neighbour.
 * @param tokens  `[B, N]`, `[B, N, L]`, such as `Sampler.stream` yields; not changed
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
