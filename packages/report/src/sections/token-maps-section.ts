import { assertInteger, firstImages, formatShape, ShapeError, toRgbImages, type HostTensor } from '@vitvq/core';
import { codeColors } from '../code-colors.js';
import { imageCaptions } from '../internal/image-captions.js';
import type { ReportSection } from '../report-content.js';
import type { ReconstructionFacts } from '../report-facts.js';
import { tokenMap } from '../token-map.js';

/** Options of {@link tokenMapsSection}. */
export interface TokenMapsSectionOptions extends ReconstructionFacts {
  /** Tokens in raster order, image after image, each in `[0, K)`. */
  readonly indices: ArrayLike<number>;
  /** Rows and columns of tokens. */
  readonly grid: readonly [number, number];
  /** Number of codes, K. */
  readonly codebookSize: number;
  /** Codes `[K, E]` as the quantizer compares them; similar codes then get similar colours. */
  readonly codebook?: HostTensor;
  /** Number of images that are shown, from the first. @default 9 */
  readonly shown?: number;
}

/**
 * Shows the tokens of images as maps of colours, between originals and reconstructions.
 * @throws {ShapeError} when images, tokens, names and PSNR values do not fit each other
 * @throws {DataError} for a token outside the codebook
 */
export function tokenMapsSection(options: TokenMapsSectionOptions): ReportSection {
  const where = 'tokenMapsSection';
  const { originals, reconstructions, indices, grid, codebookSize, codebook, shown = 9 } = options;
  assertInteger(shown, 'shown', where);
  const [count, height] = originals.shape;
  const tokens = grid[0] * grid[1];
  if (indices.length !== count * tokens) {
    throw new ShapeError({
      where,
      expected: `${count * tokens} tokens for ${count} images`,
      got: String(indices.length),
    });
  }
  if (formatShape(reconstructions.shape) !== formatShape(originals.shape)) {
    throw new ShapeError({
      where,
      expected: `reconstructions ${formatShape(originals.shape)}`,
      got: formatShape(reconstructions.shape),
    });
  }
  const captions = imageCaptions(options, where);
  const before = toRgbImages(firstImages(originals, shown));
  const after = toRgbImages(firstImages(reconstructions, shown));
  const colors = codeColors({ codebookSize, codebook });
  const scale = Math.max(1, Math.round(height / grid[0]));
  const items = before.map((image, index) => {
    const codes = Array.from({ length: tokens }, (_, token) => indices[index * tokens + token]!);
    return { images: [image, tokenMap(codes, { grid, colors, scale }), after[index]!], caption: captions[index]! };
  });
  const squares = `Each square is one of the ${grid[0]} × ${grid[1]} tokens.`;
  const caption = codebook
    ? `${squares} Codes with similar vectors have similar colours (first three principal components of the codebook).`
    : `${squares} Each code has its own colour.`;
  return {
    title: 'Token maps',
    blocks: [
      {
        kind: 'gallery',
        labels: ['original', 'tokens', 'reconstruction'],
        items,
        caption,
        file: 'token-maps.png',
      },
    ],
  };
}
