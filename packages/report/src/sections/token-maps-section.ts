import {
  assertInteger,
  checkOptions,
  firstImages,
  formatShape,
  ShapeError,
  toRgbImages,
  type HostTensor,
  type OptionTable,
} from '@vitvq/core';
import { codeColors } from '../code-colors.js';
import { imageCaptions } from '../internal/image-captions.js';
import type { ReportSection } from '../report-content.js';
import type { ReconstructionFacts } from '../report-facts.js';
import { tokenMap } from '../token-map.js';

/** Options of {@link tokenMapsSection}. */
export interface TokenMapsSectionOptions extends ReconstructionFacts {
  /** Codes of the tokens in raster order, image after image, each in `[0, K)`. */
  readonly indices: ArrayLike<number>;
  /** Rows and columns of tokens. */
  readonly grid: readonly [number, number];
  /** Codes of one token: 1, or the number of levels of a residual quantizer. @default 1 */
  readonly codeDepth?: number;
  /** Number of codes, K. */
  readonly codebookSize: number;
  /**
   * Codes `[K, E]` as the quantizer compares them, where all levels have the same; similar codes
   * then get similar colours.
   */
  readonly codebook?: HostTensor;
  /** Number of images that are shown, from the first. @default 9 */
  readonly shown?: number;
}

const tokenMapsSectionOptionNames: OptionTable<TokenMapsSectionOptions> = {
  originals: 'required',
  reconstructions: 'required',
  names: 'optional',
  psnrOfImages: 'optional',
  indices: 'required',
  grid: 'required',
  codeDepth: 'optional',
  codebookSize: 'required',
  codebook: 'optional',
  shown: 'optional',
};

/** Largest number of levels that are shown; later ones say little of what an image shows. */
const maximumLevels = 4;

/**
 * Shows the tokens of images as maps of colours, between originals and reconstructions; those of a
 * residual quantizer level by level, up to the fourth.
 * @throws {ShapeError} when images, tokens, names and PSNR values do not fit each other
 * @throws {DataError} for a token outside the codebook
 */
export function tokenMapsSection(options: TokenMapsSectionOptions): ReportSection {
  const where = 'tokenMapsSection';
  checkOptions(options, tokenMapsSectionOptionNames, where, { allowOthers: true });
  const { originals, reconstructions, indices, grid, codeDepth = 1, codebookSize, codebook, shown = 9 } = options;
  assertInteger(shown, 'shown', where);
  assertInteger(codeDepth, 'codeDepth', where);
  const [count, height, width] = originals.shape;
  const tokens = grid[0] * grid[1];
  if (indices.length !== count * tokens * codeDepth) {
    throw new ShapeError({
      where,
      expected: `${count * tokens * codeDepth} ${codeDepth === 1 ? 'tokens' : 'codes of tokens'} for ${count} images`,
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
  const drawn = drawnGrid(grid, height / width);
  const scale = Math.max(1, Math.round(height / drawn[0]));
  const levels = Array.from({ length: Math.min(codeDepth, maximumLevels) }, (_, level) => level);
  const items = before.map((image, index) => {
    const maps = levels.map((level) => {
      const codes = Array.from(
        { length: tokens },
        (_, token) => indices[(index * tokens + token) * codeDepth + level]!,
      );
      return tokenMap(codes, { grid: drawn, colors, scale });
    });
    return { images: [image, ...maps, after[index]!], caption: captions[index]! };
  });
  const ofCodes = codeDepth === 1 ? '' : `, which have ${codeDepth} codes each`;
  const places = drawn === grid ? '' : ' in reading order, which says nothing of places in the image';
  const squares = `Each square is one of the ${grid[0]} × ${grid[1]} tokens${ofCodes}${places}.`;
  const labels = codeDepth === 1 ? ['tokens'] : levels.map((level) => `level ${level + 1}`);
  const caption = codebook
    ? `${squares} Codes with similar vectors have similar colours (first three principal components of the codebook).`
    : `${squares} Each code has its own colour.`;
  return {
    title: 'Token maps',
    blocks: [
      {
        kind: 'gallery',
        labels: ['original', ...labels, 'reconstruction'],
        items,
        caption,
        file: 'token-maps.png',
      },
    ],
  };
}

/**
 * Returns the rows and columns in which tokens are drawn: those of the grid, or for a sequence of
 * tokens without places, which would make a strip, the divisors of its length whose ratio is
 * nearest to `aspect`, the height of the images divided by their width.
 */
function drawnGrid(grid: readonly [number, number], aspect: number): readonly [number, number] {
  const [rows, columns] = grid;
  if (rows > 1 || columns * aspect <= 2) return grid;
  const folded = Array.from({ length: columns }, (_, index) => index + 1)
    .filter((divisor) => columns % divisor === 0)
    .map((height) => [height, columns / height] as const);
  const distance = ([height, width]: readonly [number, number]): number =>
    Math.max(height / (width * aspect), (width * aspect) / height);
  return folded.reduce((best, next) => (distance(next) < distance(best) ? next : best));
}
